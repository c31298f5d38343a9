"""Pretraining: whether the weights of a trial saw its test images, or the collection that these come from."""

from __future__ import annotations

from harness.records.origin import OriginKind
from harness.records.record import Record
from zoo.pretraining import Seen, seen


def seen_by(record: Record) -> Seen | None:
    """Return whether published weights that a trial starts from saw its test images; None if it starts from scratch.

    Where nothing is declared, as for files, for predictions made elsewhere and in records of earlier versions, it is
    unknown. An ensemble starts from scratch if all of its members do.
    """
    if record.origin is not None and record.origin.kind is OriginKind.ENSEMBLE and record.model is not None:
        return Seen.UNKNOWN if record.model.pretrained else None
    if not (record.origin or record.spec.classifier or record.spec.recipe.hyperparameters.get("pretrained")):
        return None
    declared = record.spec.pretraining
    return Seen.UNKNOWN if declared is None else seen(declared.collections, declared.test_images)
