"""Temperature scaling: probabilities as sure as the validation images say they should be.

All logits of a network are divided by one temperature, which minimises the likelihood loss of the validation images
(Guo et al., "On calibration of modern neural networks", ICML 2017). Which class is the most probable does not change,
and neither does the accuracy. Without validation predictions, all of this is undefined.

Shape suffixes: N images, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from plugins.metrics import probability

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo.metric import Predictions

    Floats = NDArray[np.float64]

HOTTEST = 100.0
"""Largest temperature, and the inverse of the smallest one: where all validation images are right, or all wrong, ever
smaller or larger temperatures would fit ever better."""
_TOLERANCE = 1e-12
"""How close the logarithm of the temperature is sought."""

_known: WeakKeyDictionary[Predictions, float] = WeakKeyDictionary()


def temperature(predictions: Predictions) -> float:
    """Return the temperature with the lowest negative log-likelihood of the validation images."""
    validation = predictions.validation
    if validation is None:
        return math.nan
    if validation not in _known:
        _known[validation] = fitted(validation)
    return _known[validation]


def fitted(validation: Predictions) -> float:
    """Return the temperature that fits predictions best; 1 if they are all equal, so that any fits.

    The loss is convex in the inverse of the temperature. Its derivative is the mean logit under the probabilities,
    minus that of the label, and its second one the mean variance of the logits under the probabilities.
    """
    import numpy as np

    logits_NK = validation.logits.astype(np.float64)
    logits_NK -= logits_NK.max(axis=1, keepdims=True)
    own_N = np.take_along_axis(logits_NK, validation.labels[:, None], axis=1)[:, 0]

    def derivatives(log_temperature: float) -> tuple[float, float]:
        """Return the derivative by the inverse of the temperature, and that of this by the log of the temperature."""
        weights_NK = np.exp(logits_NK / math.exp(log_temperature))
        weights_NK /= weights_NK.sum(axis=1, keepdims=True)
        mean_N = (weights_NK * logits_NK).sum(axis=1)
        variance_N = (weights_NK * (logits_NK - mean_N[:, None]) ** 2).sum(axis=1)
        return float((mean_N - own_N).mean()), -float(variance_N.mean()) / math.exp(log_temperature)

    if not logits_NK.any():
        return 1.0
    cold, hot = -math.log(HOTTEST), math.log(HOTTEST)
    if derivatives(hot)[0] >= 0:
        return HOTTEST
    if derivatives(cold)[0] <= 0:
        return 1 / HOTTEST
    return math.exp(_root(derivatives, cold, hot))


def _root(derivatives: Callable[[float], tuple[float, float]], low: float, high: float) -> float:
    """Return where a falling function is 0, by Newton's method, and by halving where that would not come closer.

    By hand, because SciPy would be imported by every trial for it: a fifth of the time that torch takes.

    Args:
        derivatives: Returns the function's value and its derivative.
        low: Where the function is positive.
        high: Where it is negative.
    """
    at, step = (low + high) / 2, high - low
    while abs(step) > _TOLERANCE:
        value, slope = derivatives(at)
        if value > 0:
            low = at
        else:
            high = at
        newton = -value / slope if slope < 0 else math.inf
        if low <= at + newton <= high and abs(newton) <= abs(step) / 2:
            step = newton
        else:
            step = (low + high) / 2 - at
        at += step
    return at


def scaled(predictions: Predictions) -> Predictions | None:
    """Return predictions with logits divided by the temperature; None without validation predictions."""
    from zoo.metric import Predictions as Made

    if predictions.validation is None:
        return None
    # In double precision, different logits stay different, so that no order changes.
    logits_NK = predictions.logits.astype("float64") / temperature(predictions)
    return Made(logits=logits_NK, labels=predictions.labels, classes=predictions.classes, samples=predictions.samples)


def scaled_nll(predictions: Predictions) -> float:
    """Return the negative log-likelihood at the temperature."""
    found = scaled(predictions)
    return math.nan if found is None else probability.nll(found)


def scaled_nll_of_images(predictions: Predictions) -> Floats:
    """Return ``[N]``: the negative log-likelihood of each image at the temperature, which counts as given."""
    import numpy as np

    found = scaled(predictions)
    return np.full(len(predictions.labels), math.nan) if found is None else probability.nll_of_images(found)


def scaled_calibration_error(predictions: Predictions) -> float:
    """Return the expected calibration error at the temperature."""
    found = scaled(predictions)
    return math.nan if found is None else probability.expected_calibration_error(found)
