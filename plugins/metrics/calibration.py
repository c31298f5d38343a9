"""Calibration: how far confidence is from accuracy, with the noise of finite bins taken out, and shown beside it.

A binned error is above 0 for a perfectly calibrated network as well, because the accuracy of a bin is that of few
images: 1 to 2 % with 15 bins of 900 images (Roelofs et al., "Mitigating bias in calibration error estimation",
AISTATS 2022, arXiv:2012.08668). The debiased error subtracts that from the squared gap of each bin (Kumar, Liang and
Ma, "Verified uncertainty calibration", NeurIPS 2019). Bins hold the same number of images each.

Shape suffixes: N images, B bins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.metrics.probability import NUM_BINS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo.metric import Predictions

    Floats = NDArray[np.float64]


def debiased_calibration_error(predictions: Predictions) -> float:
    """Return the root of the debiased mean squared gap between confidence and accuracy; 0 if noise explains all of it.

    For each bin, the squared gap is the mean over all pairs of different images, so that no image is compared with
    itself: a U-statistic, without bias for these bins.
    """
    return root(_squared(predictions))


def squared_influence(predictions: Predictions) -> Floats:
    """Return ``[N]`` pseudo-values of the debiased mean squared gap, whose mean it is (the jackknife).

    Leaving images out in turn also covers the noise of gaps near 0, to which the first-order influence is blind.
    """
    gap_N, bin_N, images_B, sum_B, square_B = _bins(predictions)
    num_images = len(gap_N)
    n_N, s_N, q_N = images_B[bin_N], sum_B[bin_N], square_B[bin_N]
    # n_b U_b of the bin of the image, with and without it; the other bins stay.
    with_N = _pairs(s_N**2 - q_N, n_N)
    rest_N = (s_N - gap_N) ** 2 - (q_N - gap_N**2)
    without_N = _pairs(rest_N, n_N - 1)
    total = _pairs(sum_B**2 - square_B, images_B).sum()
    pseudo_N = with_N - without_N  # N T - (N - 1) T_without, both times their numbers of images
    moved_N: Floats = pseudo_N + (total / num_images - pseudo_N.mean())
    return moved_N


def root(squared: float) -> float:
    """Return the root of a mean squared gap; 0 if it is negative."""
    return float(max(squared, 0.0) ** 0.5)


def calibration_floor(predictions: Predictions) -> float:
    """Return the error that a perfectly calibrated network of the same confidences shows with these bins, undebiased.

    It is the root of the expected mean squared gap: confidences ``c`` have the variance ``c (1 - c)`` of being right.
    """
    import numpy as np

    confidence_N = predictions.probabilities.max(axis=1)
    bin_N, num_bins = _bin_of(confidence_N)
    images_B = np.bincount(bin_N, minlength=num_bins)
    variance_B = np.bincount(bin_N, weights=confidence_N * (1 - confidence_N), minlength=num_bins)
    return float((variance_B / images_B).sum() / len(confidence_N)) ** 0.5


def _squared(predictions: Predictions) -> float:
    _, _, images_B, sum_B, square_B = _bins(predictions)
    return float(_pairs(sum_B**2 - square_B, images_B).sum() / images_B.sum())


def _pairs(products: Floats, images: NDArray[np.intp]) -> Floats:
    """Return the mean over pairs of different images, times the number of images; 0 for a single image."""
    import numpy as np

    return np.divide(products, images - 1, out=np.zeros(len(products)), where=images > 1)


def _bins(predictions: Predictions) -> tuple[Floats, NDArray[np.intp], NDArray[np.intp], Floats, Floats]:
    """Return how right minus how confident each image is, its bin, and for each bin images, sum and sum of squares."""
    import numpy as np

    logits, labels = predictions.logits, predictions.labels
    is_top_NK = logits == logits.max(axis=1, keepdims=True)
    right_N = is_top_NK[np.arange(len(labels)), labels] / is_top_NK.sum(axis=1)
    confidence_N = predictions.probabilities.max(axis=1)
    gap_N: Floats = right_N - confidence_N
    bin_N, num_bins = _bin_of(confidence_N)
    images_B = np.bincount(bin_N, minlength=num_bins)
    sum_B = np.bincount(bin_N, weights=gap_N, minlength=num_bins).astype(np.float64)
    square_B = np.bincount(bin_N, weights=gap_N**2, minlength=num_bins).astype(np.float64)
    return gap_N, bin_N, images_B, sum_B, square_B


def _bin_of(confidence_N: Floats) -> tuple[NDArray[np.intp], int]:
    """Return the bin of each image and the number of bins; images of equal confidence share a bin."""
    import numpy as np

    confidence_N = confidence_N.round(9)  # equal ones may differ in their last bits
    ordered = np.sort(confidence_N)
    starts = np.unique(ordered[np.arange(1, NUM_BINS) * len(ordered) // NUM_BINS])
    bin_N = np.searchsorted(starts, confidence_N, "right")
    _, bin_N = np.unique(bin_N, return_inverse=True)
    return bin_N, int(bin_N.max()) + 1
