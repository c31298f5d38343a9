"""Metrics of the expected confusion matrix, in which tied logits share a prediction evenly.

A model that cannot tell classes apart thus scores at chance, whatever the order of rows or classes. Averages run over
the classes that have an image or a prediction, and count a 0/0 as 0, as scikit-learn's defaults do; per class, 0/0 is
NaN. Shape suffix: K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo.metric import Predictions


def accuracy(predictions: Predictions) -> float:
    """Return the share of images whose highest logit is the label's."""
    return float(predictions.confusion.trace() / predictions.confusion.sum())


def balanced_accuracy(predictions: Predictions) -> float:
    """Return the mean recall over the classes that have an image.

    Brodersen et al., "The balanced accuracy and its posterior distribution", ICPR 2010.
    """
    import numpy as np

    return float(np.nanmean(per_class_recall(predictions)))


def macro_precision(predictions: Predictions) -> float:
    """Return the plain mean over classes of the share of a class's predictions that are right."""
    return _macro(predictions, per_class_precision(predictions))


def macro_recall(predictions: Predictions) -> float:
    """Return the plain mean over classes of the share of a class's images that are found."""
    return _macro(predictions, per_class_recall(predictions))


def macro_f1(predictions: Predictions) -> float:
    """Return the plain mean over classes of F1, the harmonic mean of precision and recall.

    It is the mean of the classes' F1, not the F1 of mean precision and mean recall (Opitz and Burst, "Macro F1 and
    Macro F1", 2019).
    """
    return _macro(predictions, per_class_f1(predictions))


def weighted_f1(predictions: Predictions) -> float:
    """Return the mean over classes of F1, weighted by their numbers of images."""
    import numpy as np

    images_K = predictions.confusion.sum(axis=1)
    return float(np.nan_to_num(per_class_f1(predictions)) @ images_K / images_K.sum())


def matthews_corrcoef(predictions: Predictions) -> float:
    """Return the correlation of labels and predictions; 0 where either is always the same class.

    Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient", 2004; for two classes
    it is the phi coefficient of Matthews, 1975.
    """
    confusion = predictions.confusion
    images_K, predicted_K, total = confusion.sum(axis=1), confusion.sum(axis=0), confusion.sum()
    covariance = confusion.trace() * total - images_K @ predicted_K
    variance_of_labels = total**2 - images_K @ images_K
    variance_of_predictions = total**2 - predicted_K @ predicted_K
    # Ties leave rounding behind: less than one part in 10^12 of the largest possible value is none at all.
    if min(variance_of_labels, variance_of_predictions) <= 1e-12 * total**2:
        return 0.0
    return float(covariance / (variance_of_labels * variance_of_predictions) ** 0.5)


def per_class_precision(predictions: Predictions) -> NDArray[np.float64]:
    """Return ``[K]``: the share of predictions of a class that are right; NaN for a class never predicted."""
    return _ratio(predictions.confusion.diagonal(), predictions.confusion.sum(axis=0))


def per_class_recall(predictions: Predictions) -> NDArray[np.float64]:
    """Return ``[K]``: the share of a class's images that are classified right; NaN for a class without images."""
    return _ratio(predictions.confusion.diagonal(), predictions.confusion.sum(axis=1))


def per_class_f1(predictions: Predictions) -> NDArray[np.float64]:
    """Return ``[K]``: F1 of each class against the rest; NaN for a class with neither images nor predictions."""
    confusion = predictions.confusion
    return _ratio(2 * confusion.diagonal(), confusion.sum(axis=0) + confusion.sum(axis=1))


def confusion_matrix(predictions: Predictions) -> NDArray[np.float64]:
    """Return ``[K, K]``: expected numbers of images, true classes in rows, predicted ones in columns."""
    return predictions.confusion


def binary_f1(predictions: Predictions) -> float:
    """Return F1 of class 1 where it is predicted from a probability of 0.5 on, half counted at just 0.5."""
    return float(per_class_f1(predictions)[1])


def _macro(predictions: Predictions, values_K: NDArray[np.float64]) -> float:
    import numpy as np

    confusion = predictions.confusion
    occurs_K = (confusion.sum(axis=0) + confusion.sum(axis=1)) > 0
    return float(np.nan_to_num(values_K[occurs_K]).mean())


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
