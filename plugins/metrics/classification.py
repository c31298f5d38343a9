"""The metrics of image classification, for two classes and for more."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from plugins.metrics import (
    calibration,
    confusion,
    influence,
    known,
    probability,
    ranking,
    selective,
    temperature_scaling,
)
from zoo import Metric, hookimpl


@hookimpl
def zoo_metrics() -> Iterable[Metric]:
    """Yield all built-in metrics."""
    groups = (
        _overall(),
        _of_ranking_and_probability(),
        _after_scaling(),
        _selective(),
        _per_class(),
        _for_two_classes(),
    )
    for group in groups:
        yield from (replace(metric, known_cases=known.CASES[metric.name]) for metric in group)


def _overall() -> Iterable[Metric]:
    yield Metric(
        name="accuracy",
        compute=confusion.accuracy,
        needs_scores=False,
        influence=influence.accuracy,
        summary="share of images classified correctly (top-1)",
        unit="%",
    )
    yield Metric(
        name="balanced_accuracy",
        compute=confusion.balanced_accuracy,
        needs_scores=False,
        influence=influence.balanced_accuracy,
        summary="mean recall over the classes",
        source="Brodersen et al. 2010, https://doi.org/10.1109/ICPR.2010.764",
        unit="%",
    )
    yield Metric(
        name="macro_f1",
        compute=confusion.macro_f1,
        needs_scores=False,
        influence=influence.macro_f1,
        summary="mean F1 over the classes",
        source="Opitz and Burst 2019, https://arxiv.org/abs/1911.03347",
        unit="%",
    )
    yield Metric(
        name="weighted_f1",
        compute=confusion.weighted_f1,
        needs_scores=False,
        influence=influence.weighted_f1,
        summary="mean F1 over the classes, weighted by their numbers of images",
        unit="%",
    )
    yield Metric(
        name="macro_precision",
        compute=confusion.macro_precision,
        needs_scores=False,
        influence=influence.macro_precision,
        summary="mean precision over the classes",
        unit="%",
    )
    yield Metric(
        name="macro_recall",
        compute=confusion.macro_recall,
        needs_scores=False,
        influence=influence.macro_recall,
        summary="mean recall over the classes; 0 for a class that is predicted but has no images",
        unit="%",
    )
    yield Metric(
        name="matthews_corrcoef",
        compute=confusion.matthews_corrcoef,
        needs_scores=False,
        influence=influence.matthews_corrcoef,
        summary="correlation between labels and predictions; 0 is chance",
        source="Gorodkin 2004, https://doi.org/10.1016/j.compbiolchem.2004.09.006",
        bounds=(-1.0, 1.0),
    )
    yield Metric(
        name="confusion",
        compute=confusion.confusion_matrix,
        needs_scores=False,
        summary="expected confusion matrix: true classes in rows, predicted classes in columns",
        kind="matrix",
        bounds=(0.0, math.inf),
    )


def _of_ranking_and_probability() -> Iterable[Metric]:
    for k in (3, 5):
        yield Metric(
            name=f"top{k}",
            compute=ranking.top_k(k),
            influence=influence.top_k(k),
            summary=f"share of images with the label among the {k} highest scores; for more than {k} classes",
            unit="%",
        )
    yield Metric(
        name="roc_auc",
        compute=ranking.roc_auc,
        influence=influence.roc_auc,
        summary="area under the ROC curve; one-vs-rest mean for more than two classes",
        source="Hanley and McNeil 1982, https://doi.org/10.1148/radiology.143.1.7063747",
    )
    yield Metric(
        name="nll",
        compute=probability.nll,
        influence=influence.nll,
        summary="mean negative log-likelihood of the labels, in nats",
        higher_is_better=False,
        bounds=(0.0, math.inf),
    )
    yield Metric(
        name="brier",
        compute=probability.brier,
        influence=influence.brier,
        summary="mean squared error of the probabilities, summed over classes; of class 1 if there are two",
        source="Brier 1950, https://doi.org/10.1175/1520-0493(1950)078%3C0001:VOFEIT%3E2.0.CO;2",
        higher_is_better=False,
        bounds=(0.0, 2.0),
    )
    yield Metric(
        name="calibration_error",
        compute=probability.expected_calibration_error,
        summary=f"gap between confidence and accuracy over {probability.NUM_BINS} bins (expected calibration error)",
        source="Guo et al. 2017, https://arxiv.org/abs/1706.04599",
        higher_is_better=False,
        unit="%",
        is_smooth=False,
    )
    yield Metric(
        name="debiased_calibration_error",
        compute=calibration.debiased_calibration_error,
        influence=calibration.squared_influence,
        of_influence=calibration.root,
        summary="root mean squared gap between confidence and accuracy, without the noise of the bins",
        source="Kumar, Liang and Ma 2019, https://arxiv.org/abs/1909.10155",
        higher_is_better=False,
        unit="%",
    )
    yield Metric(
        name="calibration_floor",
        compute=calibration.calibration_floor,
        summary="calibration error that a perfectly calibrated network of the same confidences shows by chance",
        source="Roelofs et al. 2022, https://arxiv.org/abs/2012.08668",
        higher_is_better=False,
        unit="%",
        is_smooth=False,
    )


def _after_scaling() -> Iterable[Metric]:
    source = "Guo et al. 2017, https://arxiv.org/abs/1706.04599"
    yield Metric(
        name="temperature",
        compute=temperature_scaling.temperature,
        summary="what logits are divided by to fit the validation images best; above 1, the network was too sure",
        source=source,
        higher_is_better=False,
        bounds=(0.0, math.inf),
        is_smooth=False,
    )
    yield Metric(
        name="scaled_nll",
        compute=temperature_scaling.scaled_nll,
        influence=temperature_scaling.scaled_nll_of_images,
        summary="mean negative log-likelihood at that temperature",
        source=source,
        higher_is_better=False,
        bounds=(0.0, math.inf),
    )
    yield Metric(
        name="scaled_calibration_error",
        compute=temperature_scaling.scaled_calibration_error,
        summary=f"calibration error over {probability.NUM_BINS} bins at that temperature",
        source=source,
        higher_is_better=False,
        unit="%",
        is_smooth=False,
    )


def _selective() -> Iterable[Metric]:
    yield Metric(
        name="aurc",
        compute=selective.aurc,
        influence=selective.aurc_of_images,
        summary="area under the risk-coverage curve: mean error over all shares of the surest images",
        source="Geifman and El-Yaniv 2017, https://arxiv.org/abs/1705.08500",
        higher_is_better=False,
    )
    for percent in (95, 99):
        yield Metric(
            name=f"coverage_at_{percent}",
            compute=selective.coverage_at(percent / 100),
            summary=f"largest share of the surest images with an accuracy of {percent} %",
            source="Geifman and El-Yaniv 2017, https://arxiv.org/abs/1705.08500",
            unit="%",
            is_smooth=False,
        )


def _per_class() -> Iterable[Metric]:
    declared = (
        (
            "accuracy",
            confusion.per_class_recall,
            "share of the images of each class that are classified correctly; equals its recall",
        ),
        ("precision", confusion.per_class_precision, "share of the predictions of each class that are correct"),
        ("recall", confusion.per_class_recall, "share of the images of each class that are found"),
        ("f1", confusion.per_class_f1, "F1 of each class, one against the rest"),
    )
    for name, compute, summary in declared:
        yield Metric(
            name=f"per_class_{name}",
            compute=compute,
            needs_scores=False,
            summary=summary,
            kind="per_class",
            unit="%",
        )


def _for_two_classes() -> Iterable[Metric]:
    yield Metric(
        name="average_precision",
        compute=ranking.average_precision,
        influence=influence.average_precision,
        summary="area under the precision-recall curve of class 1",
        source="Davis and Goadrich 2006, https://doi.org/10.1145/1143844.1143874",
        binary_only=True,
    )
    yield Metric(
        name="binary_f1",
        compute=confusion.binary_f1,
        needs_scores=False,
        influence=influence.binary_f1,
        summary="F1 of class 1 at threshold 0.5",
        unit="%",
        binary_only=True,
    )
    yield Metric(
        name="best_threshold",
        compute=ranking.best_threshold,
        is_smooth=False,
        summary="probability threshold for class 1 that maximises sensitivity + specificity (Youden's index)",
        source="Youden 1950, https://doi.org/10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3",
        binary_only=True,
    )
