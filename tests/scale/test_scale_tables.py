"""What docs/explanation/scale.md works out: the tables come from measured constants, and say what their cells mean."""

from __future__ import annotations

import json
from types import ModuleType

import pytest


def _shapes(tables: ModuleType) -> dict[str, dict[str, float]]:
    return {shape["model"]: shape for shape in json.loads(tables.MEASURED.read_text())["shapes"]}


def test_every_mix_has_a_measured_shape(tables: ModuleType) -> None:
    shapes = _shapes(tables)
    for mix in tables.MIXES:
        shape = shapes[mix.model]
        assert shape["state_bytes"] > shape["weights_bytes"] > 0
        assert 0 < shape["write_seconds"] < 60


def test_trials_of_a_mix_have_its_median_and_its_order(tables: ModuleType) -> None:
    _, cifar, _ = tables.MIXES
    shape = _shapes(tables)[cifar.model]
    first = [trial.seconds for trial in tables.make_trials(cifar, shape, 1001, order="longest first")]
    assert first == sorted(first, reverse=True)
    assert first[500] == pytest.approx(60.0, rel=0.1)
    planned = tables.make_trials(cifar, shape, 1001, order="plan")
    assert sorted(trial.seconds for trial in planned) == sorted(first)
    # A minute is too short for a training state to be sent.
    assert all(trial.checkpoint_seconds >= 60.0 for trial in planned)


def test_a_node_fails_as_often_as_published(tables: ModuleType) -> None:
    assert pytest.approx(6335, rel=0.001) == tables.NODE_MTBF_HOURS


def test_a_row_shows_its_outcome(tables: ModuleType, scale: ModuleType) -> None:
    outcome = scale.Outcome(
        makespan=2 * 3600.0, useful_seconds=3 * 3600.0, head_seconds=360.0, store_bytes=2e9, written_bytes=7.2e9, gpus=2
    )
    assert tables.row(outcome, 2.5) == "2.0 h | 75.0% | 5.0% | 1 MB/s | 2.0 GB | 0 | 0.0 GPU h | $10"
