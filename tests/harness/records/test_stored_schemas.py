"""Stores that earlier versions wrote are opened for ever: one small store is kept for each version of the schema.

A fixture is made by ``zoo bench --models linear --limit-test 40 --limit-train 100 --epochs 2 --seeds 2
--measure-seconds 0.02`` with the version that writes it, and never changed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.records.keys import result_key
from harness.records.merging import merge
from harness.records.predictions import load_predictions
from harness.records.record import SCHEMA_VERSION, Outcome
from harness.records.store import Store
from harness.system.atomic_files import sha256_of

FIXTURES = Path(__file__).parents[2] / "fixtures"
VERSIONS = range(1, SCHEMA_VERSION + 1)


@pytest.fixture(params=VERSIONS)
def store(request: pytest.FixtureRequest) -> Store:
    """A store as that version wrote it."""
    return Store(FIXTURES / f"store-v{request.param}")


def test_records_of_every_version_are_read(store: Store) -> None:
    records = [record for _, record in store.records()]
    assert [record.spec.seed for record in records] == [0, 1]
    for record in records:
        assert record.outcome is Outcome.DONE
        assert record.spec.architecture.full_name == "zoo/linear"
        assert record.model is not None
        assert record.model.params == 650


def test_their_numbers_follow_from_their_predictions(store: Store) -> None:
    for folder, record in store.records():
        for name, sha256 in record.files.items():
            assert sha256_of(folder / name) == sha256
        predictions = load_predictions(folder).predictions
        correct = predictions.logits.argmax(axis=1) == predictions.labels
        assert record.metrics["accuracy"].value == pytest.approx(float(np.mean(correct)))


def test_their_keys_still_mean_what_they_meant(store: Store) -> None:
    for _, record in store.records():
        assert record.data is not None
        key = result_key(
            record.spec, fingerprint=record.data.fingerprint, torch_version=str(record.environment["torch"])
        )
        assert key == record.result_key


def test_they_can_be_merged_into_a_new_store(store: Store, tmp_path: Path) -> None:
    summary = merge([store.root], Store(tmp_path / "new"))
    assert (summary.added, summary.refused) == (2, ())
