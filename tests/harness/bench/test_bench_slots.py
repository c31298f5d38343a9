"""Several trials at a time on one machine: the same results as one after another, and speeds of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.bench.bench import BenchSummary, run_bench
from harness.bench.settings import BenchSettings, RunLimits
from harness.bench.slots import SlotRequest
from harness.data.settings import DataSettings
from harness.planning.plan import make_plan
from harness.planning.request import BenchRequest
from harness.planning.selection import select
from harness.records.predictions import load_predictions
from harness.records.record import FailureKind, Outcome
from harness.records.store import Store
from zoo.errors import StoreError
from zoo.events import Event, PhaseStarted, TrialEnded, TrialStarted
from zoo.loading import Sources, build_catalog

PLUGIN = textwrap.dedent("""
    import os, signal, time
    from pathlib import Path
    from zoo import Architecture, Dataset, Hyperparameters, Recipe, Split, Splits, hookimpl

    def linear(request):
        from torch import nn
        size = request.in_channels * request.image_size ** 2
        return nn.Sequential(nn.Flatten(), nn.Linear(size, request.num_classes))

    def meets(request):
        # Goes on when as many trials as its folder says are here at the same time.
        here = Path(__file__).parent / "here"
        (here / str(os.getpid())).touch()
        end = time.monotonic() + 60
        while len(list(here.iterdir())) < 2:
            assert time.monotonic() < end, "nobody else came"
            time.sleep(0.02)
        return linear(request)

    def naps(request):
        from torch import nn
        class Naps(nn.Module):
            def __init__(self):
                super().__init__()
                self.body, self.awake = linear(request), True
            def forward(self, images):
                if self.training and self.awake and not images.is_meta:  # once
                    self.awake, start = False, time.monotonic()
                    mine = Path(__file__).parent / "here" / str(os.getpid())
                    mine.touch()
                    if "ZOO_TEST_MEET" in os.environ:
                        while len(list(mine.parent.iterdir())) < 2 and time.monotonic() < start + 60:
                            time.sleep(0.02)
                    time.sleep(0.5)
                    mine.write_text(f"{start} {time.monotonic()}")
                return self.body(images)
        return Naps()

    def dies(request):
        os.kill(os.getpid(), signal.SIGKILL)

    def loops(request):
        while True:
            time.sleep(0.01)

    @hookimpl
    def zoo_architectures():
        for build in (linear, meets, naps, dies, loops):
            yield Architecture(name=build.__name__, build=build, preload=("torch",))

    def load(request):
        import numpy as np
        def split(count):
            labels = np.arange(count) % 2
            images = np.random.default_rng(count).integers(0, 60, (count, 8, 8, 1), dtype=np.uint8)
            images += (labels * 120)[:, None, None, None].astype(np.uint8)
            return Split(images=images, labels=labels.astype(np.int64))
        return Splits(classes=("dark", "light"), train=split(80), test=split(40))

    @hookimpl
    def zoo_datasets():
        yield Dataset(name="shades", load=load)

    @hookimpl
    def zoo_recipes():
        yield Recipe(name="quick", hyperparameters=lambda: Hyperparameters(epochs=2, batch_size=16))
