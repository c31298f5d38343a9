"""Temperature scaling: probabilities as sure as the validation images say they should be.

All logits of a network are divided by one temperature, which minimises the likelihood loss of the validation images
(Guo et al., "On calibration of modern neural networks", ICML 2017). Which class is the most probable does not change,
and neither does the accuracy. Without validation predictions, all of this is undefined.

Shape suffixes: N images, K classes.
"""

from __future__ import annotations

import math
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

    The loss is convex in the inverse of the temperature, and its derivative is the mean logit under the probabilities,
    minus that of the label.
    """
    import numpy as np
    from scipy.optimize import brentq
    from scipy.special import softmax

    logits_NK = validation.logits.astype(np.float64)
    logits_NK -= logits_NK.max(axis=1, keepdims=True)
    own_N = np.take_along_axis(logits_NK, validation.labels[:, None], axis=1)[:, 0]

    def slope(log_temperature: float) -> float:
        probabilities_NK = softmax(logits_NK / math.exp(log_temperature), axis=1)
        return float(((probabilities_NK * logits_NK).sum(axis=1) - own_N).mean())

    if not logits_NK.any():
        return 1.0
    cold, hot = -math.log(HOTTEST), math.log(HOTTEST)
    if slope(hot) >= 0:
        return HOTTEST
    if slope(cold) <= 0:
        return 1 / HOTTEST
    return math.exp(brentq(slope, cold, hot, xtol=1e-12))


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
