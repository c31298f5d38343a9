"""The process of a rank: reads its job, trains, and answers in a file beside it."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from harness.records.history import read_history
from harness.records.record import FailureKind
from harness.trial.distributed.rank import RankAnswer, RankJob
from harness.trial.distributed.supervisor import answer_file
from harness.trial.resolved_trial import ResolvedTrial
from zoo.loading import Sources


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


def run(*jobs: RankJob) -> list[tuple[int, RankAnswer]]:
    """Run jobs at the same time, and return their exit statuses and answers."""
    processes = []
    for job in jobs:
        file = Path(job.folder).parent / f"rank-{job.rank}.json"
        file.write_text(job.model_dump_json())
        code = f"from harness.trial.distributed.rank import run_rank; run_rank({str(file)!r})"
        process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
        processes.append((process, answer_file(file)))
    for process, _ in processes:
        process.communicate(timeout=120)
    return [(process.returncode, RankAnswer.model_validate_json(file.read_bytes())) for process, file in processes]


def epochs_of(job: RankJob) -> list[int]:
    rows = read_history(Path(job.folder) / "history.jsonl")
    return [row["epoch"] for row in rows if row["event"] == "epoch"]


def test_the_first_rank_alone_writes_into_the_folder_of_the_trial(make_job: Callable[..., RankJob]) -> None:
    jobs = [make_job(rank=rank, ranks=2) for rank in range(2)]
    for status, answer in run(*jobs):
        assert (status, answer.failure) == (0, None)
        assert answer.training is not None
        assert answer.training["epochs_run"] == 3
        assert answer.seconds > 0
    assert epochs_of(jobs[0]) == [1, 2, 3]
    assert (Path(jobs[0].folder) / "checkpoint.safetensors").exists()


def test_epochs_that_are_in_the_history_are_not_written_again(make_job: Callable[..., RankJob]) -> None:
    job = make_job(epochs_told=2)
    ((status, _),) = run(job)
    assert status == 0
    assert epochs_of(job) == [3]


def test_a_failure_is_the_answer(make_job: Callable[..., RankJob]) -> None:
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
