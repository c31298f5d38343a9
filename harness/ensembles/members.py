"""Members: the networks of an ensemble, with their predictions for the test and validation images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.records.predictions import (
    FILE_NAME,
    VAL_FILE_NAME,
    SavedPredictions,
    further_file,
    load_predictions,
)
from harness.records.record import DataInfo, Record, TestSetKind
from harness.records.spec import ASKED, DatasetSpec
from zoo.errors import StoreError
from zoo.text import one_line, plural


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class EnsembleMember:
    """A network of an ensemble."""

    record: Record
    test: SavedPredictions
    sha256: str
    """SHA-256 of the file of its test predictions."""
    val: SavedPredictions | None = None
    """Predictions for the validation images; None if they were not saved."""

    @property
    def title(self) -> str:
        """What sentences call it."""
        return title_of(self.record)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TestedOn:
    """The images that all members of an ensemble were tested on."""

    __test__ = False  # no test class of pytest's

    file: str
    """Name of the file of each member's predictions for them."""
    dataset: DatasetSpec
    data: DataInfo


def title_of(record: Record) -> str:
    """Return what sentences call the network of a record: model, seed and fold."""
    spec = record.spec
    fold = "" if spec.dataset.fold is None else f", fold {spec.dataset.fold}"
    return one_line(f"{spec.architecture.display_name}, seed {spec.seed}{fold}", max_length=120)


def own_test(record: Record) -> TestedOn:
    """Return the test images of a trial's own dataset."""
    assert record.data is not None, "the record of a finished trial describes its images"
    dataset = record.spec.dataset
    if record.spec.preparation is not None:  # how images were prepared is each member's own
        dataset = dataset.model_copy(update=dict.fromkeys(ASKED))
    return TestedOn(file=FILE_NAME, dataset=dataset, data=record.data)


def untouched_test(folds: Sequence[Record], name: str | None) -> TestedOn:
    """Return the further test set that all folds of a cross-validation were tested on.

    Args:
        folds: Records of the folds.
        name: Name of the test set; None: the only one.

    Raises:
        StoreError: If there is none, or several without a name.
    """
    title = one_line(folds[0].spec.whole.title, max_length=120)
    common = {
        each: result
        for each, result in folds[0].test_sets.items()
        if result.kind is TestSetKind.DATASET
        and all(each in fold.test_sets and fold.test_sets[each].fingerprint == result.fingerprint for fold in folds)
    }
    if name is None and len(common) > 1:
        raise StoreError(f"{title}: all folds were tested on {', '.join(common)}; choose one with --on NAME")
    if name is not None and name not in common:
        known = f"; they were tested on {', '.join(common)}" if common else ""
        raise StoreError(f"{title}: its folds were not all tested on {name!r}{known}")
    if not common:
        raise StoreError(
            f"{title}: its folds cannot be averaged, because each was tested on other images, which the others were "
            "trained on; test all of them on a split that no fold has seen (zoo bench with the same settings and "
            "--test-also NAME=DATA), then average them there"
        )
    chosen = name or next(iter(common))
    result, first = common[chosen], folds[0]
    assert first.data is not None, "the record of a finished trial describes its images"
    shown = one_line(result.source or chosen, max_length=100)
    return TestedOn(
        file=further_file(chosen),
        dataset=first.spec.dataset.model_copy(
            update={**dict.fromkeys(ASKED), "folds": None, "fold": None, "resplit": None, "display_name": shown}
        ),
        data=first.data.model_copy(
            update={
                "fingerprint": result.fingerprint,
                "whole_fingerprint": "",
                "pixels": "",
                "num_test": result.num_images,
                "notes": (f"predicted by all {plural(len(folds), 'fold')}, none of which was trained on these images",),
            }
        ),
    )


def check_untouched(folds: Sequence[tuple[Path, Record]], tested: TestedOn, test: SavedPredictions) -> None:
    """Check that no image of a further test set is one that the folds were trained on.

    All folds together were tested on every image that any of them was trained on.

    Args:
        folds: Trials of the folds.
        tested: The further test set.
        test: Predictions of one of them for it.

    Raises:
        StoreError: If an image is, by its id.
    """
    own = [load_predictions(folder, sha256=record.files.get(FILE_NAME)).samples for folder, record in folds]
    shared = int(np.isin(test.samples, np.concatenate(own)).sum())
    if shared:
        raise StoreError(
            f"{one_line(tested.dataset.display_name, max_length=80)}: {shared:,} of its "
            f"{plural(len(test.samples), 'image')} are among those that the folds were trained on, so their "
            "probabilities there say nothing about new images; test them on a split that no fold has seen"
        )


def read_member(folder: Path, record: Record, tested: TestedOn, *, with_val: bool = True) -> EnsembleMember:
    """Return a member with its predictions.

    Args:
        folder: Its trial folder.
        record: Its record.
        tested: The images to average over.
        with_val: Whether to read its validation predictions, if it has some.

    Raises:
        StoreError: If predictions are missing, damaged, or without scores.
    """
    title = title_of(record)
    sha256 = record.files.get(tested.file)
    if sha256 is None:
        raise StoreError(f"{title}: its record has no checksum of {tested.file}")
    test = load_predictions(folder, sha256=sha256, name=tested.file)
    if not test.predictions.has_scores:
        raise StoreError(f"{title}: there are classes only, and no probabilities to average")
    val = None
    if with_val and VAL_FILE_NAME in record.files:
        val = load_predictions(folder, sha256=record.files[VAL_FILE_NAME], name=VAL_FILE_NAME)
    return EnsembleMember(record=record, test=test, sha256=sha256, val=val)
