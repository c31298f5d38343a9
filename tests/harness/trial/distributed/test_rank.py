"""The process of a rank: reads its job, trains, and answers in a file beside it."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from harness.records.history import read_history
from harness.records.record import FailureKind
from harness.trial.distributed.rank import RankAnswer, RankJob, run_rank
from harness.trial.distributed.supervisor import RankSupervisor, answer_file
from harness.trial.resolved_trial import ResolvedTrial
from zoo.loading import Sources

Run = Callable[..., list[tuple[int, RankAnswer]]]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture
def make_job(make_spec: Any, make_data: Any, plugin_file: Path, tmp_path: Path) -> Callable[..., RankJob]:
    prepared = make_data(num_train=32, num_val=8)
    sources = dataclasses.asdict(Sources(files=(str(plugin_file),), entry_points=False, strict=True))

    def make(*, rank: int = 0, ranks: int = 1, model: str = "strided", **fields: Any) -> RankJob:
        (tmp_path / "trial").mkdir(exist_ok=True)
        return RankJob(
            rank=rank,
            devices=("cpu",) * ranks,
            meeting_place=str(tmp_path / "meeting"),
            timeout_seconds=60,
            trial=ResolvedTrial(spec=make_spec(model), result_key="key", prepared=prepared),
            folder=str(tmp_path / "trial"),
            sources=sources,
            layout="contiguous",
            **fields,
        )

    return make


@pytest.fixture(scope="module")
def supervisor() -> Iterator[RankSupervisor]:
    """From a process that has imported what is wanted, as the fork server of a bench has: ranks import no torch."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]  # that of an earlier test, which has other modules
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["harness.trial.setup", "harness.training.loop", "torch._dynamo", "timm.layers"])
    supervisor = RankSupervisor(run_rank, context=context)
    yield supervisor
    supervisor.close()
    # Later tests need one of a bench's own, which ends what trials leave running.
    forkserver._forkserver._stop()  # type: ignore[attr-defined]


@pytest.fixture
def run(supervisor: RankSupervisor) -> Run:
    """Run jobs at the same time, and return their exit statuses and answers."""

    def run(*jobs: RankJob) -> list[tuple[int, RankAnswer]]:
        files = [Path(job.folder).parent / f"rank-{job.rank}.json" for job in jobs]
        for file, job in zip(files, jobs, strict=True):
            file.write_text(job.model_dump_json())
        statuses = [exited.status for exited in supervisor.run(files)]
        answers = [RankAnswer.model_validate_json(answer_file(file).read_bytes()) for file in files]
        return list(zip(statuses, answers, strict=True))

    return run


def epochs_of(job: RankJob) -> list[int]:
    rows = read_history(Path(job.folder) / "history.jsonl")
    return [row["epoch"] for row in rows if row["event"] == "epoch"]


def test_the_first_rank_alone_writes_into_the_folder_of_the_trial(make_job: Callable[..., RankJob], run: Run) -> None:
    jobs = [make_job(rank=rank, ranks=2) for rank in range(2)]
    for status, answer in run(*jobs):
        assert (status, answer.failure) == (0, None)
        assert answer.training is not None
        assert answer.training["epochs_run"] == 3
        assert answer.seconds > 0
    assert epochs_of(jobs[0]) == [1, 2, 3]
    assert (Path(jobs[0].folder) / "checkpoint.safetensors").exists()


def test_epochs_that_are_in_the_history_are_not_written_again(make_job: Callable[..., RankJob], run: Run) -> None:
    job = make_job(epochs_told=2)
    ((status, _),) = run(job)
    assert status == 0
    assert epochs_of(job) == [3]


def test_a_failure_is_the_answer(make_job: Callable[..., RankJob], run: Run) -> None:
    job = make_job(model="raising")
    ((status, answer),) = run(job)
    assert status == 1
    assert answer.training is None
    assert answer.failure is not None
    assert answer.failure.kind is FailureKind.PLUGIN
    assert answer.failure.message == "building raising failed: RuntimeError: no weights"
    assert not (Path(job.folder) / "checkpoint.safetensors").exists()


def test_a_job_is_the_same_after_json(make_job: Callable[..., RankJob]) -> None:
    job = make_job(rank=1, ranks=2, at_most=8, epochs_done=1)
    again = RankJob.model_validate_json(job.model_dump_json())
    assert again.model_dump(mode="json") == job.model_dump(mode="json")
    assert (again.rank, again.devices, again.at_most, again.epochs_done) == (1, ("cpu", "cpu"), 8, 1)
    assert again.trial == job.trial
    with pytest.raises(ValidationError, match="colour"):
        RankJob.model_validate({**job.model_dump(), "colour": "grey"})
