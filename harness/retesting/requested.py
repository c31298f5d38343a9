"""The test sets that a request names. Never imports torch.

==================  =====================================================================
``NAME=DATA``       the images of another dataset, such as ``site_b=folder:photos_b``
``corrupt:all``     the test images with every corruption, at five severities
``corrupt:NAME``    one corruption; ``corrupt:NAME@3`` at one severity
``slices``          each slice of the test images, as the dataset names them
==================  =====================================================================
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.data.corruptions.corruption import CORRUPTIONS, SEVERITIES, find_corruption
from harness.planning.plan import dataset_spec
from harness.planning.request import BenchRequest
from harness.planning.selection import select_datasets
from harness.records.record import TestSetKind
from harness.records.spec import DatasetSpec, FrozenModel
from zoo.catalog import Catalog
from zoo.errors import ManyErrors, UsageError, ZooError

SLICES = "slices"
CORRUPT = "corrupt:"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]{0,40}")
_RESERVED = ("corrupt", "slice", "slices")


class RequestedSet(FrozenModel):
    """A further test set that is asked for."""

    name: str
    """Name in records and tables; for slices, the beginning of their names."""
    kind: TestSetKind
    dataset: DatasetSpec | None = None
    """Where the images come from, if it is another dataset."""
    corruption: str = ""
    severity: int | None = None


class DueSet(FrozenModel):
    """A test set that a trial is to be tested on."""

    requested: RequestedSet
    name: str
    """Name in the record; slices have one each."""
    key: str
    """Hash of the set and of the trial's weights: with another one, the trial is tested again."""
    fingerprint: str = ""
    """SHA-256 of the images of another dataset, known beforehand."""
    slice_name: str = ""
    """Name of the slice as the dataset has it."""


def requested_sets(request: BenchRequest, catalog: Catalog) -> tuple[RequestedSet, ...]:
    """Return the test sets that a request names, each once.

    Raises:
        ZooError: With every mistake in their names.
    """
    found: dict[str, RequestedSet] = {}
    errors: list[ZooError] = []
    for text in request.test_also:
        try:
            for each in _sets(text, request, catalog):
                if found.setdefault(each.name, each) != each:
                    errors.append(
                        UsageError(f"test_also: two test sets are called {each.name!r}; give each its own name")
                    )
        except ManyErrors as many:
            errors += many.errors
        except ZooError as error:
            errors.append(error)
    own = sorted({each.kind.value for each in found.values() if each.kind is not TestSetKind.DATASET})
    if own and request.folds is not None:
        kinds = " or ".join(own)
        errors.append(
            UsageError(
                f"test_also: folds are tested on other datasets only, such as held=DATA, and not by {kinds}: each fold "
                "has a network and test images of its own, not the row's"
            )
        )
    ManyErrors.raise_if(errors)
    return tuple(found.values())


def corruption_set(name: str, severity: int) -> str:
    """Return the name of a corrupted test set in records."""
    return f"{name}-{severity}"


def _sets(text: str, request: BenchRequest, catalog: Catalog) -> Iterator[RequestedSet]:
    if text == SLICES:
        yield RequestedSet(name=SLICES, kind=TestSetKind.SLICE)
    elif text.startswith(CORRUPT):
        yield from _corrupted(text.removeprefix(CORRUPT))
    else:
        yield _of_dataset(text, request, catalog)


def _corrupted(text: str) -> Iterator[RequestedSet]:
    name, at, severity = text.partition("@")
    if at and severity not in ("0", *map(str, SEVERITIES)):
        raise UsageError(f"corrupt:{text}: expected a severity from 1 to 5 after @, or 0 for the images as they are")
    names = CORRUPTIONS if name == "all" else [find_corruption(name).name]
    for each in names:
        for level in [int(severity)] if at else SEVERITIES:
            yield RequestedSet(
                name=corruption_set(each, level), kind=TestSetKind.CORRUPTION, corruption=each, severity=level
            )


def _of_dataset(text: str, request: BenchRequest, catalog: Catalog) -> RequestedSet:
    name, equals, data = text.partition("=")
    if not equals or not data:
        raise UsageError(
            f"test_also {text!r}: expected NAME=DATA, such as site_b=folder:photos_b, or corrupt:all, corrupt:NAME or "
            "slices"
        )
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise UsageError(
            f"test_also {text!r}: the name before = may have letters, digits and _, and must not be corrupt or slices"
        )
    # Overrides are those of the datasets that are trained on; images are prepared as each network wants them.
    alone = request.model_copy(
        update={"data": (data,), "set": {}, "image_size": None, "epochs": None, "batch_size": None}
    )
    selected = select_datasets(alone, catalog)
    if len(selected) != 1:
        raise UsageError(f"test_also {text!r}: {data!r} names {len(selected)} datasets; give each a name of its own")
    if data in request.data and request.folds is None:  # folds leave the test split of their source alone
        raise UsageError(f"test_also {text!r}: {data} is what is trained on; its test split is tested anyway")
    return RequestedSet(name=name, kind=TestSetKind.DATASET, dataset=dataset_spec(selected[0], alone))
