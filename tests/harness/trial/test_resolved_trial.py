"""A resolved trial: its folder is named after what it is, and it is the same after JSON."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harness.trial.resolved_trial import ResolvedTrial

KEY = "0123456789abcdef"


@pytest.fixture
def trial(make_spec: Any, make_data: Any) -> ResolvedTrial:
    return ResolvedTrial(spec=make_spec(seed=3), result_key=KEY, prepared=make_data(), number=4)


def test_its_id_follows_from_its_spec_and_key(trial: ResolvedTrial) -> None:
    assert trial.trial_id == "small_networks-strided--p-set--small_networks-quick--s3--0123456789ab"
    of_a_fold = trial.spec.dataset.model_copy(update={"folds": 5, "fold": 2})
    spec = trial.spec.model_copy(update={"dataset": of_a_fold})
    name = trial.model_copy(update={"spec": spec}).trial_id
    assert name == "small_networks-strided--p-set--small_networks-quick--s3f2--0123456789ab"


def test_its_id_does_not_depend_on_where_its_data_lies_or_when_it_runs(trial: ResolvedTrial) -> None:
    prepared = trial.prepared.model_copy(update={"folder": "/elsewhere"})
    assert trial.model_copy(update={"prepared": prepared, "number": 9}).trial_id == trial.trial_id


def test_its_id_stays_when_another_plugin_claims_a_short_name(trial: ResolvedTrial) -> None:
    ambiguous = trial.spec.architecture.model_copy(update={"display_name": "small_networks/strided"})
    spec = trial.spec.model_copy(update={"architecture": ambiguous})
    assert trial.model_copy(update={"spec": spec}).trial_id == trial.trial_id


def test_a_folder_of_an_earlier_name_is_kept(trial: ResolvedTrial) -> None:
    assert trial.model_copy(update={"stored_as": "strided--x"}).trial_id == "strided--x"


def test_it_is_the_same_after_json(trial: ResolvedTrial) -> None:
    again = ResolvedTrial.model_validate_json(trial.model_dump_json())
    assert again == trial
    assert again.trial_id == trial.trial_id


def test_unknown_settings_are_rejected(trial: ResolvedTrial) -> None:
    with pytest.raises(ValidationError, match="colour"):
        ResolvedTrial.model_validate({**trial.model_dump(), "colour": "grey"})
