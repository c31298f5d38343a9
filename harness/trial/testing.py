"""Testing: predictions of a trained network for its test and validation images, saved and scored.

Shape suffixes: N images, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.batches.forward_settings import ForwardSettings
from harness.data.image_facts import with_facts
from harness.data.images import ImageSet, PreparedData, TrialImages
from harness.faults.errors import TrialError
from harness.measuring.speed import TimedPrediction
from harness.measuring.timer import stopwatch
from harness.networks.backbones import take_head
from harness.records.predictions import FILE_NAME, VAL_FILE_NAME, SavedPredictions, save_predictions
from harness.records.scoring import Scores, score
from harness.training.evaluation import predict_logits
from harness.training.resolved_recipe import ResolvedRecipe
from harness.trial.output_checks import check_outputs
from zoo.catalog import Entry
from zoo.metric import Metric, Predictions


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptOutputs:
    """What a trial saves of its network's outputs."""

    folder: Path
    """Folder of the trial."""
    facts: frozenset[str] = frozenset({"hierarchy"})
    """Fields of predictions to save beside logits and labels. With ``features``, what the classifier is given for the
    test images is computed, which takes another pass."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tested:
    """What a test found."""

    prediction: TimedPrediction
    """Test images with their logits."""
    scores: Scores
    warnings: tuple[str, ...]
    """Notes on the outputs."""


def predict_splits(
    model: nn.Module,
    images: TrialImages,
    settings: ForwardSettings,
    *,
    resolved: ResolvedRecipe,
    kept: KeptOutputs,
    metrics: Iterable[Entry[Metric]],
    classes: Sequence[str],
    timing: AbstractContextManager[None],
) -> Tested:
    """Predict the test images with the weights to be tested, then the validation images, and save both.

    Args:
        images: The trial's images; their training phase ends here.
        kept: Where predictions go, and what else is saved with them.
        metrics: Metrics to compute from the test predictions.
        classes: Names of the columns of the logits, those of the dataset first.
        timing: A context for the time in which the test images are predicted.

    Raises:
        TrialError: If the outputs are not logits, are not finite, or depend on chance or on other images.
        OSError: If the predictions cannot be written.
    """
    images.end_training()
    test = images.open_test()
    names, num_classes = tuple(classes), len(classes)
    with timing:
        watch = stopwatch(settings.device)
        logits_NK = predict_logits(model, test, settings, predict=resolved.predict, num_classes=num_classes)
        seconds = watch.seconds()  # the logits are on the CPU, so the device is done
    warnings = check_outputs(model, test, settings, logits_NK, predict=resolved.predict)
    features_ND = None
    if "features" in kept.facts:
        features_ND, problem = features_of_test(model, test, settings)
        warnings += (problem,) if problem else ()
    predictions = save_logits(kept, images.prepared, "test", test, logits_NK, classes=names, features_ND=features_ND)
    if len(images.val):
        val_NK = predict_logits(model, images.val, settings, predict=resolved.predict, num_classes=num_classes)
        validation = save_logits(kept, images.prepared, "val", images.val, val_NK, classes=names)
        predictions = replace(predictions, validation=validation)
    return Tested(
        prediction=TimedPrediction(images=test, logits_NK=logits_NK, seconds=seconds),
        scores=score(predictions, metrics),
        warnings=warnings,
    )


def features_of_test(
    model: nn.Module, images: ImageSet, settings: ForwardSettings
) -> tuple[NDArray[np.float32] | None, str]:
    """Return the features ``[N, D]`` of images, or None and a sentence on why the network has none."""
    network = getattr(model, "network", None)  # of an evaluated network
    try:
        backbone = take_head(network if isinstance(network, nn.Module) else model)
        try:
            features_ND = predict_logits(backbone.pooled, images, settings, what="features").numpy()
        finally:
            backbone.put_back()
    except TrialError as error:
        return None, f"there are no features for what asks for them: {error}"
    return features_ND, ""


def save_logits(
    kept: KeptOutputs,
    prepared: PreparedData,
    split: Literal["val", "test"],
    images: ImageSet,
    logits_NK: Tensor,
    *,
    classes: tuple[str, ...],
    features_ND: NDArray[np.float32] | None = None,
) -> Predictions:
    """Write the logits of a split's images into the trial's folder, and return them as predictions."""
    predictions = Predictions(
        logits=logits_NK.numpy(),
        labels=images.labels_N,
        classes=classes,
        samples=images.samples_N,
        features=features_ND,
    )
    predictions = with_facts(predictions, prepared, split).limited_to(kept.facts)
    name = FILE_NAME if split == "test" else VAL_FILE_NAME
    save_predictions(kept.folder, SavedPredictions(predictions=predictions, samples=images.samples_N), name=name)
    return predictions
