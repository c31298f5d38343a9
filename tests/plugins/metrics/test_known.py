"""The values worked out by hand cover every metric, and the metrics compute them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from plugins.metrics import known
from plugins.metrics.classification import zoo_metrics

METRICS = {metric.name: metric for metric in zoo_metrics()}


def test_every_metric_has_a_case_and_carries_it():
    assert known.CASES.keys() == METRICS.keys()
    assert all(metric.known_cases == known.CASES[name] for name, metric in METRICS.items())


@pytest.mark.parametrize("name", known.CASES)
def test_a_metric_computes_its_known_values(name, predictions_of):
    for case in known.CASES[name]:
        predictions = predictions_of(case.logits, case.labels)
        if case.val_labels:
            predictions = replace(predictions, validation=predictions_of(case.val_logits, case.val_labels))
        value = METRICS[name].compute(predictions)
        np.testing.assert_allclose(value, case.value, atol=1e-6)
