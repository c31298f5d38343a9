"""A machine as a probe found it: the same after JSON, and refused if it is anything else."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harness.bench.machine import Machine

FIELDS = {"device": "cuda:1", "precision": "bf16", "num_gpus": 2, "environment": {"torch": "2.15.0", "threads": 4}}


def test_a_machine_is_the_same_after_json() -> None:
    machine = Machine.model_validate(FIELDS)
    assert Machine.model_validate_json(machine.model_dump_json()) == machine
    assert machine.model_dump(mode="json") == FIELDS


@pytest.mark.parametrize("changes", [{"precision": "fp8"}, {"num_gpus": "several"}, {"colour": "grey"}])
def test_answers_that_no_probe_gives_are_rejected(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(changes))):
        Machine.model_validate({**FIELDS, **changes})
