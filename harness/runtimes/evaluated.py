"""Evaluated classifiers: weights that were not trained here, as a runtime converts them."""

from __future__ import annotations

from pathlib import Path

from harness.classifiers.recorded import card_of
from harness.classifiers.trained import TrainedClassifier
from harness.data.images import PreparedData
from harness.planning.classifiers import GivenClassifier
from harness.records.record import Record
from harness.trial.evaluating import competing_classes, evaluated_network
from zoo.catalog import Catalog


def evaluated_classifier(
    record: Record, given: GivenClassifier, prepared: PreparedData, catalog: Catalog
) -> TrainedClassifier:
    """Return the network that an evaluated *record* was made with, as one module that maps images to its logits.

    Args:
        record: What was tested.
        given: Where the weights are.
        prepared: The images that it was tested on.
        catalog: Where its plugins are.

    Raises:
        TrialError: If the weights are missing, have changed, or do not fit the network.
        ZooError: If a plugin that it needs is not in the catalog.
    """
    card = card_of(record, catalog, origin=record.trial_id)
    return TrainedClassifier(
        card=card.model_copy(update={"classes": competing_classes(record.spec, given, prepared)}),
        model=evaluated_network(record.spec, given, prepared, catalog).eval(),
        path=Path(given.path),
    )
