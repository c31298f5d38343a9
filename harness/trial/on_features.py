"""A trial on features: a head is fitted to the outputs of a frozen backbone, which are computed once and cached.

The result is one network, backbone and head, which is saved, predicts and is exported like any other. Reads from top to
bottom. Shape suffixes: N images, D features, B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import time
from dataclasses import asdict, replace

import numpy as np
import torch
from pydantic import ValidationError
from torch import nn

from harness.batches.forward_settings import ForwardSettings
from harness.data.cache.feature_files import FeatureFolder, speed_file
from harness.data.images import TrialImages
from harness.measuring.peak_memory import PeakMemory
from harness.measuring.speed import TimedPrediction
from harness.networks.backbones import hash_of_weights, take_head, with_fitted_head
from harness.networks.complexity import count_macs, count_parameters
from harness.networks.heads import find_head
from harness.randomness import derive_seed
from harness.records.keys import measurement_fields
from harness.records.record import FeatureInfo, ModelInfo, SpeedInfo, TrainingInfo, Tuning
from harness.records.scoring import score
from harness.records.spec import stable_hash
from harness.training.checkpoints import TrainingStates, save_weights
from harness.training.evaluation import evaluate_logits
from harness.training.feature_batches import TrialFeatures
from harness.training.loop import EpochResult
from harness.training.state import TrainingState
from harness.trial.active import ActiveTrial
from harness.trial.backbone_facts import facts_of, stored_facts
from harness.trial.feature_source import FeatureSource, feature_folder
from harness.trial.fitting import training_info
from harness.trial.head_fitting import (
    epoch_hooks,
    few_per_class,
    head_logits,
    initial_head,
    is_state_of_head,
    short_classes,
    solved_head,
    trained_head,
)
from harness.trial.output_checks import check_outputs
from harness.trial.progress import TrialProgress
from harness.trial.setup import make_setup
from harness.trial.testing import save_logits
from zoo.features import FeatureSet, Head

_JUDGED_IMAGES = 5_000
"""Maximum number of training images whose loss is recorded; with a bank of images, its cost grows as their square."""


def run_on_features(trial: ActiveTrial, states: TrainingStates, state: TrainingState | None) -> bool:
    """Run a trial that fits a head to features.

    Args:
        states: Where the training states of a head are saved.
        state: The state that its training resumes from; None: it starts.

    Returns:
        Whether it has run. If the recipe fits no head of its own but trains one, it has not where the network's head is
        not a linear layer at its end, or where *state* is that of a training on images.
    """
    trial.begin()
    spec, prepared, progress, sharing = trial.spec, trial.prepared, trial.progress, trial.sharing
    folder, execution, device = trial.folder, spec.execution, trial.device

    with progress.during("build"):
        memory = PeakMemory(device)
        setup = make_setup(spec, prepared, trial.catalog, check=False)
        start = None
        if setup.resolved.recipe.fit_head is None:
            start = initial_head(setup.model)
            if start is None or (state is not None and not is_state_of_head(state)):
                return False
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
        facts = stored_facts(kept)
        if facts is None:
            with sharing.alone():
                facts = facts_of(kept, setup, settings, images, asks_layout=execution.layout == "auto")
        if start is not None and not facts.own_head:
            return False
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
        began = time.perf_counter()
        backbone = take_head(setup.model, facts.output)
        source = FeatureSource(backbone, prepared, settings, kept, give_way=trial.give_way)
        train_ND, val_ND = source.of("train", images.train), source.of("val", images.val)
        hp, num_classes = setup.resolved.hp, len(prepared.classes)
        per_class, num_views = int(getattr(hp, "train_per_class", 0)), int(getattr(hp, "views", 1))
        some_N = few_per_class(images.train.labels_N, per_class, seed=spec.seed)
        if too_few := short_classes(images.train.labels_N, per_class, prepared.classes):
            progress.warnings += (too_few,)
        views = [train_ND, *(source.of_view(number, images.train) for number in range(2, num_views + 1))]
        features = FeatureSet(
            train_ND=np.concatenate([view_ND[some_N] for view_ND in views]),
            train_labels_N=np.tile(images.train.labels_N[some_N], num_views),
            val_ND=val_ND,
            val_labels_N=images.val.labels_N,
            num_classes=num_classes,
            seed=derive_seed(spec.seed, "head"),
        )
        if start is None:
            # Copies of what the head is judged by: a recipe may scale features in place.
            own = replace(features, val_ND=val_ND.copy(), val_labels_N=images.val.labels_N.copy())
            head = solved_head(setup, own)
            progress.training = _judged(head, features, progress, began=began)
            if hp.pretrained and not per_class and not head.is_random:
                progress.warnings += (
                    "a seed changes nothing here, with published weights, all training images and an exact solver: the "
                    "interval comes from the test images alone",
                )
        else:
            as_images = TrialFeatures(
                prepared=prepared,
                train=images.train,
                train_ND=torch.from_numpy(train_ND).to(device),
                val_ND=torch.from_numpy(val_ND).to(device),
                val_labels_N=torch.from_numpy(images.val.labels_N.copy()),
            )
            hooks = epoch_hooks(progress, states, state, give_way=trial.give_way, pause_after=execution.pause_after)
            head, trained = trained_head(
                start, as_images, setup.resolved, settings, seed=spec.seed, hooks=hooks, state=state
            )
            progress.training = training_info(trained)
        val_NK = head_logits(head.module, val_ND, num_classes)

    if not execution.tests:  # a trial of a search, which must not see the test images
        save_weights(folder, with_fitted_head(backbone, head.module, own=facts.own_head))
        progress.speed = SpeedInfo(peak_memory_mib=memory.mib() if source.num_computed else None)
        return True

    with progress.during("test"):
        images.end_training()
        test = images.open_test()
        computed_before, began = source.num_computed, time.perf_counter()
        test_ND = source.of("test", test)
        logits_NK = head_logits(head.module, test_ND, num_classes)
        test_seconds = time.perf_counter() - began if source.num_computed > computed_before else None
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
            views=num_views,
            own_head=facts.own_head and type(head.module) is nn.Linear,
            chosen=dict(head.chosen),
        )
        if test_seconds is not None:  # otherwise the network was checked when its features were computed
            progress.warnings += check_outputs(model, test, settings, logits_NK)
        test_features_ND = test_ND if "features" in trial.kept.facts else None
        predictions = save_logits(
            trial.kept, prepared, "test", test, logits_NK, classes=prepared.classes, features_ND=test_features_ND
        )
        if len(images.val):
            validation = save_logits(trial.kept, prepared, "val", images.val, val_NK, classes=prepared.classes)
            predictions = replace(predictions, validation=validation)
        scores = score(predictions, trial.catalog.metrics)
        progress.metrics = scores.values
        progress.warnings += scores.problems

    with progress.during("measure"):
        progress.speed = SpeedInfo(peak_memory_mib=peak_memory_mib)
        if execution.measure_seconds > 0:
            tensors = head.module.state_dict().values()
            measured = {
                **measurement_fields(spec, progress.environment),
                "measure": [execution.measure_seconds, execution.best_inference],
                # Heads of one shape take the same time; a bank of neighbours may take longer than the backbone.
                "head": [type(head.module).__name__, *(list(value.shape) for value in tensors)],
            }
            name = speed_file(stable_hash(measured))
            speed = _stored_speed(kept, name)
            if speed is None:
                tested = TimedPrediction(images=test, logits_NK=logits_NK, seconds=test_seconds)
                # Once for all seeds, which share the features, and so for as long as the row may take.
                speed = trial.measure(
                    model,
                    setup.resolved,
                    settings,
                    test=tested,
                    peak_memory_mib=peak_memory_mib,
                    budget_seconds=execution.measure_seconds,
                )
                kept.write_facts(speed.model_dump(mode="json"), name)
            progress.speed = speed
    return True


def _judged(head: Head, features: FeatureSet, progress: TrialProgress, *, began: float) -> TrainingInfo:
    """Write a fitted head's loss and accuracy as those of the only epoch, and return what the record says of it."""
    shown = slice(_JUDGED_IMAGES)
    learnt = evaluate_logits(
        head_logits(head.module, features.train_ND[shown], features.num_classes),
        torch.from_numpy(features.train_labels_N[shown]),
    )
    val_NK = head_logits(head.module, features.val_ND, features.num_classes)
    judged = evaluate_logits(val_NK, torch.from_numpy(features.val_labels_N))
    seconds = time.perf_counter() - began
    result = EpochResult(
        epoch=1,
        epochs=1,
        train_loss=learnt.loss,
        train_accuracy=learnt.accuracy,
        val_loss=judged.loss,
        val_accuracy=judged.accuracy,
        lr=0.0,
        images_per_second=len(features.train_ND) / max(seconds, 1e-9),
        seconds=seconds,
    )
    progress.history.write({"event": "epoch", **asdict(result)})
    return TrainingInfo(
        epochs_run=1,
        tested_epoch=1,
        best_val_accuracy=judged.accuracy,
        final_train_loss=learnt.loss,
        seconds=seconds,
    )


def _stored_speed(kept: FeatureFolder, name: str) -> SpeedInfo | None:
    try:
        return SpeedInfo.model_validate(kept.read_facts(name))
    except ValidationError:
        return None
