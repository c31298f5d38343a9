"""The charts of a row's predictions as plain data: reliability, confusion matrix and scores by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reports.trials.evidence import Evidence, class_names

NUM_BINS = 15
MAX_CLASSES = 100
"""Largest number of classes for which the confusion matrix is drawn; otherwise only the worst pairs are listed."""


def reliability(evidence: Evidence, error: float | None) -> dict[str, Any]:
    """Return the share of correct predictions by confidence, over all seeds."""
    bins = np.clip(np.ceil(evidence.confidence_M * NUM_BINS).astype(int) - 1, 0, NUM_BINS - 1)
    count = np.bincount(bins, minlength=NUM_BINS)
    confidence = np.bincount(bins, weights=evidence.confidence_M, minlength=NUM_BINS)
    right = np.bincount(bins, weights=evidence.right_M, minlength=NUM_BINS)
    return {
        "error": _rounded(error),
        "bins": [
            {
                "count": int(count[index]),
                "confidence": _rounded(confidence[index] / max(count[index], 1)),
                "right": _rounded(right[index] / max(count[index], 1)),
            }
            for index in range(NUM_BINS)
        ],
    }


def confusion(evidence: Evidence) -> dict[str, Any] | None:
    """Return the mean confusion matrix, or None with too many classes to draw."""
    if len(evidence.classes) > MAX_CLASSES:
        return None
    return {
        "labels": class_names(evidence.classes),
        "matrix": [[_rounded(value, 4) for value in row] for row in evidence.confusion_KK.tolist()],
    }


def per_class(evidence: Evidence) -> list[dict[str, Any]]:
    """Return precision, recall and F1 of each class, from counts summed over seeds."""
    matrix = evidence.confusion_KK
    true, called, right = matrix.sum(axis=1), matrix.sum(axis=0), np.diag(matrix)
    rows = []
    for index, name in enumerate(class_names(evidence.classes)):
        recall = right[index] / true[index] if true[index] else None
        precision = right[index] / called[index] if called[index] else None
        f1 = 2 * right[index] / (true[index] + called[index]) if true[index] + called[index] else None
        rows.append(
            {
                "name": name,
                "images": round(float(true[index])),
                "recall": _rounded(recall),
                "precision": _rounded(precision),
                "f1": _rounded(f1),
            }
        )
    return rows


def class_bars(rows: Sequence[Mapping[str, Any]], most: int = 60) -> dict[str, Any]:
    """Return the F1 score of each class for a chart; with many classes, only the lowest."""
    shown = list(rows)
    if len(shown) > most:
        shown = sorted(shown, key=lambda row: (row["f1"] is None, row["f1"], row["name"]))[:most]
    return {
        "labels": [row["name"] for row in shown],
        "values": [row["f1"] for row in shown],
        "texts": [
            f"F1 {_share(row['f1'])}, precision {_share(row['precision'])}, recall {_share(row['recall'])}, "
            f"{row['images']:,} images"
            for row in shown
        ],
        "xTitle": "F1, %",
    }


def _share(value: float | None) -> str:
    return "not defined" if value is None else f"{100 * value:.1f} %"


def _rounded(value: Any, digits: int = 5) -> float | None:
    return float(f"{value:.{digits}g}") if isinstance(value, (int, float)) and np.isfinite(value) else None
