"""Errors: one that a trial ends with carries its kind."""

from __future__ import annotations

import pytest

from harness.faults.errors import TrialError
from harness.faults.failures import classify
from harness.records.record import FailureKind
from zoo.errors import ZooError


@pytest.mark.parametrize("kind", FailureKind)
def test_a_trials_error_keeps_its_kind_and_sentence(kind):
    error = TrialError(kind, "the loss is not finite")
    assert isinstance(error, ZooError)
    assert str(error) == "the loss is not finite"
    failure = classify(error, "train")
    assert (failure.kind, failure.message) == (kind, "the loss is not finite")
