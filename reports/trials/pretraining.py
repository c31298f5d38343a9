"""Pretraining: whether the weights of a trial saw its test images, or the collection that these come from."""

from __future__ import annotations

from harness.records.record import Record
from zoo.pretraining import Seen, seen


def seen_by(record: Record) -> Seen | None:
    """Return whether published weights that a trial starts from saw its test images; None if it starts from scratch.

    Where nothing is declared, as for files, for predictions made elsewhere and in records of earlier versions, it is
    unknown.
    """
    if not (record.origin or record.spec.classifier or record.spec.recipe.hyperparameters.get("pretrained")):
        return None
    declared = record.spec.pretraining
    return Seen.UNKNOWN if declared is None else seen(declared.collections, declared.test_images)
