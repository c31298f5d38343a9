"""A node: answers what it is asked, runs a trial in its own cache, and refuses what it would not reproduce."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.bench.remote.jobs import RemoteJobRunner
from harness.bench.resolution import resolve
from harness.data.settings import DataSettings
from harness.system.interrupts import Interrupts
from harness.trial.resolved_trial import ResolvedTrial

Message = tuple[dict[str, Any], bytes]


@pytest.fixture
def tell(inline_cluster: Any, inline_workers: Any) -> Callable[..., list[Message]]:
    """Have the node do something, and return all that it sends."""

    def tell(kind: str, **fields: Any) -> list[Message]:
        return list(inline_workers.work(inline_cluster.task("t", cpus=1, gpus=0, kind=kind, **fields)))

    return tell


@pytest.fixture
def make_trial(inline_cluster: Any, bench: Any, tmp_path: Path) -> Callable[[str], ResolvedTrial]:
    """Make a trial with a recipe, as a bench hands it to the node."""

    def make(recipe: str) -> ResolvedTrial:
        jobs = RemoteJobRunner(inline_cluster, bench.events.append, Interrupts())
        data = DataSettings(data_root=tmp_path / "data", cache=tmp_path / "cache")
        plan = bench.plan("linear", recipes=[recipe], device="cpu", precision="fp32", threads=1)
        (resolved,) = resolve(plan, jobs, arrange=lambda machine, execution, num_trials: 1, data=data)
        return resolved

    return make


@pytest.fixture
def trial(make_trial: Callable[[str], ResolvedTrial]) -> ResolvedTrial:
    """A trial of two epochs."""
    return make_trial("quick")


def answers(messages: list[Message]) -> list[Any]:
    return [message["value"] for message, _ in messages if message["kind"] == "answer"]


def changed(trial: ResolvedTrial, part: str, **changes: Any) -> ResolvedTrial:
    """Return the trial with other values in a part of its spec."""
    value = getattr(trial.spec, part).model_copy(update=changes)
    return trial.model_copy(update={"spec": trial.spec.model_copy(update={part: value})})


def test_a_probe_is_answered_with_the_machine(tell: Any) -> None:
    values = {"device": "cpu", "precision": "auto", "threads": 1}
    (machine,) = answers(tell("probe", values=values))
    assert (machine["device"], machine["precision"]) == ("cpu", "fp32")
    assert machine["environment"]["torch"]


def test_a_dataset_that_cannot_be_prepared_gives_a_sentence(tell: Any, bench: Any) -> None:
    (dataset,) = bench.plan("linear", data=["absent"]).datasets
    ((message, content),) = [each for each in tell("prepare", dataset=dataset) if each[0]["kind"] != "progress"]
    assert message["kind"] == "errors"
    assert [("put the files into X" in sentence) for sentence in message["sentences"]] == [True]
    assert content == b""


def test_a_trial_is_run_once_and_its_files_are_sent_again(tell: Any, trial: ResolvedTrial, tmp_path: Path) -> None:
    messages = tell("trial", trial=trial)
    events = [message["fields"] for message, _ in messages if message.get("event") == "epoch"]
    assert [(fields["trial_id"], fields["epoch"]) for fields in events] == [(trial.trial_id, 1), (trial.trial_id, 2)]
    files = {message["name"]: content for message, content in messages if message["kind"] == "file"}
    assert {"history.jsonl", "spec.json", "predictions.safetensors", "val_predictions.safetensors"} <= set(files)
    message, content = messages[-1]
    assert message == {"kind": "record"}
    record = json.loads(content)
    assert (record["trial_id"], record["result_key"], record["outcome"]) == (trial.trial_id, trial.result_key, "done")
    (folder,) = (tmp_path / "node" / "remote").glob(f"*/{trial.trial_id}")
    assert (folder / "record.json").read_bytes() == content

    again = tell("trial", trial=trial)
    assert [message for message, _ in again if message["kind"] == "event"] == []
    assert again[-1] == messages[-1]


def test_a_trial_that_it_would_not_reproduce_is_refused(tell: Any, trial: ResolvedTrial, tmp_path: Path) -> None:
    other_images = trial.prepared.model_copy(update={"fingerprint": "0" * 64})
    provider = trial.spec.architecture.provider.model_copy(update={"code_hash": "0" * 64})
    cases = {
        "node here has different images of shades than the bench": trial.model_copy(update={"prepared": other_images}),
        "node here has different code for linear (toys) than the bench (toys)": changed(
            trial, "architecture", provider=provider
        ),
        "or another version of zoo, than the bench": trial.model_copy(update={"result_key": "0" * 64}),
    }
    for problem, case in cases.items():
        message, _ = tell("trial", trial=case)[-1]
        assert message["kind"] == "refused"
        assert message["problem"].endswith(problem)
    assert not list((tmp_path / "node" / "remote").glob("*/*/record.json"))


def test_a_stop_by_the_user_interrupts_a_trial_that_runs(
    make_trial: Any, inline_cluster: Any, inline_workers: Any
) -> None:
    task = inline_cluster.task("t", cpus=1, gpus=0, kind="trial", trial=make_trial("long"))
    messages = []
    for message in inline_workers.work(task):
        messages.append(message)
        inline_workers.stopping |= message[0].get("event") == "epoch"
    message, content = messages[-1]
    assert message == {"kind": "record"}
    assert json.loads(content)["outcome"] == "interrupted"


def test_a_stop_before_an_answer_is_a_refusal(inline_cluster: Any, inline_workers: Any, bench: Any) -> None:
    (dataset,) = bench.plan("linear", data=["endless"]).datasets
    messages = []
    for message in inline_workers.work(inline_cluster.task("t", cpus=1, gpus=0, kind="prepare", dataset=dataset)):
        messages.append(message)
        inline_workers.stopping = True  # once it is known to run
    assert messages == [
        ({"kind": "progress", "message": "loading on here", "share": None}, b""),
        ({"kind": "refused", "problem": "stopped by the user", "stopped": True}, b""),
    ]
