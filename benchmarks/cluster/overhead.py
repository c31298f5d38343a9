"""What a trial on a Ray cluster costs beyond the same trial at home: ``python benchmarks/cluster/overhead.py``.

Runs the same short trials (a linear classifier on digits, one epoch, no measurement of speed) in turns: two at a time
on this machine, and on a node of two CPUs. What it takes to start Ray and Python is not a trial's: what counts is the
time from the first trial's start to the last one's end, as the bench's own events tell it. Needs zoobench[ray].
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
            print(json.dumps([type(event).__name__, time.monotonic()]), file=out, flush=True)
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
    ends = sorted(when for name, when in events if name == "TrialEnded")
    starts = [when for name, when in events if name == "TrialStarted"]
    assert len(ends) == len(starts) == num_trials, "not every trial ran"
    # The first trial of each slot pays for what its processes load once.
    half = num_trials // 2
    steady = (ends[-1] - ends[half]) / (num_trials - 1 - half)
    return {"whole": whole, "trials": ends[-1] - min(starts), "steady": steady}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=20)
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
        ("trials", "first start to last end"),
        ("steady", "one more trial"),
    ):
        medians = {name: statistics.median(each[key] for each in runs) for name, runs in found.items()}
        share = 1 if key == "steady" else asked.trials
        # Two at a time: a trial takes twice as long as one comes after the other.
        extra = 2 * (medians["ray"] - medians["local"]) / share
        print(f"{what}: local {medians['local']:.2f} s, ray {medians['ray']:.2f} s; a trial costs {extra:+.3f} s more")


if __name__ == "__main__":
    main()
