"""A trial's job: the same after JSON, in which the bench hands it to a process."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harness.trial.job import TrialJob
from harness.trial.resolved_trial import ResolvedTrial


@pytest.fixture
def job(make_spec: Any, make_data: Any) -> TrialJob:
    trial = ResolvedTrial(spec=make_spec(seed=3), result_key="key", prepared=make_data())
    return TrialJob(trial=trial, folder="/runs/a", devices=("cuda:1", "cuda:0"), node="attic", sharing=2, retry=True)


def test_it_is_the_same_after_json(job: TrialJob) -> None:
    assert TrialJob.model_validate_json(job.model_dump_json()) == job


def test_a_trial_alone_on_the_device_of_its_spec_needs_a_folder_only(job: TrialJob) -> None:
    plain = TrialJob(trial=job.trial, folder=job.folder)
    assert (plain.devices, plain.node, plain.sharing, plain.cores_folder, plain.retry) == ((), "", 1, "", False)
    assert plain.planned_ns is None


def test_unknown_fields_are_rejected(job: TrialJob) -> None:
    with pytest.raises(ValidationError, match="colour"):
        TrialJob.model_validate({**job.model_dump(), "colour": "grey"})
