"""Label agreement: do the trials on the same test images have the same images, with the same labels?

Whoever sets the labels of a trial's predictions to what it predicted, and every sum and metric to match, passes a
recomputation, as does whoever leaves out hard images. Images of one fingerprint and their labels are the same for every
trial, though, so a forged trial shows beside an honest one, without the data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.records.predictions import SavedPredictions, further_file, load_predictions
from harness.records.record import Outcome, Record
from harness.records.runtime_result import RuntimeRecord, predictions_file, runtime_name
from reports.trials.grouping import row_key
from reports.trials.reading import Trial
from zoo.errors import StoreError
from zoo.text import one_line, plural


@dataclass(kw_only=True)
class _Version:
    """What one way of labelling the images of a fingerprint says, and who says it."""

    classes: tuple[str, ...]
    labels: dict[int, int] = field(default_factory=dict)
    """Labels by sample; grows with the trials that agree, which may be tested on other images of the dataset."""
    rows: set[str] = field(default_factory=set)
    names: list[str] = field(default_factory=list)

    def differences(self, labels: dict[int, int]) -> int:
        """Return the number of images whose labels differ."""
        return sum(self.labels.get(sample, label) != label for sample, label in labels.items())


@dataclass(kw_only=True)
class _Images:
    """Who has predictions for one set of images."""

    rows: set[str] = field(default_factory=set)
    names: list[str] = field(default_factory=list)


def label_problems(trials: Sequence[Trial]) -> list[str]:
    """Return a sentence for each trial whose labels or images are not those of most rows on the same images.

    Args:
        trials: Finished and other trials, with their results under other runtimes.
    """
    versions: dict[str, list[_Version]] = {}
    sets: dict[str, dict[str, _Images]] = {}
    for trial in trials:
        for fingerprint, name, saved in _labelled(trial):
            if _has_all_images(trial[1]):
                images = sets.setdefault(fingerprint, {}).setdefault(_digest(saved.samples), _Images())
                images.rows.add(row_key(trial[1]))
                images.names.append(name)
            labels = _labels(saved.samples, saved.predictions.labels)
            known = versions.setdefault(fingerprint, [])
            mine = next((each for each in known if _agree(each, saved.predictions.classes, labels)), None)
            if mine is None:
                mine = _Version(classes=saved.predictions.classes)
                known.append(mine)
            mine.labels.update(labels)
            mine.rows.add(row_key(trial[1]))
            mine.names.append(name)
    problems: list[str] = []
    for fingerprint, known in versions.items():
        if len(known) > 1:
            problems += _sentences(fingerprint, known)
    for fingerprint, found in sets.items():
        problems += _of_other_images(fingerprint, found)
    return problems


def _has_all_images(record: Record) -> bool:
    """Return whether predictions are for all images of their fingerprint: a fold has some, as given predictions may."""
    return record.origin is None and record.data is not None and not record.data.whole_fingerprint


def _digest(samples_N: NDArray[np.uint64]) -> str:
    return hashlib.sha256(np.sort(samples_N).tobytes()).hexdigest()


def _of_other_images(fingerprint: str, found: Mapping[str, _Images]) -> Iterator[str]:
    most = max(len(each.rows) for each in found.values())
    usual = [each for each in found.values() if len(each.rows) == most]
    for each in found.values():
        if len(usual) > 1 or each is not usual[0]:
            whose = "most rows" if len(usual) == 1 else "as many other rows, one of which is wrong,"
            for name in each.names:
                yield f"{name}: its predictions are not for the images {one_line(fingerprint[:12])} that {whose} have"


def _sentences(fingerprint: str, known: list[_Version]) -> Iterator[str]:
    most = max(len(each.rows) for each in known)
    usual = [each for each in known if len(each.rows) == most]
    images = f"images {one_line(fingerprint[:12])}"
    for each in known:
        if len(usual) == 1 and each is usual[0]:
            continue
        other = usual[0] if each is not usual[0] else next(one for one in known if one is not each)
        if each.classes != other.classes:
            what = "the names of the classes differ"
        else:
            what = f"the labels of {plural(other.differences(each.labels), 'image')} differ"
        whose = (
            "from those of most rows" if len(usual) == 1 else "from those of as many other rows, one of which is wrong"
        )
        for name in each.names:
            yield f"{name}: {what} {whose} on the same {images}"


def _agree(version: _Version, classes: tuple[str, ...], labels: dict[int, int]) -> bool:
    return version.classes == classes and not version.differences(labels)


def _labels(samples_N: NDArray[np.uint64], labels_N: NDArray[np.int64]) -> dict[int, int]:
    return dict(zip(samples_N.tolist(), labels_N.tolist(), strict=False))


def _labelled(trial: Trial) -> Iterator[tuple[str, str, SavedPredictions]]:
    """Yield the predictions of a trial, with the fingerprint of the images and a name for sentences.

    What cannot be read is a problem that the check of the trial itself names.
    """
    folder, record = trial
    if record.outcome is not Outcome.DONE:
        return
    name = one_line(f"{folder.name} {runtime_name(record)}".rstrip(), max_length=120)
    for fingerprint, file in _files(record):
        if file not in record.files or not fingerprint:
            continue
        try:
            yield (
                fingerprint,
                name if file == predictions_file(record) else f"{name}, {one_line(file)}",
                load_predictions(folder, name=file),
            )
        except StoreError:
            continue


def _files(record: Record) -> Iterator[tuple[str, str]]:
    if record.data is not None:
        yield record.data.whole_fingerprint or record.data.fingerprint, predictions_file(record)
    if not isinstance(record, RuntimeRecord):
        for name, result in record.test_sets.items():
            yield result.fingerprint, further_file(name)
