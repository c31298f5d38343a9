"""Selective classification: how accurate a network is on the images that it is surest of.

Images are ranked by confidence, the highest probability. Coverage is the share of images that are answered, and risk
the share of those that are wrong (Geifman and El-Yaniv, "Selective classification for deep neural networks", NeurIPS
2017). Images of equal confidence are answered together, or in random order where one after another is meant.

Shape suffixes: N images, G groups of equal confidence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo.metric import Predictions

    Floats = NDArray[np.float64]


def aurc(predictions: Predictions) -> float:
    """Return the area under the risk-coverage curve: the mean risk over coverages 1/N, 2/N … 1.

    Where images share a confidence, it is the expected value over their orders.
    """
    return float(_risks(*_groups(predictions)[1:])[0].mean())


def aurc_of_images(predictions: Predictions) -> Floats:
    """Return ``[N]``: the area, moved by each image to first order: its own risk, and what it adds to all later ones.

    An image of rank j moves the risk at each rank i from j on by (wrong - risk) / i.
    """
    import numpy as np

    group_N, wrong_N, _ = _wrong_images(predictions)
    _, wrong_G, size_G = _groups(predictions)
    risk_N, answered_N, place_N = _risks(wrong_G, size_G)
    share_N = place_N / np.repeat(size_G, size_G)  # of the images of the group, in random order, so many are answered
    of_group_N = np.repeat(np.arange(len(size_G)), size_G)

    def from_here_on(values_N: Floats) -> Floats:
        """Return ``[G]``: the sum over the ranks after each group, and in part over those within."""
        whole_G = np.bincount(of_group_N, weights=values_N)
        after_G = np.cumsum(whole_G[::-1])[::-1] - whole_G
        within_G: Floats = (after_G + np.bincount(of_group_N, weights=values_N * share_N)).astype(np.float64)
        return within_G

    own_G = np.bincount(of_group_N, weights=risk_N) / size_G - from_here_on(risk_N / answered_N)
    moved_N: Floats = own_G[group_N] + wrong_N * from_here_on(1 / answered_N)[group_N]
    return moved_N


def _risks(wrong_G: Floats, size_G: NDArray[np.intp]) -> tuple[Floats, NDArray[np.intp], NDArray[np.intp]]:
    """Return ``[N]`` each, by rank: the expected risk, the number of images answered, and that within the group."""
    import numpy as np

    before_G = np.cumsum(size_G) - size_G
    wrong_before_G: Floats = np.cumsum(wrong_G, dtype=np.float64) - wrong_G
    group_N = np.repeat(np.arange(len(size_G)), size_G)
    answered_N = np.arange(1, len(group_N) + 1)
    place_N = answered_N - before_G[group_N]
    expected_N = wrong_before_G[group_N] + wrong_G[group_N] * place_N / size_G[group_N]
    return expected_N / answered_N, answered_N, place_N


def coverage_at(accuracy: float) -> Callable[[Predictions], float]:
    """Return a function that computes the largest share of images that can be answered with at least *accuracy*.

    The share is chosen on the same images, so it says how well confidence ranks them; ``zoo predict --reject-below``
    chooses its threshold on validation images.
    """

    def compute(predictions: Predictions) -> float:
        return coverage_and_threshold(predictions, accuracy)[0]

    return compute


def coverage_and_threshold(predictions: Predictions, accuracy: float) -> tuple[float, float]:
    """Return the largest coverage with at least *accuracy*, and the confidence from which images are answered.

    Without any such coverage, they are 0 and infinity.
    """
    import numpy as np

    confidence_G, wrong_G, size_G = _groups(predictions)
    answered_G = np.cumsum(size_G)
    # A sum of halves and thirds may miss a whole number by its last bits.
    is_enough_G = np.cumsum(wrong_G) <= (1 - accuracy) * answered_G + 1e-9
    if not is_enough_G.any():
        return 0.0, float("inf")
    last = int(np.flatnonzero(is_enough_G)[-1])
    return float(answered_G[last] / answered_G[-1]), float(confidence_G[last])


def _groups(predictions: Predictions) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Return confidence, number of wrong images and number of images, of each group from the highest confidence down.

    If m logits share the maximum, an image counts (m - 1)/m as wrong if the label is among them.
    """
    import numpy as np

    group_N, wrong_N, confidence_G = _wrong_images(predictions)
    size_G = np.bincount(group_N)
    return confidence_G, np.bincount(group_N, weights=wrong_N).astype(np.float64), size_G


def _wrong_images(predictions: Predictions) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Return the group of each image and how wrong it is, and the confidence of each group, from the highest down."""
    import numpy as np

    logits, labels = predictions.logits, predictions.labels
    is_top_NK = logits == logits.max(axis=1, keepdims=True)
    wrong_N: Floats = 1 - is_top_NK[np.arange(len(labels)), labels] / is_top_NK.sum(axis=1)
    confidence_N = predictions.probabilities.max(axis=1).round(9)  # equal ones may differ in their last bits
    confidence_G, group_N = np.unique(-confidence_N, return_inverse=True)
    return group_N, wrong_N, -confidence_G
