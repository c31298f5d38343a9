"""What a probe measured crosses processes as JSON, whole and under known names."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harness.planning.measured import Measured

FIELDS: dict[str, Any] = {
    "build_seconds": 0.25,
    "image_seconds": 0.002,
    "val_image_seconds": 0.001,
    "single_image_seconds": 0.004,
    "save_seconds": 0.05,
    "end_seconds": 0.1,
    "inference_batch": 64,
    "training_batch": 32,
    "peak_memory_mib": 123.5,
    "macs": 10**12,
    "threads": 2,
    "seconds": 3.5,
}


@pytest.mark.parametrize("unknown", [{}, {"peak_memory_mib": None, "macs": None}])
def test_it_is_read_as_it_was_written(unknown: dict[str, None]) -> None:
    measured = Measured(**{**FIELDS, **unknown})
    assert set(FIELDS) == set(Measured.model_fields)
    assert Measured.model_validate_json(measured.model_dump_json()) == measured
    assert measured.model_dump() == {**FIELDS, **unknown}


def test_a_probe_without_a_duration_took_no_time() -> None:
    assert Measured(**{name: value for name, value in FIELDS.items() if name != "seconds"}).seconds == 0.0


@pytest.mark.parametrize("wrong", [{"image_seconds": "slow"}, {"macs": 1.5}, {"training_batch": None}, {"flops": 1}])
def test_other_kinds_and_unknown_names_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Measured(**{**FIELDS, **wrong})


def test_it_cannot_be_changed() -> None:
    measured = Measured(**FIELDS)
    with pytest.raises(ValidationError, match="frozen"):
        measured.macs = 1
