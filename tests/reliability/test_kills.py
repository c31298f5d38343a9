"""A whole bench killed at random moments, and continued each time."""

from __future__ import annotations

import csv
import io
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

TIMED = ("time", "speed", "memory", "latency", "loader_bound", "foreign_cores")
"""Parts of the names of columns that tell of time and place."""


def _table(output: str) -> list[dict[str, str]]:
    """Return a table's rows without what depends on time."""
    rows = csv.DictReader(io.StringIO(output))
    return [{key: value for key, value in row.items() if not any(part in key for part in TIMED)} for row in rows]


def _kill_and_continue(bench: Any, *, kills: int, seconds: tuple[float, float], **what: Any) -> tuple[str, int]:
    """Kill a bench that often at random moments; return what it shows at the end, and how often it was hit alive."""
    draw = random.Random(f"{kills} kills")
    hits = 0
    for _ in range(kills):
        process = bench.start(**what)
        try:
            process.communicate(timeout=draw.uniform(*seconds))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            hits += 1
    process = bench.start(**what)
    output, said = process.communicate(timeout=600)
    assert (process.returncode, said) == (0, "")
    return output, hits


def _same_as_undisturbed(
    make_bench: Callable[..., Any], *, kills: int, seconds: tuple[float, float], **what: Any
) -> int:
    whole = make_bench()
    killed = make_bench(cache=whole.cache)  # which holds what was found to be fastest
    process = whole.start(**what)
    expected, _ = process.communicate(timeout=600)
    output, hits = _kill_and_continue(killed, kills=kills, seconds=seconds, **what)
    assert _table(output) == _table(expected)
    assert len(_table(output)) == 2
    # The plugin's files lie elsewhere, which no key holds: the trials are the same ones.
    assert killed.content() == whole.content()
    print(f"{hits} of {kills} kills hit a bench at work; all were survived")
    return hits


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_bench_killed_again_and_again_ends_with_the_table_of_an_undisturbed_one(
    make_bench: Callable[..., Any],
) -> None:
    """lm-evaluation-harness#2533, timm's bulk_runner: a crash lost all results.

    Eight trials and five kills. ``ZOO_KILLS=20 ZOO_KILL_SEEDS=20`` makes it forty trials and twenty kills; and
    ``ZOO_KILL_SECONDS=30`` the longest time before one, for a slow or a busy machine.
    """
    kills = int(os.environ.get("ZOO_KILLS", "5"))
    seeds = int(os.environ.get("ZOO_KILL_SEEDS", "4"))
    longest = float(os.environ.get("ZOO_KILL_SECONDS", "12"))
    models = ("toy_linear", "toy_slow")
    hits = _same_as_undisturbed(
        make_bench, kills=kills, seconds=(longest / 4, longest), models=models, seeds=seeds, recipe="steady"
    )
    assert hits > 0


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="there are no process groups here")
def test_a_killed_bench_shows_its_finished_trials_and_continues(make_bench: Callable[..., Any]) -> None:
    """lm-evaluation-harness#2533: each finished trial is durable at once."""
    bench = make_bench()
    process = bench.start(models=("toy_linear", "toy_slow"), recipe="steady")
    done = bench.store.root / "*"
    while not list(bench.store.root.glob("*/record.json")):
        assert process.poll() is None, f"it ended before any record was in {done}"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    before = bench.content()
    assert 0 < len(before) < 4
    summary = bench.run(models=("toy_linear", "toy_slow"), recipe="steady")
    assert summary.counts == {"done": 4}
    after = bench.content()
    assert {trial: after[trial] for trial in before} == before
