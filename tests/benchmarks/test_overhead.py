"""What a trial costs besides its training steps: start, build, load, evaluate, measure and write."""

from __future__ import annotations

import time
from pathlib import Path

from pytest_benchmark.fixture import BenchmarkFixture

from harness.bench.bench import run_bench
from harness.bench.settings import BenchSettings
from harness.data.settings import DataSettings
from harness.planning.plan import make_plan
from harness.planning.request import BenchRequest
from harness.planning.selection import select
from harness.records.record import Outcome
from harness.records.store import Store
from zoo import Catalog
from zoo.events import Event, TrialEnded
from zoo.finding import Sources

GOAL_S, LIMIT_S = 1.5, 3.0
"""The limit leaves room for a slower machine, or a busy one."""
SEEDS = 6


def test_everything_around_the_steps_of_one_epoch_of_digits(
    benchmark: BenchmarkFixture, catalog: Catalog, tmp_path: Path
) -> None:
    """Speeds are measured, with the default time for that; an overhead is the best of five trials after the first."""
    request = BenchRequest.parse(
        {"models": ["lenet5"], "data": ["digits"], "epochs": 1, "seeds": SEEDS}, origin="the benchmark"
    )
    ends: list[float] = []

    def emit(event: Event) -> None:
        if isinstance(event, TrialEnded):
            ends.append(time.perf_counter())

    def bench() -> list[float]:
        summary = run_bench(
            make_plan(select(request, catalog)),
            store=Store(tmp_path / "runs"),
            sources=Sources(entry_points=False),
            emit=emit,
            settings=BenchSettings(data=DataSettings(data_root=tmp_path / "data", cache=tmp_path / "cache")),
        )
        assert [record.outcome for record in summary.records] == [Outcome.DONE] * SEEDS
        steps = [record.training.seconds for record in summary.records if record.training]
        # From the end of one trial to the end of the next: nothing between them is left out.
        return [end - before - in_steps for before, end, in_steps in zip(ends, ends[1:], steps[1:], strict=False)]

    overheads = benchmark.pedantic(bench, rounds=1)
    benchmark.extra_info.update(overhead_s=[round(seconds, 3) for seconds in overheads], goal_s=GOAL_S)
    if benchmark.enabled:
        assert min(overheads) < LIMIT_S
