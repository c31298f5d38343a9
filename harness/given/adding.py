"""Adding: predictions made elsewhere become rows, scored as those of trials are.

Shape suffixes: N images, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.given.alignment import align
from harness.given.columns import read_columns, without_endings
from harness.given.interpretation import GivenPredictions, interpret
from harness.given.row import NewRow, write_row
from harness.given.scores import SMALLEST, ScoreKind
from harness.given.test_images import TestImages
from harness.records.origin import Origin, OriginKind
from harness.records.predictions import SavedPredictions, one_hot
from harness.records.record import Record
from harness.records.spec import ArchitectureSpec, ExecutionSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.records.store import Store
from zoo.catalog import Entry
from zoo.errors import ManyErrors, UsageError, ZooError
from zoo.metric import Metric, Predictions
from zoo.names import slug
from zoo.text import one_line, plural

NAMESPACE = "predictions"
"""First half of the full names of what made the predictions."""
RECIPE = "zoo/predictions"


@dataclass(frozen=True, kw_only=True, slots=True)
class AddedRow:
    """A file of predictions that became a row."""

    path: Path
    record: Record
    is_new: bool
    """Whether the store did not have it yet."""
    aligned_by: str
    """What ids were compared by."""
    notes: tuple[str, ...]
    """Sentences on what of the file is not used."""


def add_predictions(
    store: Store,
    files: Sequence[Path],
    images: TestImages,
    metrics: Sequence[Entry[Metric]],
    *,
    name: str | None = None,
    scores: ScoreKind | None = None,
) -> list[AddedRow]:
    """Add the predictions in files to a store, a row for each file. All are read before any is written.

    Args:
        store: The store; it is made if there is none.
        files: Files of predictions for *images*.
        images: The test images.
        metrics: Metrics to compute; those that need scores are left out for files that have none.
        name: Name of the row of a single file; by default the name of the file without its ending.
        scores: What scores are; None: see :func:`harness.given.interpretation.interpret`.

    Raises:
        ZooError: With every mistake; no row is then written.
    """
    errors: list[ZooError] = []
    rows = []
    for path in files:
        try:
            rows.append((path, *_row(path, images, name=name or without_endings(path), scores=scores)))
        except ZooError as error:
            errors.append(error)
    errors += _repeated([row for _, row, _, _ in rows])
    ManyErrors.raise_if(errors)
    store.create()
    added = []
    for path, row, way, notes in rows:
        record, is_new = write_row(store, row, metrics)
        added.append(AddedRow(path=path, record=record, is_new=is_new, aligned_by=way, notes=notes))
    return added


def _row(path: Path, images: TestImages, *, name: str, scores: ScoreKind | None) -> tuple[NewRow, str, tuple[str, ...]]:
    columns = read_columns(path)
    given = interpret(columns, images.classes, scores)
    alignment = align(given, images)
    places_N = alignment.places_N
    has_scores = given.logits_NK is not None
    logits_NK = (
        given.logits_NK[places_N]
        if given.logits_NK is not None
        else one_hot(given.predicted_N[places_N], len(images.classes))
    )
    predictions = Predictions(
        logits=logits_NK,
        labels=images.labels_N,
        classes=images.classes,
        samples=images.samples_N,
        has_scores=has_scores,
        ids=tuple(images.ids),
        groups=images.groups_N,
        hierarchy=images.hierarchy,
    )
    notes = given.notes
    if alignment.num_left_out:
        left_out = plural(alignment.num_left_out, "prediction")
        notes = (*notes, f"{columns.name}: {left_out} of images outside the limited test set are passed over")
    row = NewRow(
        spec=_spec(name, images),
        origin=Origin(
            kind=OriginKind.PREDICTIONS,
            source=columns.name,
            files={columns.name: columns.sha256},
            has_scores=has_scores,
        ),
        data=images.info,
        saved=SavedPredictions(predictions=predictions, samples=images.samples_N),
        warnings=(*notes, *_warnings(given, predictions)),
    )
    return row, alignment.way, notes


def _warnings(given: GivenPredictions, predictions: Predictions) -> list[str]:
    """Return sentences on probabilities of 0 for the true class, and on an accuracy that is no better than chance."""
    found = []
    labels_N = predictions.labels
    right_N = predictions.logits.argmax(axis=1) == labels_N
    if given.logits_NK is not None:
        own_N = predictions.logits[np.arange(len(labels_N)), labels_N]
        impossible = int((own_N <= np.log(SMALLEST) + 1e-6).sum()) if predictions.logits.max() <= 1e-6 else 0
        if impossible:
            found.append(
                f"the true class has probability 0 in {plural(impossible, 'image')}, which counts as {SMALLEST:.1g} in "
                "the negative log-likelihood"
            )
    share = float(np.bincount(labels_N).max() / len(labels_N))
    accuracy = float(right_N.mean())
    if accuracy <= share + 2 * (share * (1 - share) / len(labels_N)) ** 0.5:
        found.append(
            f"its accuracy of {100 * accuracy:.1f} % is no better than naming one class for all images: its ids may "
            "number the images in another order"
        )
    return found


def _spec(name: str, images: TestImages) -> TrialSpec:
    shown = one_line(name, max_length=120)
    none = ProviderSpec(plugin="none")
    return TrialSpec(
        architecture=ArchitectureSpec(
            full_name=f"{NAMESPACE}/{slug(shown, 100)}", display_name=shown, family="", provider=none
        ),
        dataset=images.dataset,
        recipe=RecipeSpec(full_name=RECIPE, display_name="predictions", provider=none, hyperparameters={}),
        seed=0,
        execution=ExecutionSpec(precision="fp32", small_images="off", measure_seconds=0.0),
    )


def _repeated(rows: Sequence[NewRow]) -> list[ZooError]:
    """Return an error for each two files of the same name, whose rows could not be told apart."""
    names: dict[str, int] = {}
    for row in rows:
        shown = row.spec.architecture.display_name
        names[shown] = names.get(shown, 0) + 1
    return [
        UsageError(f"{count} files would make rows called {shown!r}: rename them, or add them one by one with a name")
        for shown, count in names.items()
        if count > 1
    ]
