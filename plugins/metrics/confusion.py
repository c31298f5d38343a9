"""Metrics of the expected confusion matrix, in which a prediction is split evenly among tied logits.

So a constant model scores at chance, for any order of rows or classes. Averages are over the classes that have an image
or a prediction, and count 0/0 as 0, as scikit-learn does by default; per class, 0/0 is NaN. Shape suffix: K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo.metric import Predictions


def accuracy(predictions: Predictions) -> float:
    """Return the share of images for which the label has the highest logit."""
    return float(predictions.confusion.trace() / predictions.confusion.sum())


def balanced_accuracy(predictions: Predictions) -> float:
    """Return the mean recall over the classes that have an image.

    Brodersen et al., "The balanced accuracy and its posterior distribution", ICPR 2010.
    """
    import numpy as np

    return float(np.nanmean(per_class_recall(predictions)))


def macro_precision(predictions: Predictions) -> float:
    """Return the unweighted mean precision over the classes."""
    return _macro(predictions, per_class_precision(predictions))


def macro_recall(predictions: Predictions) -> float:
    """Return the unweighted mean recall over the classes."""
    return _macro(predictions, per_class_recall(predictions))


def macro_f1(predictions: Predictions) -> float:
    """Return the unweighted mean over the classes of F1, the harmonic mean of precision and recall.

    It is the mean of the F1 values, not the F1 of mean precision and mean recall (Opitz and Burst, "Macro F1 and
    Macro F1", 2019).
    """
    return _macro(predictions, per_class_f1(predictions))


def weighted_f1(predictions: Predictions) -> float:
    """Return the mean F1 over the classes, weighted by their numbers of images."""
    import numpy as np

    images_K = predictions.confusion.sum(axis=1)
    return float(np.nan_to_num(per_class_f1(predictions)) @ images_K / images_K.sum())


def matthews_corrcoef(predictions: Predictions) -> float:
    """Return the correlation between labels and predictions; 0 if either is always the same class.

    Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient", 2004; for two classes
    it is the phi coefficient of Matthews, 1975.
    """
    confusion = predictions.confusion
    images_K, predicted_K, total = confusion.sum(axis=1), confusion.sum(axis=0), confusion.sum()
    covariance = confusion.trace() * total - images_K @ predicted_K
    variance_of_labels = total**2 - images_K @ images_K
    variance_of_predictions = total**2 - predicted_K @ predicted_K
    # Ties cause rounding errors: a variance below 1e-12 of the largest possible value counts as zero.
    if min(variance_of_labels, variance_of_predictions) <= 1e-12 * total**2:
        return 0.0
    return float(covariance / (variance_of_labels * variance_of_predictions) ** 0.5)


def per_class_precision(predictions: Predictions) -> NDArray[np.float64]:
    """Return ``[K]``: the precision of each class; NaN for a class that is never predicted."""
    return _ratio(predictions.confusion.diagonal(), predictions.confusion.sum(axis=0))


def per_class_recall(predictions: Predictions) -> NDArray[np.float64]:
    """Return ``[K]``: the recall of each class; NaN for a class without images."""
    return _ratio(predictions.confusion.diagonal(), predictions.confusion.sum(axis=1))


def per_class_f1(predictions: Predictions) -> NDArray[np.float64]:
    """Return ``[K]``: the F1 of each class; NaN for a class with neither images nor predictions."""
    confusion = predictions.confusion
    return _ratio(2 * confusion.diagonal(), confusion.sum(axis=0) + confusion.sum(axis=1))


def confusion_matrix(predictions: Predictions) -> NDArray[np.float64]:
    """Return ``[K, K]``: expected numbers of images, true classes in rows, predicted classes in columns."""
    return predictions.confusion


def binary_f1(predictions: Predictions) -> float:
    """Return the F1 of class 1, predicted if its probability is above 0.5; exactly 0.5 counts as half a prediction."""
    return float(per_class_f1(predictions)[1])


def _macro(predictions: Predictions, values_K: NDArray[np.float64]) -> float:
    import numpy as np

    confusion = predictions.confusion
    occurs_K = (confusion.sum(axis=0) + confusion.sum(axis=1)) > 0
    return float(np.nan_to_num(values_K[occurs_K]).mean())


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
