"""A trial on features: a head is fitted to the outputs of a frozen backbone, which are computed once and cached.

The result is one network, backbone and head, which is saved, predicts and is exported like any other. Reads from top to
bottom. Shape suffixes: N images, D features, B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor, nn

from harness.batches.device_images import DeviceImages
from harness.batches.forward_settings import ForwardSettings
from harness.data.cache.feature_files import FeatureFolder, speed_file
from harness.data.images import ImageSet, TrialImages
from harness.faults.errors import TrialError
from harness.faults.out_of_memory import is_out_of_memory
from harness.measuring.best_inference import find_best_inference
from harness.measuring.inference import timed_batch
from harness.measuring.peak_memory import PeakMemory
from harness.measuring.speed import TimedPrediction
from harness.networks.backbones import hash_of_weights, take_head, takes_linear_head, with_fitted_head
from harness.networks.building import check_output
from harness.networks.complexity import count_macs, count_parameters
from harness.networks.heads import find_head
from harness.randomness import derive_seed
from harness.records.keys import measurement_fields
from harness.records.predictions import FILE_NAME as PREDICTIONS_FILE
from harness.records.predictions import VAL_FILE_NAME as VAL_PREDICTIONS_FILE
from harness.records.record import FailureKind, FeatureInfo, Layout, ModelInfo, SpeedInfo, TrainingInfo, Tuning
from harness.records.scoring import score
from harness.records.spec import FrozenModel, stable_hash
from harness.training.checkpoints import save_weights
from harness.training.evaluation import checked_logits, evaluate_logits
from harness.training.loop import EpochResult
from harness.trial.active import ActiveTrial
from harness.trial.feature_source import FeatureSource, feature_folder
from harness.trial.output_checks import check_outputs
from harness.trial.setup import TrainingSetup, make_setup
from harness.trial.testing import save_logits
from zoo.calling.containment import reported
from zoo.features import FeatureSet, Head

TIMED_IMAGES = 10_000
"""Number of images from which choosing the memory format by timing pays off: it takes as long as a few hundred."""
_TIMED_BATCH, _TIMED_SECONDS = 16, 0.2
_JUDGED_IMAGES = 5_000
"""Maximum number of training images whose loss is recorded; with a bank of images, its cost grows as their square."""
_CHUNK = 1_024
"""Number of images whose logits a head computes at a time."""


class BackboneFacts(FrozenModel):
    """What is known of a backbone beside its features, as stored with them."""

    layer: str
    own_head: bool
    macs: int | None
    layout: Layout


def run_on_features(trial: ActiveTrial) -> None:
    """Run a trial whose recipe fits a head."""
    trial.begin()
    spec, prepared, progress, sharing = trial.spec, trial.prepared, trial.progress, trial.sharing
    folder, execution, device = trial.folder, spec.execution, trial.device

    with progress.during("build"):
        memory = PeakMemory(device)
        setup = make_setup(spec, prepared, trial.catalog, check=False)
        settings = ForwardSettings(
            device=device,
            normalization=setup.normalization,
            precision=trial.precision,
            channels_last=execution.layout != "contiguous",
            trials_on_device=trial.job.sharing,
        )
        images = TrialImages(prepared)
        weights = hash_of_weights(setup.model, without=find_head(setup.model))
        kept = feature_folder(spec, prepared, settings, weights)
        with sharing.alone():
            facts = _facts_of(kept, setup, settings, images, asks_layout=execution.layout == "auto")
        settings = replace(settings, channels_last=facts.layout == "channels_last")
        total, _ = count_parameters(setup.model)
        progress.model = ModelInfo(
            params=total,
            trainable_params=0,
            macs=facts.macs,
            small_image_changes=setup.changes,
            mean=setup.normalization.mean,
            std=setup.normalization.std,
            pretrained=setup.resolved.hp.pretrained,
        )
        progress.tuning = Tuning(layout=facts.layout, compile=False, reason="as its features were computed")
        trial.choose_threads(facts.macs, setup.resolved.hp.batch_size)
    trial.wait_for_cores()

    with progress.during("train"):
        start = time.perf_counter()
        backbone = take_head(setup.model)
        source = FeatureSource(backbone, prepared, settings, kept, give_way=trial.give_way)
        train_ND, val_ND = source.of("train", images.train), source.of("val", images.val)
        per_class = int(getattr(setup.resolved.hp, "train_per_class", 0))
        some_N = few_per_class(images.train.labels_N, per_class, seed=spec.seed)
        features = FeatureSet(
            train_ND=train_ND[some_N],
            train_labels_N=images.train.labels_N[some_N],
            val_ND=val_ND,
            val_labels_N=images.val.labels_N,
            num_classes=len(prepared.classes),
            seed=derive_seed(spec.seed, "head"),
        )
        head = _fitted_head(setup, features)
        shown = slice(_JUDGED_IMAGES)
        learnt = evaluate_logits(
            head_logits(head.module, features.train_ND[shown], features.num_classes),
            torch.from_numpy(features.train_labels_N[shown]),
        )
        val_NK = head_logits(head.module, val_ND, features.num_classes)
        judged = evaluate_logits(val_NK, torch.from_numpy(images.val.labels_N))
        seconds = time.perf_counter() - start
        result = EpochResult(
            epoch=1,
            epochs=1,
            train_loss=learnt.loss,
            train_accuracy=learnt.accuracy,
            val_loss=judged.loss,
            val_accuracy=judged.accuracy,
            lr=0.0,
            images_per_second=len(some_N) / max(seconds, 1e-9),
            seconds=seconds,
        )
        progress.history.write({"event": "epoch", **asdict(result)})
        if setup.resolved.hp.pretrained and not per_class and not head.is_random:
            progress.warnings += (
                "a seed changes nothing here, with published weights, all training images and an exact solver: the "
                "interval comes from the test images alone",
            )
    progress.training = TrainingInfo(
        epochs_run=1,
        tested_epoch=1,
        best_val_accuracy=judged.accuracy,
        final_train_loss=learnt.loss,
        seconds=seconds,
    )

    if not execution.tests:  # a trial of a search, which must not see the test images
        save_weights(folder, with_fitted_head(backbone, head.module, own=facts.own_head))
        progress.speed = SpeedInfo(peak_memory_mib=memory.mib() if source.num_computed else None)
        return

    with progress.during("test"):
        images.end_training()
        test = images.open_test()
        computed_before, start = source.num_computed, time.perf_counter()
        logits_NK = head_logits(head.module, source.of("test", test), features.num_classes)
        test_seconds = time.perf_counter() - start if source.num_computed > computed_before else None
        peak_memory_mib = memory.mib() if source.num_computed else None
        model = with_fitted_head(backbone, head.module, own=facts.own_head)
        settings.place(model)
        save_weights(folder, model)
        total, _ = count_parameters(model)
        fitted = sum(parameter.numel() for parameter in head.module.parameters())
        macs = facts.macs
        if model is not backbone.network:
            of_head = count_macs(head.module, train_ND.shape[1:])
            macs = None if macs is None or of_head is None else macs + of_head
        sizes = {"params": total, "trainable_params": fitted, "macs": macs}
        progress.model = progress.model.model_copy(update=sizes)
        progress.features = FeatureInfo(
            layer=facts.layer,
            num_features=train_ND.shape[1],
            weights=weights,
            num_computed=source.num_computed,
            num_train=len(some_N),
            own_head=facts.own_head and type(head.module) is nn.Linear,
            chosen=dict(head.chosen),
        )
        if test_seconds is not None:  # otherwise the network was checked when its features were computed
            progress.warnings += check_outputs(model, test, settings, logits_NK)
        predictions = save_logits(folder, test, logits_NK, classes=prepared.classes, name=PREDICTIONS_FILE)
        save_logits(folder, images.val, val_NK, classes=prepared.classes, name=VAL_PREDICTIONS_FILE)
        scores = score(predictions, trial.catalog.metrics)
        progress.metrics = scores.values
        progress.warnings += scores.problems

    with progress.during("measure"):
        progress.speed = SpeedInfo(peak_memory_mib=peak_memory_mib)
        if execution.measure_seconds > 0:
            measured = {
                **measurement_fields(spec, progress.environment),
                "measure": [execution.measure_seconds, execution.best_inference],
            }
            name = speed_file(stable_hash(measured))
            speed = _stored_speed(kept, name)
            if speed is None:
                tested = TimedPrediction(images=test, logits_NK=logits_NK, seconds=test_seconds)
                speed = trial.measure(model, setup.resolved, settings, test=tested, peak_memory_mib=peak_memory_mib)
                kept.write_facts(speed.model_dump(mode="json"), name)
            progress.speed = speed


def few_per_class(labels_N: NDArray[np.int64], count: int, *, seed: int) -> NDArray[np.int64]:
    """Return the indices of *count* images of each class, drawn by the seed, in order; 0: of all images.

    A class with fewer images has all of them drawn. With one seed, the images of a smaller count are among those of a
    larger one.
    """
    if count == 0:
        return np.arange(len(labels_N))
    rng = np.random.Generator(np.random.PCG64(derive_seed(seed, "few per class")))
    order_N = rng.permutation(len(labels_N))
    drawn = [order_N[labels_N[order_N] == label][:count] for label in np.unique(labels_N)]
    return np.sort(np.concatenate(drawn))


def head_logits(head: nn.Module, features_ND: NDArray[np.float32], num_classes: int) -> Tensor:
    """Return the logits ``float32 [N, K]`` of features, computed on the CPU.

    Raises:
        TrialError: If the head returns no logits (kind plugin), or some that are not finite (kind diverged).
    """
    head.eval()
    parts = [torch.empty(0, num_classes)]
    with torch.inference_mode():
        for some_BD in torch.split(torch.from_numpy(np.ascontiguousarray(features_ND)), _CHUNK):
            parts.append(checked_logits(head(some_BD), len(some_BD), num_classes).float())
    logits_NK = torch.cat(parts).clone()
    if not torch.isfinite(logits_NK).all():
        raise TrialError(FailureKind.DIVERGED, "the logits of the fitted head are not finite")
    return logits_NK


def _fitted_head(setup: TrainingSetup, features: FeatureSet) -> Head:
    recipe = setup.resolved.recipe
    assert recipe.fit_head is not None
    doing = f"fitting the head of {recipe.name}"
    error = partial(TrialError, FailureKind.PLUGIN)
    with reported(doing, f"{doing} failed", error=error, passes=is_out_of_memory):
        head = recipe.fit_head(features, setup.resolved.hp)
    returned: object = head
    if not isinstance(returned, Head) or not isinstance(head.module, nn.Module):
        raise error(f"{recipe.name}: fit_head returned {type(head).__name__}; expected zoo.Head with a module")
    return replace(head, module=head.module.cpu().eval().requires_grad_(False))


def _facts_of(
    kept: FeatureFolder, setup: TrainingSetup, settings: ForwardSettings, images: TrialImages, *, asks_layout: bool
) -> BackboneFacts:
    """Return what is stored with the features, or look at the network, which takes a few forward passes."""
    try:
        return BackboneFacts.model_validate(kept.read_facts())
    except ValidationError:  # there are none, or they are damaged
        pass
    model, request, prepared = setup.model, setup.request, images.prepared
    check_output(model, setup.architecture_name, request)
    shape = (request.in_channels, request.image_size, request.image_size)
    noise_BCHW = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    own_head = takes_linear_head(model, noise_BCHW, request.num_classes)
    macs = count_macs(model, shape)
    backbone = take_head(model)
    try:
        layout: Layout = "channels_last" if settings.channels_last else "contiguous"
        if asks_layout and prepared.num_train + prepared.num_val + prepared.num_test >= TIMED_IMAGES:
            layout = _fastest_layout(backbone.pooled, images.train, settings)
    finally:
        backbone.put_back()
    facts = BackboneFacts(layer=backbone.layer, own_head=own_head, macs=macs, layout=layout)
    kept.write_facts(facts.model_dump(mode="json"))
    return facts


def _fastest_layout(pooled: nn.Module, images: ImageSet, settings: ForwardSettings) -> Layout:
    settings.place(pooled)
    images_BCHW, _ = timed_batch(DeviceImages(images, settings.device, resident=False), settings, _TIMED_BATCH)
    precision = "fp32" if settings.precision == "fp16" else settings.precision
    best = find_best_inference(
        pooled.eval(),
        images_BCHW,
        torch.zeros(_TIMED_BATCH, dtype=torch.int64),
        compile=False,
        budget_seconds=_TIMED_SECONDS,
        precisions=(precision,),
    )
    return "channels_last" if best is None else best.layout


def _stored_speed(kept: FeatureFolder, name: str) -> SpeedInfo | None:
    try:
        return SpeedInfo.model_validate(kept.read_facts(name))
    except ValidationError:
        return None
