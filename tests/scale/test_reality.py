"""The simulation held to real benches, whose networks sleep in place of computing, on one slot and on two."""

from __future__ import annotations

import textwrap
import time
from pathlib import Path
from types import ModuleType

import pytest

from harness.bench.bench import BenchSummary, run_bench
from harness.bench.settings import BenchSettings
from harness.bench.slots import SlotRequest
from harness.data.settings import DataSettings
from harness.planning.plan import make_plan
from harness.planning.request import BenchRequest
from harness.planning.selection import select
from harness.records.record import Outcome
from harness.records.store import Store
from zoo.events import BenchEnded, BenchStarted, Event, TrialStarted
from zoo.loading import Sources, build_catalog

# Sleeping leaves the processor to others, so that two trials take no longer side by side than one after the other.
SLEEPERS = textwrap.dedent("""
    import time
    from zoo import Architecture, hookimpl

    def build(request):
        from torch import nn

        class Sleeper(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(request.in_channels * request.image_size ** 2, request.num_classes)

            def forward(self, images):
                if self.training:
                    time.sleep(request.options["seconds"])
                return self.layer(images.flatten(1))

        return Sleeper()

    @hookimpl
    def zoo_architectures():
        for number, seconds in enumerate((0.2, 0.5, 0.3, 0.6, 0.2, 0.4)):
            yield Architecture(name=f"sleeper{number}", build=build, options={"seconds": seconds})
""")


class _Clock:
    """Notes when trials start, and how long all of them take."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.began = self.ended = 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, BenchStarted):
            self.began = time.monotonic()
        elif isinstance(event, BenchEnded):
            self.ended = time.monotonic()
        elif isinstance(event, TrialStarted):
            self.order.append(event.trial_id)

    @property
    def seconds(self) -> float:
        return self.ended - self.began


def _bench(tmp_path: Path, jobs: int) -> tuple[_Clock, BenchSummary]:
    plugin = tmp_path / "sleepers.py"
    plugin.write_text(SLEEPERS)
    sources = Sources(files=(str(plugin),), entry_points=False)
    request = {
        "models": ["sleeper*"], "data": ["digits"], "seeds": 1, "epochs": 2, "limit_train": 120, "batch_size": 32,
        "device": "cpu", "threads": 1, "measure_seconds": 0,
    }  # fmt: skip
    clock = _Clock()
    summary = run_bench(
        make_plan(select(BenchRequest.parse(request, origin="the test"), build_catalog(sources))),
        store=Store(tmp_path / f"runs-{jobs}"),
        sources=sources,
        emit=clock,
        settings=BenchSettings(
            data=DataSettings(data_root=tmp_path / "data", cache=tmp_path / "cache"), slots=SlotRequest(jobs=jobs)
        ),
    )
    return clock, summary


@pytest.mark.slow
def test_a_bench_takes_the_simulated_time(scale: ModuleType, tmp_path: Path) -> None:
    """What trials took, and what starting one takes, come from one slot; the time of two is then told within 20 %."""
    alone, summary = _bench(tmp_path, 1)
    assert {record.outcome for record in summary.records} == {Outcome.DONE}
    totals = {record.trial_id: record.seconds["total"] for record in summary.records}
    start_seconds = (alone.seconds - sum(totals.values())) / len(totals)
    assert 0 < start_seconds < 2
    both, again = _bench(tmp_path, 2)
    assert {record.outcome for record in again.records} == {Outcome.DONE}
    for clock, slots in ((alone, 1), (both, 2)):
        trials = [scale.Trial(seconds=totals[trial_id]) for trial_id in clock.order]
        outcome = scale.simulate(trials, scale.Cluster(gpus=slots, start_seconds=start_seconds))
        assert clock.seconds == pytest.approx(outcome.makespan, rel=0.2), slots
