"""Jobs on this machine: one after another, each with its answer or the reason why there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.bench.job_runner import StoppedError
from harness.bench.local_jobs import LocalJobRunner
from harness.bench.processes.starter import Starter
from harness.system.interrupts import Interrupts
from zoo.errors import ManyErrors, ZooError
from zoo.events import Event


@pytest.fixture
def interrupts() -> Interrupts:
    return Interrupts()


@pytest.fixture
def jobs(tmp_path: Path, interrupts: Interrupts) -> LocalJobRunner:
    events: list[Event] = []
    return LocalJobRunner(Starter(()), tmp_path, events.append, interrupts, {})


def test_each_job_has_its_own_answer(jobs: LocalJobRunner, tmp_path: Path) -> None:
    answers = [jobs.ask("call", function="textwrap:indent", arguments={"text": "a", "prefix": text}) for text in "-+"]
    assert answers == ["-a", "+a"]
    assert jobs.count == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]


def test_errors_of_a_job_are_raised_here(jobs: LocalJobRunner) -> None:
    with pytest.raises(ManyErrors, match="--precision fp16 needs a CUDA device") as caught:
        jobs.ask(
            "call",
            function="harness.measuring.environment:resolve_precision",
            arguments={"name": "fp16", "device": "cpu"},
        )
    assert len(caught.value.errors) == 1


def test_a_job_without_an_answer_is_one_sentence_with_its_last_words(jobs: LocalJobRunner) -> None:
    with pytest.raises(ZooError) as caught:
        jobs.ask("call", function="json:loads", arguments={"s": "{"})
    assert str(caught.value).startswith(
        "the process for call ended with exit status 1: json.decoder.JSONDecodeError: Expecting property name"
    )


def test_a_silent_job_gives_one_sentence_too(jobs: LocalJobRunner) -> None:
    with pytest.raises(ZooError, match=r"^the process for call ended with exit status 7: it printed nothing$"):
        jobs.ask("call", function="os:_exit", arguments={"status": 7})


def test_a_stop_by_the_user_ends_the_job(jobs: LocalJobRunner, interrupts: Interrupts, tmp_path: Path) -> None:
    interrupts.count = 1
    with pytest.raises(StoppedError):
        jobs.ask("call", function="subprocess:run", arguments={"args": ["sleep", "3600"]})
    assert not (tmp_path / "1" / "result.json").exists()
