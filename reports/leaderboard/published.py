"""Published figures beside measured ones: the difference with its interval, and a verdict.

A figure is compared only with an accuracy on the dataset that it was published for, all of its classes and all of its
test images: a dataset of that name, or a folder or file of that name. Otherwise it stands alone, with its dataset.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from pathlib import PurePath
from typing import Any

from harness.records.record import Record
from reports.leaderboard.columns.cells import points_text
from reports.leaderboard.columns.column import Column
from reports.leaderboard.table import ComparedFigure, Estimate, Row
from zoo.published import PublishedFigure
from zoo.text import one_line

MARGIN = 0.005
"""Difference in accuracy that counts as none if it is surely smaller: half a percentage point, about what another image
library or another order of sums costs."""
REPRODUCED, DIFFERENT, UNDECIDED = "reproduced", "different", "undecided"
_SAME = {"imagenet1k": "imagenet", "ilsvrc2012": "imagenet"}
"""Other names of datasets."""


def compare_figure(record: Record, figure: PublishedFigure | None, accuracy: Estimate | None) -> ComparedFigure | None:
    """Return a published accuracy beside the measured one; None if none was published."""
    if figure is None or figure.metric != "accuracy":
        return None
    alone = ComparedFigure(value=figure.value, dataset=one_line(figure.dataset), source=one_line(figure.source))
    if accuracy is None or accuracy.low is None or accuracy.high is None or not is_published_for(figure, record):
        return alone
    low, high = accuracy.low - figure.value, accuracy.high - figure.value
    difference = accuracy.mean - figure.value
    return ComparedFigure(
        value=alone.value,
        dataset=alone.dataset,
        source=alone.source,
        difference=difference,
        low=low,
        high=high,
        verdict=verdict_of(figure.value, difference, low, high),
    )


def verdict_of(published: float, difference: float, low: float, high: float) -> str:
    """Return whether a figure was reproduced.

    It was if the measured one rounds to it, or the difference is surely below :data:`MARGIN`. It was not if the
    difference is surely more than rounding. Otherwise there are too few test images to tell.

    Args:
        published: Published accuracy as a share.
        difference: Measured minus published accuracy.
        low: Lower end of the 95 % interval of the difference.
        high: Its upper end.
    """
    rounding = rounding_of(published)
    if abs(difference) <= rounding or (low > -MARGIN and high < MARGIN):
        return REPRODUCED
    return DIFFERENT if low > rounding or high < -rounding else UNDECIDED


def rounding_of(published: float) -> float:
    """Return half a unit of the last digit of an accuracy in percent: 0.0005 for 0.748, which is 74.8 %."""
    digits = f"{100 * published:.6f}".rstrip("0").partition(".")[2]
    return 0.5 * 10.0 ** -(len(digits) + 2) * (1 + 1e-6)  # as much as floats add


def is_published_for(figure: PublishedFigure, record: Record) -> bool:
    """Return whether a record was tested on the dataset of a figure, as a whole, with the network of that name.

    With early strides reduced for small images, it is another network than the one that the figure is of.
    """
    if record.model is not None and record.model.small_image_changes:
        return False
    data, classifier = record.spec.dataset, record.spec.classifier
    if data.limit_test is not None or data.folds is not None or record.data is None:
        return False
    if classifier is not None and len(record.data.classes) != classifier.num_classes:
        return False
    path = PurePath(data.argument)
    names = [data.display_name.partition(":")[0], *path.parts, path.stem]
    return _plain(figure.dataset) in map(_plain, names)


def _plain(name: str) -> str:
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return _SAME.get(plain, plain)


def _cell(row: Row) -> str:
    figure = row.published
    if figure is None:
        return ""
    value = f"{100 * figure.value:.2f}".rstrip("0").rstrip(".")
    return value if figure.verdict else f"{value} on {figure.dataset}"


def _difference_cell(row: Row) -> str:
    figure = row.published
    if figure is None or figure.difference is None or figure.low is None or figure.high is None:
        return ""
    return f"{points_text(figure.difference)} [{points_text(figure.low)}, {points_text(figure.high)}]"


def _plain_cells(row: Row) -> dict[str, Any]:
    figure = row.published
    return {"published": figure.value if figure else None, "published_dataset": figure.dataset if figure else ""}


def _plain_difference(row: Row) -> dict[str, Any]:
    figure = row.published
    fields = (("", "difference"), ("_low", "low"), ("_high", "high"))
    return {f"published_difference{suffix}": getattr(figure, field, None) for suffix, field in fields}


PUBLISHED_COLUMNS: tuple[Column, ...] = (
    Column(
        key="published",
        title="published %",
        about="accuracy that was published for the weights, with its dataset if that is another one",
        text=_cell,
        plain=_plain_cells,
        value=lambda row: row.published.value if row.published else None,
        priority=16,
        only_if_filled=True,
    ),
    Column(
        key="published_difference",
        title="difference",
        about="measured minus published accuracy in percentage points, with its 95 % interval",
        text=_difference_cell,
        plain=_plain_difference,
        value=lambda row: row.published.difference if row.published else None,
        priority=17,
        only_if_filled=True,
    ),
    Column(
        key="verdict",
        title="verdict",
        about="whether the published accuracy was reproduced: reproduced, different or undecided",
        text=lambda row: row.published.verdict if row.published else "",
        plain=lambda row: {"verdict": row.published.verdict if row.published else ""},
        priority=16,
        numeric=False,
        only_if_filled=True,
    ),
)


def published_notes(rows: Sequence[Row], keys: Set[str]) -> list[str]:
    """Return the sentences that explain published figures, if columns with *keys* show any."""
    figures = [row.published for row in rows if row.published is not None]
    notes = []
    if figures and "published" in keys:
        notes.append("published: accuracy stated for the weights, not measured here")
    if "verdict" in keys and any(figure.verdict for figure in figures):
        notes.append(
            "verdict: reproduced if the measured accuracy rounds to the published one or differs by surely less than "
            f"{100 * MARGIN:g} points; different if it surely differs by more than rounding; else undecided"
        )
    return notes
