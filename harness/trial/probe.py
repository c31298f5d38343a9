"""Probes: building a trial's network, training and predicting a few batches as the trial would, in a separate process.

Labels are made up and the test split stays closed, so a probe reveals nothing about a network's accuracy.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from harness.batches.forward_settings import ForwardSettings
from harness.data.images import PreparedData, TrialImages, few
from harness.faults.errors import TrialError
from harness.faults.failures import classify
from harness.measuring.environment import available_threads
from harness.measuring.peak_memory import PeakMemory
from harness.networks.channels_last import trainable_layout
from harness.networks.complexity import count_macs
from harness.planning.classifiers import GivenClassifier
from harness.planning.measured import Measured
from harness.planning.threads import threads_for_work
from harness.records.predictions import SavedPredictions, save_predictions
from harness.records.record import FailureKind
from harness.records.scoring import score
from harness.records.spec import TrialSpec
from harness.system.malloc import keep_freed_memory
from harness.training.checkpoints import TrainingStates, save_weights
from harness.training.evaluation import batch_size_for, predict_logits
from harness.training.loop import EpochResult, TrainingHooks, train
from harness.training.precision import fastest_kernels
from harness.training.state import TrainingState
from harness.trial.evaluating import evaluated_macs, evaluated_network, untuned
from harness.trial.setup import hyperparameters, make_setup, stated_normalization
from zoo.calling.interruption import INTERRUPTION
from zoo.catalog import Catalog
from zoo.loading import Sources, build_catalog
from zoo.metric import Predictions

WARM_UP_IMAGES = 16
WINDOW_SECONDS = 1.0
"""Approximate duration of timing training steps."""
LONGEST_BATCH_SECONDS = 10.0
"""Maximum time for a batch; if a batch would take longer, only a few images are timed and peak memory stays unknown."""
LIMIT_SECONDS = 180.0
"""Time limit of a probe."""


def probe_trial(
    sources: dict[str, Any], spec: dict[str, Any], prepared: dict[str, Any], classifier: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the fields of :class:`harness.planning.measured.Measured`, or ``{"problem": a sentence}``.

    Args:
        classifier: Fields of a :class:`GivenClassifier` that is tested as it is; None: a network is trained.
    """
    keep_freed_memory()  # as trials do
    watchdog = threading.Timer(LIMIT_SECONDS, _give_up)
    watchdog.daemon = True
    watchdog.start()
    began = time.perf_counter()
    try:
        wanted = TrialSpec.model_validate(spec)
        with fastest_kernels(torch.device(wanted.execution.device)):
            data, catalog = PreparedData.model_validate(prepared), build_catalog(Sources(**sources))
            if classifier is None:
                measured = _probe(wanted, data, catalog)
            else:
                measured = _probe_given(wanted, GivenClassifier.model_validate(classifier), data, catalog)
    except BaseException as error:  # plugins may raise anything, which must not affect other probes
        if INTERRUPTION.count:
            raise
        return {"problem": classify(error, "the probe").message}
    finally:
        watchdog.cancel()
    return measured.model_copy(update={"seconds": time.perf_counter() - began}).model_dump(mode="json")


def _give_up() -> None:
    print(f"took longer than {LIMIT_SECONDS:g} s", flush=True)
    os._exit(1)


