"""Comparison: the rows of one table on the same test images, as data for the page that compares them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reports.comparison.explanation import pairs_of
from reports.pictures.examples import Show
from reports.site.entries import BoardEntry
from reports.statistics.sample import Sample
from reports.trials.evidence import Evidence, class_names

MAX_ROWS = 100
MAX_CHARACTERS = 4_000_000
"""Largest size of the correctness of all rows, image by image; beyond it, the lowest rows are left out."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def comparison_data(
    entries: Sequence[BoardEntry], evidence: Mapping[str, Evidence | str], show: Show
) -> dict[str, Any]:
    """Return the correctness of the rows of one table, and the difference of each pair.

    Args:
        entries: Rows of one table, in order.
        evidence: Predictions by entry.
        show: Returns the address of the picture of a test image, if there is one.
    """
    read = [(entry, found) for entry in entries if not isinstance(found := evidence[entry.id], str)]
    images = Counter(found.samples_N.tobytes() for _, found in read)
    common = max(images, key=lambda key: (images[key], key), default=b"")
    kept = [(entry, found) for entry, found in read if found.samples_N.tobytes() == common]
    # One digit in base 36 holds up to 35 correct seeds.
    kept = [(entry, found) for entry, found in kept if len(found.correct_SN) < len(_DIGITS)]
    if not kept:
        return {"rows": [], "pairs": [], "labels": [], "classes": [], "images": [], "left_out": _left_out(entries, [])}
    first = kept[0][1]
    kept = kept[: min(MAX_ROWS, max(2, MAX_CHARACTERS // max(len(first.labels_N), 1)))]
    pairs = pairs_of([Sample.of(found.correct_SN) for _, found in kept])
    return {
        "rows": [
            {
                "id": entry.id,
                "label": label_of(entry, entries),
                "accuracy": _short(found.mean),
                "seeds": len(found.correct_SN),
                "right": "".join(_DIGITS[round(count)] for count in found.correct_SN.sum(axis=0).tolist()),
            }
            for entry, found in kept
        ],
        "pairs": [
            [_short(pair.difference), _short(pair.low), _short(pair.high), _short(pair.p), int(pair.is_separated)]
            for pair in pairs
        ],
        "labels": first.labels_N.tolist(),
        "classes": class_names(first.classes),
        "images": _pictures(first, show),
        "left_out": _left_out(entries, kept),
    }


def label_of(entry: BoardEntry, entries: Sequence[BoardEntry]) -> str:
    """Return the name of a row among the others of its table."""
    recipes = {each.row.recipe for each in entries}
    return f"{entry.row.model}, {entry.row.recipe}" if len(recipes) > 1 else entry.row.model


def _left_out(entries: Sequence[BoardEntry], kept: Sequence[tuple[BoardEntry, Evidence]]) -> list[str]:
    names = {entry.id for entry, _ in kept}
    return [label_of(entry, entries) for entry in entries if entry.id not in names]


def _pictures(evidence: Evidence, show: Show) -> list[str | None]:
    pictures = [show(int(sample)) for sample in evidence.samples_N]
    return pictures if any(pictures) else []


def _short(value: float) -> float:
    return float(np.format_float_positional(value, precision=4, trim="0"))
