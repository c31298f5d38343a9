"""The declarations of the built-in metrics: complete, described, and light to import."""

from __future__ import annotations

import subprocess
import sys

from plugins.metrics.classification import zoo_metrics

METRICS = {metric.name: metric for metric in zoo_metrics()}


def test_names_are_unique_and_every_metric_has_a_summary():
    assert len(METRICS) == len(list(zoo_metrics()))
    assert all(metric.summary for metric in METRICS.values())


def test_lower_is_better_for_losses_only():
    lower = {name for name, metric in METRICS.items() if not metric.higher_is_better}
    of_probabilities = {"nll", "brier", "calibration_error", "debiased_calibration_error", "calibration_floor", "aurc"}
    assert lower == of_probabilities | {"temperature", "scaled_nll", "scaled_calibration_error"}


def test_metrics_of_the_positive_class_are_for_two_classes_only():
    binary = {name for name, metric in METRICS.items() if metric.binary_only}
    assert binary == {"average_precision", "binary_f1", "best_threshold"}


def test_percentages_are_shares():
    assert {metric.bounds for metric in METRICS.values() if metric.unit == "%"} == {(0.0, 1.0)}


def test_metric_modules_are_light_at_import():
    code = "import sys, plugins.metrics.classification as c; list(c.zoo_metrics()); print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
