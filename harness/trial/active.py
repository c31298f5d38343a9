"""An active trial, and the steps that it takes whether it trains a network, fits a head or trains nothing."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from harness.batches.forward_settings import ForwardSettings, Precision
from harness.data.images import PreparedData, TrialImages
from harness.measuring.device_lock import DeviceSharing
from harness.measuring.environment import available_threads
from harness.measuring.speed import FinishedTraining, TimedPrediction, measure_speed
from harness.planning.threads import threads_for_work
from harness.records.record import SpeedInfo
from harness.records.scoring import asked_by
from harness.records.spec import TrialSpec
from harness.system.cores import usable_threads
from harness.training.resolved_recipe import ResolvedRecipe
from harness.trial.job import TrialJob
from harness.trial.progress import TrialProgress
from harness.trial.testing import KeptOutputs, predict_splits
from zoo.calling.interruption import INTERRUPTION
from zoo.catalog import Catalog


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ActiveTrial:
    """A trial in its process: what it was asked to do, and where it reports."""

    job: TrialJob
    catalog: Catalog
    progress: TrialProgress
    sharing: DeviceSharing
    """Part of the process in the device, which it has joined."""
    available_threads: int = field(default_factory=available_threads)
    """Number of threads that the process may use."""

    @property
    def spec(self) -> TrialSpec:
        """What is to be done."""
        return self.job.trial.spec

    @property
    def prepared(self) -> PreparedData:
        """The dataset of the trial."""
        return self.job.trial.prepared

    @property
    def folder(self) -> Path:
        """Where its files go."""
        return Path(self.job.folder)

    @property
    def device(self) -> torch.device:
        """The device that it computes on."""
        return torch.device(self.spec.execution.device)

    @property
    def precision(self) -> Precision:
        """The numeric precision that it computes in."""
        precision = self.spec.execution.precision
        assert precision != "auto", "the bench resolves the precision"
        return precision

    @property
    def kept(self) -> KeptOutputs:
        """What it saves of its network's outputs: what metrics and listeners ask for."""
        of_listeners = {"features"} if self.job.keeps_features else set()
        return KeptOutputs(folder=self.folder, facts=asked_by(self.catalog.metrics) | of_listeners)

    def begin(self) -> None:
        """Use the requested number of threads, or all until the network's work is known."""
        torch.set_num_threads(self.spec.execution.threads or self.available_threads)

    def choose_threads(self, macs: int | None, batch_size: int) -> None:
        """Use as many threads as pay off for a step of a network, unless a number was requested."""
        if self.spec.execution.threads is None:
            threads = threads_for_work(macs, batch_size, available=self.available_threads)
            torch.set_num_threads(threads)
            self.progress.environment.update(threads=threads, available_threads=self.available_threads)

    def wait_for_cores(self) -> None:
        """Wait until the other trials of the bench leave as many cores as this one has threads."""
        if self.job.cores_folder:
            with self.progress.during("wait"):
                # All cores of the machine: OMP_NUM_THREADS limits the threads of a trial, not how many trials run.
                self.sharing.take_cores(Path(self.job.cores_folder), torch.get_num_threads(), cores=usable_threads())

    def give_way(self) -> float:
        """Pause while another trial measures, and return for how many seconds.

        Raises:
            KeyboardInterrupt: If the user has stopped the trial.
        """
        if INTERRUPTION.count:  # and a plugin's code caught what it raised
            raise KeyboardInterrupt
        return self.sharing.give_way()

    def test(
        self,
        model: nn.Module,
        resolved: ResolvedRecipe,
        settings: ForwardSettings,
        images: TrialImages,
        classes: tuple[str, ...],
    ) -> TimedPrediction:
        """Predict the test and validation images, save and score the predictions: the phase "test".

        Arguments and errors are those of :func:`harness.trial.testing.predict_splits`.
        """
        with self.progress.during("test"):
            tested = predict_splits(
                model,
                images,
                settings,
                resolved=resolved,
                kept=self.kept,
                metrics=self.catalog.metrics,
                classes=classes,
                # With the device to itself if its speed is measured.
                timing=self.sharing.alone() if self.spec.execution.measure_seconds > 0 else nullcontext(),
            )
            self.progress.metrics = tested.scores.values
            self.progress.warnings += (*tested.warnings, *tested.scores.problems)
        return tested.prediction

    def measure(
        self,
        model: nn.Module,
        resolved: ResolvedRecipe,
        settings: ForwardSettings,
        *,
        test: TimedPrediction,
        training: FinishedTraining | None = None,
        peak_memory_mib: float | None,
        budget_seconds: float | None = None,
    ) -> SpeedInfo:
        """Measure a network's speed with the device to itself, if the trial is to be measured.

        Args:
            budget_seconds: Time for each measurement; None: the trial's share of that of its row.
            test: Its pass over the test images.
            training: Its training; None: it was not trained.
            peak_memory_mib: Peak memory so far, which is recorded beside the speed.
        """
        execution = self.spec.execution
        speed = SpeedInfo()
        if execution.measure_seconds > 0:
            with self.sharing.alone():
                speed = measure_speed(
                    model,
                    resolved,
                    settings,
                    training=training,
                    test=test,
                    disturbance=self.sharing.disturbance,
                    budget_seconds=budget_seconds or execution.own_measure_seconds,
                    best_inference=execution.best_inference,
                )
        return speed.model_copy(update={"peak_memory_mib": peak_memory_mib})
