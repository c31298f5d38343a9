"""Trials without some of their test images: copies with fewer predictions and metrics computed again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.records.predictions import FILE_NAME, SavedPredictions, load_predictions, save_predictions
from harness.records.record import Outcome, Record
from harness.records.scoring import score
from harness.records.store import write_record
from harness.system.atomic_files import sha256_of
from zoo.catalog import Entry
from zoo.errors import StoreError
from zoo.metric import Metric


def write_without(
    trials: Iterable[tuple[Path, Record]],
    excluded: NDArray[np.uint64],
    target: Path,
    metrics: Sequence[Entry[Metric]],
) -> list[tuple[Path, Record]]:
    """Write copies of the finished trials into *target* as if the test images in *excluded* did not exist.

    Speeds, times and everything else stay; weights, histories and further test sets are left behind. A trial whose
    predictions cannot be read, or that would have no image left, is left out.

    Args:
        trials: Folders and records.
        excluded: Hashed ids of test images.
        target: A folder for the copies.
        metrics: Metrics to compute.

    Returns:
        Folder and record of each copy.
    """
    copies = []
    for folder, record in trials:
        if record.outcome is not Outcome.DONE or FILE_NAME not in record.files or record.data is None:
            continue
        try:
            saved = load_predictions(folder, sha256=record.files[FILE_NAME])
        except StoreError:
            continue
        kept_N = ~np.isin(saved.samples, excluded)
        if not kept_N.any():
            continue
        predictions = saved.predictions.select(kept_N)
        into = target / folder.name
        into.mkdir(parents=True)
        path = save_predictions(
            into,
            SavedPredictions(
                predictions=predictions,
                samples=saved.samples[kept_N],
                folds=saved.folds if saved.folds is None else saved.folds[kept_N],
            ),
            is_double=saved.predictions.logits.dtype == np.float64,
        )
        changed = record.model_copy(
            update={
                "metrics": score(predictions, metrics).values,
                "files": {path.name: sha256_of(path)},
                "data": record.data.model_copy(update={"num_test": int(kept_N.sum())}),
                "test_sets": {},
            }
        )
        write_record(into, changed)
        copies.append((into, changed))
    return copies
