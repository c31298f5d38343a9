"""Values of every metric for small cases, worked out by hand; ``zoo check`` compares the metrics with them."""

from __future__ import annotations

import math

from zoo.metric import KnownCase

_LN2, _LN3 = math.log(2), math.log(3)

# Four images of classes 0, 0, 1, 2; the second is predicted as class 1. The softmax of each row has ½, ¼ and ¼.
_LOGITS = ((_LN2, 0, 0), (0, _LN2, 0), (0, _LN2, 0), (0, 0, _LN2))
_LABELS = (0, 0, 1, 2)

_FOUR_IMAGES = {
    "accuracy": 3 / 4,
    "balanced_accuracy": (1 / 2 + 1 + 1) / 3,
    "macro_recall": (1 / 2 + 1 + 1) / 3,
    "macro_precision": (1 + 1 / 2 + 1) / 3,
    "macro_f1": (2 / 3 + 2 / 3 + 1) / 3,
    "weighted_f1": (2 * 2 / 3 + 2 / 3 + 1) / 4,
    # (3·4 − (2·1 + 1·2 + 1·1)) over √(16 − 6)·√(16 − 6): true counts 2, 1, 1 and predicted 1, 2, 1.
    "matthews_corrcoef": 7 / 10,
    "confusion": [[1, 1, 0], [0, 1, 0], [0, 0, 1]],
    "per_class_accuracy": [1 / 2, 1, 1],
    "per_class_recall": [1 / 2, 1, 1],
    "per_class_precision": [1, 1 / 2, 1],
    "per_class_f1": [2 / 3, 2 / 3, 1],
    # Pairs won, ties half: class 0 has 3 of 4, class 1 has 2½ of 3, class 2 all 3.
    "roc_auc": (3 / 4 + 5 / 6 + 1) / 3,
    # The label has probability ½ three times, ¼ once.
    "nll": (3 * _LN2 + math.log(4)) / 4,
    # ¼ + 2/16 for each correct image; 9/16 + ¼ + 1/16 for the other.
    "brier": (3 * 3 / 8 + 7 / 8) / 4,
    # All are in the bin of confidence ½, and ¾ of them are correct.
    "calibration_error": 1 / 4,
}


def _at_temperature(value: float) -> KnownCase:
    pair = (2 * _LN3, 0)
    return KnownCase((pair,), (0,), value, val_logits=(pair,) * 4, val_labels=(0, 0, 0, 1))


CASES: dict[str, tuple[KnownCase, ...]] = {
    **{name: (KnownCase(_LOGITS, _LABELS, value),) for name, value in _FOUR_IMAGES.items()},
    # Three right images of confidence 3/4: each pair of gaps has the product 1/16. By chance, 3/4 · 1/4 over 3 images.
    "debiased_calibration_error": (KnownCase(((_LN3, 0),) * 3, (0, 0, 0), 1 / 4),),
    "calibration_floor": (KnownCase(((_LN3, 0),) * 3, (0, 0, 0), 1 / 4),),
    # Three of four validation images are right; at the temperature, logits 2 ln 3 apart mean a probability of ¾.
    "temperature": (_at_temperature(2.0),),
    "scaled_nll": (_at_temperature(math.log(4 / 3)),),
    "scaled_calibration_error": (_at_temperature(1 / 4),),
    # From the surest on: right, wrong, right; risks 0, ½ and 1/3.
    "aurc": (KnownCase(((3, 0), (2, 0), (1, 0)), (0, 1, 0), (1 / 2 + 1 / 3) / 3),),
    "coverage_at_95": (KnownCase(((3, 0), (2, 0), (1, 0)), (0, 1, 0), 1 / 3),),
    "coverage_at_99": (KnownCase(((3, 0), (2, 0), (1, 0)), (0, 0, 1), 2 / 3),),
    # The label is in the last place that counts, and in the next one.
    "top3": (KnownCase(((3, 2, 1, 0), (3, 2, 1, 0)), (2, 3), 1 / 2),),
    "top5": (KnownCase(((5, 4, 3, 2, 1, 0), (5, 4, 3, 2, 1, 0)), (4, 5), 1 / 2),),
    # Ranked 1, 0, 1, 0: precision 1 at recall ½, and 2/3 at recall 1.
    "average_precision": (KnownCase(((0, 3), (0, 2), (0, 1), (0, 0)), (1, 0, 1, 0), (1 + 2 / 3) / 2),),
    # One hit, one false alarm, one miss.
    "binary_f1": (KnownCase(((0, 1), (1, 0), (0, 1), (1, 0)), (1, 0, 0, 1), 1 / 2),),
    # The probability of class 1 is ¾ for its image and ¼ for the other.
    "best_threshold": (KnownCase(((0, _LN3), (_LN3, 0)), (1, 0), 3 / 4),),
}
"""Cases by the name of the metric."""