""")

Run = Callable[..., BenchSummary]


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def run(tmp_path: Path, events: list[Event]) -> Run:
    plugin = tmp_path / "toys.py"
    plugin.write_text(PLUGIN)
    (tmp_path / "here").mkdir()

    def run(
        *models: str, out: str = "runs", jobs: int, timeout: float | None = None, **changes: object
    ) -> BenchSummary:
        raw = {
            "models": models,
            "data": ["shades"],
            "recipes": ["quick"],
            "measure_seconds": 0,
            "threads": 1,
            **changes,
        }
        sources = Sources(files=(str(plugin),), builtin=False, entry_points=False, strict=True)
        request = BenchRequest.model_validate(raw)
        events.clear()
        return run_bench(
            make_plan(select(request, build_catalog(sources))),
            store=Store(tmp_path / out),
            sources=sources,
            emit=events.append,
            settings=BenchSettings(
                data=DataSettings(data_root=tmp_path / "data", cache=tmp_path / "cache"),
                limits=RunLimits(timeout=timeout),
                slots=SlotRequest(jobs=jobs),
            ),
        )

    return run


def test_jobs_run_at_the_same_time_and_no_more_of_them_than_asked_for(run: Run, events: list[Event]) -> None:
    summary = run("meets", jobs=2, seeds=3)
    assert summary.counts == {"done": 3}
    running = most = 0
    for event in events:
        running += isinstance(event, TrialStarted)
        running -= isinstance(event, TrialEnded)
        most = max(most, running)
    assert most == 2


def test_results_are_those_of_one_trial_after_another(run: Run, tmp_path: Path) -> None:
    one, two = run("linear", out="one", jobs=1, seeds=3), run("linear", out="two", jobs=2, seeds=3)
    assert [record.trial_id for record in one.records] == [record.trial_id for record in two.records]
    for first, second in zip(one.records, two.records, strict=True):
        assert (first.result_key, first.measurement_key) == (second.result_key, second.measurement_key)
        logits = [
            load_predictions(tmp_path / out / first.trial_id).predictions.logits.tobytes() for out in ("one", "two")
        ]
        assert logits[0] == logits[1]


def test_a_trial_that_dies_does_not_affect_other_trials(run: Run) -> None:
    summary = run("dies", "linear", "loops", jobs=3, seeds=1, timeout=6)
    by_name = {record.spec.architecture.display_name: record for record in summary.records}
    assert by_name["linear"].outcome is Outcome.DONE
    kinds = {name: record.failure.kind for name, record in by_name.items() if record.failure}
    assert kinds == {"dies": FailureKind.KILLED, "loops": FailureKind.TIMEOUT}


def test_a_record_says_with_how_many_it_shared_and_measures_again_what_was_not_its_own(run: Run) -> None:
    alone = run("linear", out="alone", jobs=1, seeds=1, measure_seconds=0.02).records[0]
    shared = run("linear", out="shared", jobs=2, seeds=1, measure_seconds=0.02).records[0]
    assert alone.speed is not None
    assert shared.speed is not None
    assert "trials_on_device" not in alone.environment
    assert shared.environment["trials_on_device"] == 2
    assert alone.speed.train_end_to_end is not None
    assert shared.speed.train_end_to_end is not None
    # Beside other load, the epochs of the one alone do not count either.
    was_busy = any("in the network's own time" in note for note in alone.speed.notes)
    assert alone.speed.train_end_to_end.windows == (3 if was_busy else 1)
    assert shared.speed.train_end_to_end.windows == 3
    assert not any("beside" in note for note in shared.speed.notes)


def test_threads_go_by_the_work_of_a_step_and_not_by_the_number_of_trials(run: Run) -> None:
    few = run("linear", out="few", jobs=1, seeds=1, threads=None).records[0]
    many = run("linear", out="many", jobs=64, seeds=1, threads=None).records[0]
    assert few.spec.execution.threads is many.spec.execution.threads is None
    assert few.environment["threads"] == many.environment["threads"] == 1
    assert few.environment["available_threads"] == many.environment["available_threads"] >= 1
    assert few.measurement_key == many.measurement_key


CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@pytest.mark.skipif(len(CORES) < 2, reason="needs two cores that a process can be bound to")
@pytest.mark.parametrize(
    ("threads", "most", "variables"),
    [(1, 2, {"ZOO_TEST_MEET": "1"}), pytest.param(2, 1, {}, marks=pytest.mark.slow)],
    ids=["one-thread-each", "two-threads-each"],
)
def test_no_more_trials_compute_at_a_time_than_there_are_cores_for_their_threads(
    tmp_path: Path, make_cache: Callable[[], Path], threads: int, most: int, variables: dict[str, str]
) -> None:
    (tmp_path / "toys.py").write_text(PLUGIN)
    (tmp_path / "here").mkdir()
    command = f"bench --plugin toys.py --models naps --data shades --recipes quick --seeds 3 --threads {threads} -q"
    env = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    subprocess.run(
        [sys.executable, "-m", "zoo", *command.split(), "--measure-seconds", "0", "--jobs", "3", "--device", "cpu"],
        cwd=tmp_path,
        env={**env, **variables, "ZOO_CACHE": str(make_cache())},
        preexec_fn=lambda: os.sched_setaffinity(0, CORES[:2]),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    naps = [tuple(map(float, path.read_text().split())) for path in (tmp_path / "here").iterdir()]
    assert len(naps) == 3
    assert max(sum(begin <= start < end for begin, end in naps) for start, _ in naps) == most


def test_each_trial_reports_its_own_phases(run: Run, events: list[Event]) -> None:
    run("linear", jobs=2, seeds=2)
    phases = Counter(event.trial_id for event in events if isinstance(event, PhaseStarted))
    assert len(phases) == 2
    assert len(set(phases.values())) == 1


def test_a_store_that_cannot_be_written_leaves_no_trial_running(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(self: object, trial: object, *others: object) -> None:
        raise StoreError("the disk is gone")

    started: list[object] = []
    from harness.bench.local_trials import LocalTrials

    start, killed = LocalTrials.start, []
    kill = LocalTrials.kill

    def start_one(self: LocalTrials, trial: object, *others: object) -> None:
        if started:
            cannot(self, trial, *others)
        started.append(trial)
        start(self, trial, *others)  # type: ignore[arg-type]

    def kill_all(self: LocalTrials) -> None:
        kill(self)
        killed.append(all(each.job.wait(0) for each in self._running))

    monkeypatch.setattr(LocalTrials, "start", start_one)
    monkeypatch.setattr(LocalTrials, "kill", kill_all)
    with pytest.raises(StoreError, match="the disk is gone"):
        run("loops", jobs=2, seeds=2)
    assert killed == [True]