def _probe(spec: TrialSpec, prepared: PreparedData, catalog: Catalog) -> Measured:
    execution, precision = spec.execution, spec.execution.precision
    assert precision != "auto", "the bench resolves the precision"
    device = torch.device(execution.device)
    available = available_threads()
    if execution.threads:
        torch.set_num_threads(execution.threads)
    start = time.perf_counter()
    memory = PeakMemory(device)
    setup = make_setup(spec, prepared, catalog)
    model = setup.model
    macs = count_macs(model, (prepared.channels, prepared.image_size, prepared.image_size))
    if execution.threads is None:
        torch.set_num_threads(threads_for_work(macs, setup.resolved.hp.batch_size, available=available))
    model.to(device)
    build_seconds = time.perf_counter() - start

    hp = setup.resolved.hp
    # A lower learning rate takes the same time, and does not diverge on made-up labels.
    hp = hp.model_copy(update={"epochs": 1, "early_stopping_patience": 0, "lr": 1e-3 * hp.lr})
    resolved = replace(setup.resolved, hp=hp)
    settings = ForwardSettings(
        device=device,
        normalization=setup.normalization,
        precision=precision,
        channels_last=trainable_layout(execution.layout, model, device) != "contiguous",
    )
    whole = TrialImages(prepared)
    some = TrialImages(prepared)
    some.val = few(whole.val, min(len(whole.val), batch_size_for(prepared.image_size, prepared.image_size, device)))
    if setup.resolved.recipe.fit_head is not None:
        return _probe_features(model, whole, settings, memory, macs=macs, build_seconds=build_seconds)
    states: list[TrainingState] = []
    results: list[EpochResult] = []

    def learn(num_images: int) -> float:
        """Train on *num_images* images and return the seconds per image."""
        some.train = few(whole.train, num_images)
        states.clear()
        trained = train(
            model,
            some,
            resolved,
            settings,
            seed=spec.seed,
            hooks=TrainingHooks(emit=results.append, save=states.append),
        )
        return 1 / trained.images_per_second[-1]

    num_train = len(whole.train)
    batch = min(hp.batch_size, num_train)
    image_seconds = learn(min(batch, WARM_UP_IMAGES))
    tries_batch = batch * image_seconds <= LONGEST_BATCH_SECONDS
    if tries_batch:
        image_seconds = learn(batch)
        num_batches = min(num_train // batch, round(WINDOW_SECONDS / max(batch * image_seconds, 1e-6)))
        if num_batches >= 1:  # otherwise a single batch took long enough
            memory.forget_trials()
            image_seconds = learn(num_batches * batch)
    elif batch > WARM_UP_IMAGES and WARM_UP_IMAGES * image_seconds <= WINDOW_SECONDS:
        image_seconds = learn(WARM_UP_IMAGES)
    peak_memory_mib = memory.mib() if tries_batch else None
    val_seconds = results[-1].seconds - len(some.train) * image_seconds

    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        TrainingStates(Path(folder)).save(states[-1])
        save_seconds = time.perf_counter() - start
        logits_NK = predict_logits(model, some.val, settings)
        start = time.perf_counter()
        save_weights(Path(folder), model)
        predictions = Predictions(logits=logits_NK.numpy(), labels=some.val.labels_N, classes=prepared.classes)
        save_predictions(Path(folder), SavedPredictions(predictions=predictions, samples=some.val.samples_N))
        score(predictions, catalog.metrics)
        end_seconds = time.perf_counter() - start
    start = time.perf_counter()
    predict_logits(model, few(some.val, 1), settings)
    return Measured(
        build_seconds=build_seconds,
        image_seconds=image_seconds,
        val_image_seconds=max(0.0, val_seconds) / len(some.val),
        single_image_seconds=time.perf_counter() - start,
        save_seconds=save_seconds,
        end_seconds=end_seconds,
        inference_batch=len(some.val),
        training_batch=batch,
        peak_memory_mib=peak_memory_mib,
        macs=macs,
        threads=torch.get_num_threads(),
    )


def _probe_given(spec: TrialSpec, given: GivenClassifier, prepared: PreparedData, catalog: Catalog) -> Measured:
    """Time a network that is tested as it is, on training images, since the test split stays closed."""
    device, precision = torch.device(spec.execution.device), spec.execution.precision
    assert precision != "auto", "the bench resolves the precision"
    torch.set_num_threads(spec.execution.threads or available_threads())
    start = time.perf_counter()
    memory = PeakMemory(device)
    model = evaluated_network(spec, given, prepared, catalog)
    macs = evaluated_macs(model, prepared)
    if spec.execution.threads is None:
        batch_size = hyperparameters(spec, prepared, catalog).batch_size
        torch.set_num_threads(threads_for_work(macs, batch_size, available=available_threads()))
    settings = ForwardSettings(
        device=device,
        normalization=stated_normalization(spec, prepared),
        precision=precision,
        channels_last=untuned(spec, device, given.card).layout == "channels_last",
    )
    settings.place(model)
    images = TrialImages(prepared)
    if not len(images.train):
        raise TrialError(FailureKind.DATA, "there are no training images, and the test split stays closed")
    build_seconds = time.perf_counter() - start
    measured = _probe_features(model, images, settings, memory, macs=macs, build_seconds=build_seconds)
    return measured.model_copy(update={"save_seconds": 0.0})  # its weights are not saved


def _probe_features(
    model: nn.Module,
    images: TrialImages,
    settings: ForwardSettings,
    memory: PeakMemory,
    *,
    macs: int | None,
    build_seconds: float,
) -> Measured:
    """Time forward passes, which are all that computing features takes; fitting a head is left out."""

    def passes(count: int) -> float:
        """Return the seconds per image of a pass over *count* images."""
        some = few(images.train, count)
        start = time.perf_counter()
        predict_logits(model, some, settings)
        return (time.perf_counter() - start) / count

    size = images.prepared.image_size
    batch = min(len(images.train), batch_size_for(size, size, settings.device))
    image_seconds = passes(batch)
    if batch * image_seconds <= LONGEST_BATCH_SECONDS:
        image_seconds = passes(min(len(images.train), batch * max(1, round(WINDOW_SECONDS / (batch * image_seconds)))))
    single_image_seconds = passes(1)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        save_weights(Path(folder), model)
        save_seconds = time.perf_counter() - start
    return Measured(
        build_seconds=build_seconds,
        image_seconds=image_seconds,
        val_image_seconds=image_seconds,
        single_image_seconds=single_image_seconds,
        save_seconds=save_seconds,
        end_seconds=0.0,
        inference_batch=batch,
        training_batch=batch,
        peak_memory_mib=memory.mib(),
        macs=macs,
        threads=torch.get_num_threads(),
    )
