"""Overhead of a trial on a Ray cluster over the same trial without: ``python benchmarks/cluster/overhead.py``.

Runs the same short trials (a linear classifier on digits, one epoch, no speed measurement) alternately: two at a time
on this machine, and on a node with two CPUs. Starting Ray and Python is not counted: the measured time is from the
start of the first trial to the end of the last, as reported by the events of the bench. Needs zoobench[ray].
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sysconfig
import tempfile
import time
from pathlib import Path

SCRIPT = Path(sysconfig.get_path("scripts")) / "zoo"

LISTENER = """
import json, os, time
from zoo import Listener, hookimpl
from zoo.events import TrialEnded, TrialStarted

def open_times(store):
    out = open(os.environ["TIMES"], "a")
    def hear(event):
        if isinstance(event, (TrialStarted, TrialEnded)):
            print(json.dumps([type(event).__name__, event.trial_id, time.monotonic()]), file=out, flush=True)
    return hear

@hookimpl
def zoo_listeners():
    yield Listener(name="times", open=open_times)
"""


def run(folder: Path, number: int, num_trials: int, where: list[str]) -> dict[str, float]:
    listener = folder / "times.py"
    listener.write_text(LISTENER)
    times = folder / f"{number}.jsonl"
    began = time.monotonic()
    subprocess.run(
        [
            *(str(SCRIPT), "bench", "--models", "linear", "--data", "digits", "--recipes", "sgd_quick"),
            *("--seeds", str(num_trials), "--epochs", "1", "--measure-seconds", "0", "--device", "cpu"),
            *("--threads", "1", "--quiet", "--plugin", str(listener), "--listen", "times"),
            *("--out", str(folder / f"runs-{number}"), *where),
        ],
        check=True,
        env={**os.environ, "TIMES": str(times)},
        stdout=subprocess.DEVNULL,
    )
    whole = time.monotonic() - began
    events = [json.loads(line) for line in times.read_text().splitlines()]
    starts = {trial: when for name, trial, when in events if name == "TrialStarted"}
    ends = sorted((when, trial) for name, trial, when in events if name == "TrialEnded")
    assert len(ends) == len(starts) == num_trials, "not every trial ran"
    # The first trial of each slot pays for what its processes load once, and others run beside it meanwhile.
    last = ends[-(num_trials // 3) :]
    # From an end to the start that it made room for.
    gaps = [min(when - end for when in starts.values() if when >= end) for end, _ in last[:-2]]
    return {
        "whole": whole,
        "spread": 2 * (ends[-1][0] - min(starts.values())) / num_trials,
        "trial": statistics.median(end - starts[trial] for end, trial in last) + statistics.median(gaps),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--address", default="", help="of a cluster with two CPUs; by default one of its own")
    asked = parser.parse_args()
    ray = ["--executor", "ray", "--address", asked.address]
    ray += [] if asked.address else ["--executor-option", "cpus=2"]
    places = {"local": ["--jobs", "2"], "ray": ray}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in places}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(asked.rounds):
            for name, where in places.items():
                found[name].append(run(Path(folder), 10 * turn + len(name), asked.trials, where))
                print(name, {key: round(value, 3) for key, value in found[name][-1].items()}, flush=True)
    for key, what in (
        ("whole", "whole command"),
        ("spread", "a trial, with all that is loaded once"),
        ("trial", "a trial, once all is loaded"),
    ):
        local, ray_ = (statistics.median(each[key] for each in found[name]) for name in ("local", "ray"))
        print(f"{what}: local {local:.3f} s, ray {ray_:.3f} s, {ray_ - local:+.3f} s")


if __name__ == "__main__":
    main()
