"""Comparison: the rows of one table on the same test images, as data for the page that compares them.

The page computes the difference of any two rows and its interval by itself, as
:mod:`reports.statistics.paired_tests` does: a thousand rows have half a million pairs.
"""

from __future__ import annotations

import base64
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.leaderboard.separations import Run, tied_runs
from reports.leaderboard.table import row_names
from reports.pictures.examples import Show
from reports.site.entries import BoardEntry
from reports.site.row.facts import shown
from reports.site.row.learning_curves import Curves, overlaid
from reports.statistics.multiplicity import CONFIDENCE, alpha_of_look
from reports.statistics.paired_tests import FoldPart, Pairing
from reports.statistics.ranks import separated
from reports.statistics.sample import Sample
from reports.statistics.student_t import quantile
from reports.trials.evidence import Evidence, class_names
from zoo.text import one_line

MAX_CHARACTERS = 4_000_000
"""Largest size of the correctness of all rows, image by image; beyond it, the lowest rows are left out."""
NUM_QUANTILES = 60
"""Degrees of freedom up to which the page gets quantiles of t; above, it uses a series that is exact to six digits."""


def comparison_data(
    entries: Sequence[BoardEntry],
    evidence: Mapping[str, Evidence | str],
    show: Show,
    *,
    curves: Mapping[str, Curves] | None = None,
    ranks_are_of_accuracy: bool = True,
) -> dict[str, Any]:
    """Return the correctness of the rows of one table, and what the interval of a difference is computed from.

    Args:
        entries: Rows of one table, in order.
        evidence: Predictions by entry.
        show: Returns the address of the picture of a test image, if there is one.
        curves: Learning curves by entry.
        ranks_are_of_accuracy: Whether the ranks of the table say which accuracies are separated.
    """
    names = dict(zip((entry.id for entry in entries), row_names([entry.row for entry in entries]), strict=True))
    read = [(entry, found) for entry in entries if not isinstance(found := evidence[entry.id], str)]
    images = Counter(found.samples_N.tobytes() for _, found in read)
    common = max(images, key=lambda key: (images[key], key), default=b"")
    kept = [(entry, found) for entry, found in read if found.samples_N.tobytes() == common]
    kept = kept[: _room(kept)]
    chosen = {entry.id for entry, _ in kept}
    left_out = [{"id": entry.id, "label": names[entry.id]} for entry in entries if entry.id not in chosen]
    if not kept:
        return {
            "rows": [],
            "settings": {},
            "curves": [],
            "quantiles": [],
            "labels": [],
            "classes": [],
            "images": [],
            "left_out": left_out,
        }
    first = kept[0][1]
    samples = [Sample.of(found.correct_SN, found.folds_SN) for _, found in kept]
    tied = _tied(kept, samples, ranks_are_of_accuracy)
    pairing = Pairing(samples)
    parts = pairing.seed_parts()
    folds: Sequence[FoldPart | None] = pairing.fold_parts() or [None] * len(kept)
    return {
        "rows": [
            {
                "id": entry.id,
                "label": names[entry.id],
                "accuracy": _short(found.mean),
                "seeds": len(found.correct_SN),
                "right": packed(found.correct_SN),
                "place": place,
                "tied": runs,
                "variance": [float(f"{value:.6g}") for value in part],
                "folds": fold and _fold_cells(fold),
            }
            for (entry, found), (place, runs), part, fold in zip(kept, tied, parts, folds, strict=True)
        ],
        "settings": differing_settings([entry for entry, _ in kept]),
        "curves": overlaid([(curves or {}).get(entry.id, {}) for entry, _ in kept]),
        "quantiles": [round(quantile(freedom, (1 + CONFIDENCE) / 2), 6) for freedom in range(1, NUM_QUANTILES + 1)],
        "labels": first.labels_N.tolist(),
        "classes": class_names(first.classes),
        "images": _pictures(first, show),
        "left_out": left_out,
    }


def _fold_cells(part: FoldPart) -> dict[str, Any]:
    return {
        "deal": part.deal,
        "scores": [float(f"{value:.6g}") for value in part.scores_J],
        "factor": float(f"{part.factor:.6g}"),
        "alone": float(f"{part.alone:.6g}"),
        "freedom": part.freedom if math.isfinite(part.freedom) else None,
    }


def differing_settings(entries: Sequence[BoardEntry]) -> dict[str, list[str]]:
    """Return the settings in which rows differ, by name, with the value of each row; empty where a row has none."""
    found: list[dict[str, str]] = []
    for entry in entries:
        spec = entry.example.spec
        settings: dict[str, Any] = {f"recipe.{key}": value for key, value in spec.recipe.hyperparameters.items()}
        settings |= {f"model.{key}": value for key, value in spec.architecture.options.items()}
        settings |= {"recipe": spec.recipe.full_name, "precision": spec.execution.precision, "seeds": len(entry.done)}
        if spec.preparation is not None:
            settings["image size"] = spec.preparation.size
        found.append({key: one_line(shown(value), max_length=80) for key, value in settings.items()})
    names = sorted(dict.fromkeys(name for each in found for name in each))
    values = {name: [each.get(name, "") for each in found] for name in names}
    return {name: texts for name, texts in values.items() if len(set(texts)) > 1}


def packed(correct_SN: NDArray[np.float64]) -> str:
    """Return how many seeds are right on each image: packed in as few bits as they need, in base 64 for URLs."""
    width = len(correct_SN).bit_length()
    counts_N = np.rint(correct_SN.sum(axis=0)).astype(np.int64)
    bits = (counts_N[:, None] >> np.arange(width - 1, -1, -1)) & 1
    return base64.urlsafe_b64encode(np.packbits(bits.astype(np.uint8).ravel()).tobytes()).decode("ascii")


def _room(kept: Sequence[tuple[BoardEntry, Evidence]]) -> int:
    """Return how many of the rows fit on the page."""
    size = 0
    for count, (_, found) in enumerate(kept):
        size += len(found.labels_N) * len(found.correct_SN).bit_length() // 6
        if size > MAX_CHARACTERS and count >= 2:
            return count
    return len(kept)


def _tied(
    kept: Sequence[tuple[BoardEntry, Evidence]], samples: Sequence[Sample], ranks_are_of_accuracy: bool
) -> list[tuple[int, tuple[Run, ...]]]:
    """Return for each row its place, and the places of the rows that it is tied with: in the table, or on the page."""
    table = kept[0][0].table
    places = {id(row): place for place, row in enumerate(table.rows)}
    found = [places[id(entry.row)] for entry, _ in kept]
    if ranks_are_of_accuracy and max(found) < len(table.tied):
        return [(place, table.tied[place]) for place in found]
    above = separated(samples, alpha=alpha_of_look(table.looks))
    return list(enumerate(tied_runs(above, range(len(samples)))))


def _pictures(evidence: Evidence, show: Show) -> list[str | None]:
    pictures = [show(int(sample)) for sample in evidence.samples_N]
    return pictures if any(pictures) else []


def _short(value: float) -> float:
    return float(np.format_float_positional(value, precision=4, trim="0"))
