"""Examples: the most frequent confusions, and images with high and low confidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.trials.evidence import Evidence, class_names

NUM_PAIRS = 6
NUM_EACH = 6

Show = Callable[[int], str | None]
"""Returns the address of the picture of a test image, given its sample id, if there is one."""


def worst_pairs(evidence: Evidence, show: Show) -> list[dict[str, Any]]:
    """Return the most frequent confusions, each with the images that cause them."""
    wrong_KK = evidence.confusion_KK.copy()
    np.fill_diagonal(wrong_KK, 0.0)
    order = np.argsort(-wrong_KK, axis=None, kind="stable")[:NUM_PAIRS]
    names = class_names(evidence.classes)
    totals_K = evidence.confusion_KK.sum(axis=1)
    called_N = evidence.probabilities_NK.argmax(axis=1)
    pairs = []
    for place in order.tolist():
        true, predicted = divmod(place, len(names))
        count = float(wrong_KK[true, predicted])
        if count < 0.5:
            break
        images = np.flatnonzero((evidence.labels_N == true) & (called_N == predicted))
        surest = images[np.argsort(-evidence.probabilities_NK[images, predicted], kind="stable")]
        pairs.append(
            {
                "true": names[true],
                "predicted": names[predicted],
                "count": f"{count:.1f}".removesuffix(".0"),
                "share": f"{100 * count / totals_K[true]:.1f}",
                "images": _examples(evidence, surest[:NUM_EACH], show),
            }
        )
    return pairs


def galleries(evidence: Evidence, show: Show) -> list[dict[str, Any]]:
    """Return images with confident errors, low confidence, and confident correct predictions."""
    return [
        {"title": title, "images": _examples(evidence, images, show)} for title, images in choose_examples(evidence)
    ]


def choose_examples(evidence: Evidence, num_each: int = NUM_EACH) -> list[tuple[str, NDArray[np.int64]]]:
    """Return images with confident errors, low confidence, and confident correct predictions, each under a title.

    Without scores there is no confidence: these are then the first wrong and right ones, in the order of their ids.
    """
    sorted_NK = np.sort(evidence.probabilities_NK, axis=1)
    margin_N = sorted_NK[:, -1] - (sorted_NK[:, -2] if sorted_NK.shape[1] > 1 else 0.0)
    is_right_N = evidence.probabilities_NK.argmax(axis=1) == evidence.labels_N
    sure_N = evidence.probabilities_NK.max(axis=1)

    def first(mask_N: NDArray[np.bool_], key_N: NDArray[np.float64]) -> NDArray[np.int64]:
        images = np.flatnonzero(mask_N)
        return images[np.argsort(key_N[images], kind="stable")][:num_each]

    everything = np.ones(len(is_right_N), dtype=np.bool_)
    found = [
        ("Wrong, most confident", first(~is_right_N, -sure_N)),
        ("Least confident", first(everything, margin_N)),
        ("Right, most confident", first(is_right_N, -sure_N)),
    ]
    if not evidence.has_scores:
        found = [("Wrong", np.flatnonzero(~is_right_N)[:num_each]), ("Right", np.flatnonzero(is_right_N)[:num_each])]
    return [(title, images) for title, images in found if len(images)]


def _examples(evidence: Evidence, images: Sequence[int] | NDArray[np.int64], show: Show) -> list[dict[str, Any]]:
    names = class_names(evidence.classes)
    rows = []
    for image in np.asarray(images).tolist():
        predicted = int(evidence.probabilities_NK[image].argmax())
        rows.append(
            {
                "src": show(int(evidence.samples_N[image])),
                "true": names[int(evidence.labels_N[image])],
                "predicted": names[predicted],
                "confidence": f"{100 * float(evidence.probabilities_NK[image, predicted]):.0f}"
                if evidence.has_scores
                else "",
                "sample": f"{int(evidence.samples_N[image]):016x}",
            }
        )
    return rows
