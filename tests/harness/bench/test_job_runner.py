"""What every job runner does, be it on this machine or on a node."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.bench.job_runner import JobRunner, StoppedError, TimedJobRunner
from harness.bench.local_jobs import LocalJobRunner
from harness.bench.processes.starter import Starter
from harness.bench.remote.jobs import RemoteJobRunner
from harness.system.interrupts import Interrupts
from zoo.errors import ManyErrors


@pytest.fixture(params=["local", "remote"])
def make_runner(request: pytest.FixtureRequest, bench: Any, tmp_path: Path) -> Callable[[Interrupts], JobRunner]:
    def make(interrupts: Interrupts) -> JobRunner:
        if request.param == "remote":
            return RemoteJobRunner(request.getfixturevalue("inline_cluster"), bench.events.append, interrupts)
        (tmp_path / "scratch").mkdir()
        places = dataclasses.asdict(bench.sources)
        return LocalJobRunner(Starter(()), tmp_path / "scratch", bench.events.append, interrupts, places)

    return make


def prepare(runner: JobRunner, bench: Any, data: str = "shades") -> Any:
    (dataset,) = bench.plan("linear", data=[data]).datasets
    return runner.ask(
        "prepare",
        dataset=dataset.model_dump(mode="json"),
        data_root=str(bench.folder / "data"),
        cache=str(bench.folder / "cache"),
        download=False,
        cache_limit=None,
    )


def test_a_dataset_is_prepared_where_the_trials_will_run(make_runner: Any, bench: Any) -> None:
    answer = prepare(make_runner(Interrupts()), bench)
    assert (answer["num_train"], answer["num_val"], answer["num_test"]) == (72, 8, 40)
    assert answer["classes"] == ["dark", "light"]
    assert Path(answer["folder"], "train-images.npy").exists()


def test_errors_are_raised_with_their_sentences(make_runner: Any, bench: Any) -> None:
    with pytest.raises(ManyErrors) as caught:
        prepare(make_runner(Interrupts()), bench, "absent")
    assert len(caught.value.errors) == 1
    assert "put the files into X" in str(caught.value)


def test_a_stop_by_the_user_is_raised(make_runner: Any, bench: Any) -> None:
    interrupts = Interrupts()
    interrupts.count = 1
    with pytest.raises(StoppedError):
        prepare(make_runner(interrupts), bench, "endless")


class Slow:
    """A runner by whose clock each job takes two seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.emit = print
        self.now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def ask(self, kind: str, **values: Any) -> Any:
        self.now += 2.0
        if "problem" in values:
            raise ManyErrors([])
        return values


def test_the_time_of_jobs_adds_up_by_kind_also_if_they_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = TimedJobRunner(Slow(monkeypatch))
    assert runner.emit is print
    assert runner.ask("prepare", dataset="a") == {"dataset": "a"}
    assert runner.ask("probe") == {}
    with pytest.raises(ManyErrors):
        runner.ask("prepare", problem=True)
    assert runner.seconds == {"prepare": 4.0, "probe": 2.0}
