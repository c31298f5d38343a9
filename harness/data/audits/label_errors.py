"""Label errors: images whose labels out-of-sample predictions contradict, found by cleanlab.

Confident learning estimates how many images of each class are labelled as each other class, and marks that many, those
whose labels are least likely (Northcutt, Jiang and Chuang, "Confident learning", JAIR 2021).

Shape suffixes: N images, K classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoo.errors import DataError, UsageError


def likely_errors(labels_N: NDArray[np.int64], probabilities_NK: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the indices of images that are likely labelled wrongly, the least likely label first.

    Args:
        labels_N: The labels as they are.
        probabilities_NK: Probabilities by networks that were not trained on the image.

    Raises:
        UsageError: If cleanlab is not installed.
        DataError: If there are too few predictions to judge.
    """
    try:
        from cleanlab.filter import find_label_issues
    except ImportError as error:
        raise UsageError("finding wrong labels needs cleanlab: pip install 'zoobench[labels]'") from error
    present_K = np.unique(labels_N)
    if len(present_K) < 2:
        raise DataError("labels can be judged if at least two classes have out-of-sample predictions")
    # Classes without images would leave cleanlab without a threshold for them.
    shares_NK = probabilities_NK[:, present_K]
    totals_N1 = shares_NK.sum(axis=1, keepdims=True)
    shares_NK = np.where(totals_N1 > 0, shares_NK / np.maximum(totals_N1, 1e-300), 1 / len(present_K))
    found = find_label_issues(
        np.searchsorted(present_K, labels_N), shares_NK, return_indices_ranked_by="self_confidence", n_jobs=1
    )
    return np.asarray(found, dtype=np.int64)
