"""Test images: what predictions made elsewhere are aligned with: the test split of a dataset, or a file of labels.

Shape suffixes: N images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.data.image_writer import hash_content
from harness.data.prepare import load_splits, prepare_splits
from harness.data.settings import DataSettings, Report
from harness.data.splitting import SplitIndices, hash_ids, make_parts, whole
from harness.given.columns import read_columns
from harness.given.interpretation import class_numbers, find_ids, find_labels
from harness.given.words import shown
from harness.records.record import DataInfo
from harness.records.spec import DatasetSpec, stable_hash
from zoo.dataset import Dataset
from zoo.hierarchy import ClassHierarchy
from zoo.text import one_line, plural


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TestImages:
    """The images of a test set, without their pixels."""

    __test__ = False  # no test class of pytest's

    title: str
    """What sentences call it."""
    dataset: DatasetSpec
    info: DataInfo
    ids: Sequence[str]
    labels_N: NDArray[np.int64]
    samples_N: NDArray[np.uint64]
    """Hashed ids, as in saved predictions."""
    groups_N: NDArray[np.uint64] | None = None
    """Hashes of the names of the images' groups; None if there are none."""
    left_out: frozenset[str] = frozenset()
    """Ids of images of the whole test split that a limit leaves out: predictions of these are passed over."""
    file_names: Sequence[str] = ()
    """Names of the images' files where ids are others; empty if there are none."""
    is_in_published_order: bool = True
    """Whether numbers of images are those that they were published with; see :class:`zoo.dataset.Split`."""
    content: Callable[[], list[str]] | None = None
    """Returns the SHA-256 of each image as it is stored; None: the images are not at hand."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def hierarchy(self) -> ClassHierarchy | None:
        """The groups that classes belong to, if they are known."""
        return ClassHierarchy(classes=self.classes, ancestors=self.info.hierarchy) if self.info.hierarchy else None

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.info.classes


def from_dataset(dataset: Dataset, spec: DatasetSpec, settings: DataSettings, *, report: Report) -> TestImages:
    """Return the test images of a dataset, which is prepared for its fingerprint as a bench would prepare it.

    Raises:
        ZooError: If the dataset cannot be loaded or prepared.
    """
    splits = load_splits(dataset, spec, settings.request_for(spec, report))
    prepared = prepare_splits(dataset, spec, splits, settings, report=report)
    parts, _ = make_parts(
        splits, val_fraction=spec.val_fraction, limit_train=spec.limit_train, limit_test=spec.limit_test
    )
    part = parts["test"]
    ids = [part.ids[index] for index in part.indices.tolist()]
    names = part.source.file_names
    file_names = [] if names is None else [names[index] for index in part.indices.tolist()]
    groups = part.source.groups
    left_out: frozenset[str] = frozenset()
    if spec.limit_test is not None and splits.test is not None:
        left_out = frozenset((*whole("test", splits.test).ids, *(names or ()))) - {*ids, *file_names}
    info = DataInfo(
        fingerprint=prepared.fingerprint,
        pixels=prepared.pixels,
        classes=prepared.classes,
        hierarchy=prepared.hierarchy,
        image_size=prepared.image_size,
        channels=prepared.channels,
        num_train=prepared.num_train,
        num_val=prepared.num_val,
        num_test=prepared.num_test,
        notes=prepared.notes,
    )
    return TestImages(
        title=f"the test images of {one_line(spec.display_name, max_length=80)}",
        dataset=spec,
        info=info,
        ids=ids,
        labels_N=part.labels,
        samples_N=part.hashes_N[part.indices],
        groups_N=None if groups is None else hash_ids([groups[index] for index in part.indices.tolist()]),
        left_out=left_out,
        file_names=file_names,
        is_in_published_order=part.source.is_in_published_order,
        content=lambda: _contents(part),
    )


def _contents(part: SplitIndices) -> list[str]:
    source = part.source.images if part.source.images is not None else part.source.encoded
    assert source is not None, "a split has one of the two"
    return [hash_content(source[index]).hex() for index in part.indices.tolist()]


def from_labels(
    path: Path, spec: DatasetSpec, *, classes: Sequence[str] = (), num_classes: int | None = None
) -> TestImages:
    """Return the test images in a file of ids and labels, where the dataset itself is not at hand.

    Args:
        path: The file; it is read like a file of predictions.
        spec: The dataset, which only its name is taken of.
        classes: Names of the classes. Without them, classes are called by the labels: in their order if these are
            numbers, which then start at 0, else in alphabetical order.
        num_classes: Number of classes, if the labels may not show all of them.

    Raises:
        DataError: If the file cannot be read, or ids or labels are not what they should be.
    """
    columns = read_columns(path)
    ids, labels = find_ids(columns), find_labels(columns)
    repeated = [each for each, count in zip(*np.unique(ids, return_counts=True), strict=True) if count > 1]
    if repeated:
        raise columns.error(f"{plural(len(repeated), 'id')} more than once: {shown(repeated)}")
    names = tuple(classes) or _classes_of([str(each) for each in labels.tolist()], num_classes)
    if len(names) < 2:
        raise columns.error("expected labels of at least two classes")
    labels_N = class_numbers(columns, labels, names, ids, what="has")
    samples_N = hash_ids(ids)
    order = np.argsort(samples_N, kind="stable")
    content = [names, [[int(samples_N[index]), int(labels_N[index])] for index in order.tolist()]]
    return TestImages(
        title=f"{columns.name}",
        dataset=spec,
        info=DataInfo(
            fingerprint=stable_hash(content),
            classes=names,
            image_size=None,
            channels=None,
            num_train=None,
            num_val=None,
            num_test=len(ids),
        ),
        ids=ids,
        labels_N=labels_N,
        samples_N=samples_N,
    )


def _classes_of(labels: Sequence[str], num_classes: int | None) -> tuple[str, ...]:
    distinct = set(labels)
    if all(label.isascii() and label.isdigit() and str(int(label)) == label for label in distinct):
        count = max(map(int, distinct)) + 1
        if count <= max(len(labels), num_classes or 0):
            return tuple(map(str, range(max(count, num_classes or 0))))
    return tuple(sorted(distinct))
