"""Resolution: a plan's trials with prepared datasets and decided settings, before any of them runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from harness.bench.job_runner import JobRunner
from harness.bench.machine import Machine
from harness.data.image_shape import Wanted
from harness.data.images import PreparedData
from harness.data.settings import DataSettings
from harness.planning.class_mapping import map_classes
from harness.planning.classifiers import GivenClassifier
from harness.planning.plan import Plan
from harness.planning.small_images import decide
from harness.records.keys import result_key
from harness.records.spec import ClassifierSpec, DatasetSpec, ExecutionSpec, TrialSpec, stable_hash
from harness.trial.resolved_trial import ResolvedTrial
from zoo.class_list import ClassList
from zoo.errors import ManyErrors, UsageError, ZooError
from zoo.events import Progress

_PREPARING_SHARE = 1 / 4
"""Share of a budget that preparing images may take."""


def resolve(
    plan: Plan,
    jobs: JobRunner,
    *,
    arrange: Callable[[Machine, ExecutionSpec, int], int | None],
    data: DataSettings,
) -> list[ResolvedTrial]:
    """Probe the machine, prepare the datasets, and return the plan's trials with their keys.

    Args:
        jobs: Runs jobs where the trials will run.
        arrange: Decides for a machine, execution settings and a number of trials where trials run, and returns the
            number of CPU threads of each; None: by its own work.

    Raises:
        ZooError: If a dataset or the device is not available; all such errors together.
        StoppedError: If the user stopped the bench.
    """
    return Resolver(jobs, data).first(plan, arrange)


class Resolver:
    """Resolves the trials of a plan, and more of them later on the same machine.

    Args:
        jobs: Runs jobs where the trials will run.
        data: Where datasets are, and are kept prepared.
    """

    def __init__(self, jobs: JobRunner, data: DataSettings) -> None:
        self._jobs, self._data = jobs, data
        self._prepared: dict[str, PreparedData] = {}
        self._machine: Machine | None = None
        self._threads: int | None = None
        self._num_resolved = 0
        self.unprepared: list[TrialSpec] = []
        """Trials of the plan whose images there was no time to prepare."""
        self._classifiers: Mapping[str, GivenClassifier] = {}

    def first(
        self,
        plan: Plan,
        arrange: Callable[[Machine, ExecutionSpec, int], int | None],
        *,
        deadline: float | None = None,
    ) -> list[ResolvedTrial]:
        """Probe the machine, and resolve the trials of a plan; see :func:`resolve`.

        Networks that want images in a hundred ways would spend a budget before any trial starts: by a *deadline*, a
        moment of ``time.monotonic()``, preparing takes a quarter of the time, small images first, and the trials that
        are left are :attr:`unprepared`.
        """
        if not plan.trials:
            return []
        self._classifiers = plan.classifiers
        errors: list[ZooError] = []
        execution = plan.trials[0].execution
        self._jobs.emit(Progress(message="starting"))
        try:
            answer = self._jobs.ask(
                "probe",
                device=execution.device,
                precision=execution.precision,
                compile=execution.compile,
                threads=execution.threads,
            )
            self._machine = Machine.model_validate(answer)
            self._threads = arrange(self._machine, execution, len(plan.trials))
        except ZooError as error:
            errors.append(error)
        now = time.monotonic()
        until = None if deadline is None else now + max(0.0, deadline - now) * _PREPARING_SHARE
        errors += self._prepare(plan.trials, until=until)
        ManyErrors.raise_if(errors)
        self.unprepared = [spec for spec in plan.trials if _images_key(spec) not in self._prepared]
        return self._resolved([spec for spec in plan.trials if _images_key(spec) in self._prepared])

    def more(self, specs: Sequence[TrialSpec]) -> list[ResolvedTrial]:
        """Resolve further trials, which have the next numbers; only images that none had before are prepared.

        Raises:
            ZooError: If a dataset is not available.
            StoppedError: If the user stopped the bench.
        """
        ManyErrors.raise_if(self._prepare(specs))
        return self._resolved(specs)

    def _prepare(self, specs: Sequence[TrialSpec], *, until: float | None = None) -> list[ZooError]:
        """Prepare the images of trials, and return an error for each dataset that is not available.

        Args:
            until: Moment after which no images are prepared, but for the first of each dataset.
        """
        errors: list[ZooError] = []
        broken: list[DatasetSpec] = []
        begun: set[str] = set()
        if until is not None:
            specs = sorted(specs, key=lambda spec: wanted_images(spec).preparation.size or 0)
        for spec in specs:
            key = _images_key(spec)
            if key in self._prepared or spec.dataset in broken:
                continue
            if until is not None and time.monotonic() >= until and spec.dataset.display_name in begun:
                continue
            begun.add(spec.dataset.display_name)
            self._jobs.emit(Progress(message=f"preparing {spec.dataset.display_name}"))
            try:
                answer = self._jobs.ask(
                    "prepare",
                    dataset=spec.dataset.model_dump(mode="json"),
                    wanted=asdict(wanted_images(spec)),
                    data_root=str(self._data.data_root.absolute()),
                    cache=str(self._data.cache.absolute()),
                    download=self._data.download,
                    cache_limit=self._data.cache_limit,
                )
            except ZooError as error:
                errors.append(error)
                broken.append(spec.dataset)
            else:
                self._prepared[key] = PreparedData.model_validate(answer)
        return errors

    def _resolved(self, specs: Sequence[TrialSpec]) -> list[ResolvedTrial]:
        assert self._machine is not None, "the first trials have probed it"
        first = self._num_resolved + 1
        self._num_resolved += len(specs)
        resolved: list[ResolvedTrial] = []
        errors: list[ZooError] = []
        for number, spec in enumerate(specs, start=first):
            given = self._classifiers[spec.classifier.key] if spec.classifier else None
            prepared = self._prepared[_images_key(spec)]
            try:
                resolved.append(_resolve_trial(spec, given, prepared, self._machine, self._threads, number))
            except ZooError as error:
                errors.append(error)
        ManyErrors.raise_if(errors)
        return resolved


def wanted_images(spec: TrialSpec) -> Wanted:
    """Return what a trial's network wants of images, as far as its plan says."""
    preparation = spec.preparation or spec.dataset.asked
    crops = float(spec.recipe.hyperparameters.get("random_resized_crop", 1.0)) < 1
    return Wanted(preparation=preparation.view, design_size=spec.architecture.native_size, whole=crops)


def _images_key(spec: TrialSpec) -> str:
    """Return a key that trials share whose images are prepared together."""
    wanted = wanted_images(spec)
    design_size = wanted.design_size if wanted.preparation.size is None else None
    return stable_hash([spec.dataset.model_dump(mode="json"), asdict(wanted.preparation), design_size, wanted.whole])


def _resolve_trial(
    spec: TrialSpec,
    given: GivenClassifier | None,
    prepared: PreparedData,
    machine: Machine,
    threads: int | None,
    number: int,
) -> ResolvedTrial:
    execution = spec.execution.model_copy(
        update={
            "device": machine.device,
            "precision": machine.precision,
            "small_images": decide(spec, prepared.image_size) if given is None else "off",
            "threads": threads,
        }
    )
    # Mean and std stay open if they are those of the training images.
    preparation = (spec.preparation or spec.dataset.asked).for_channels(prepared.channels).over(prepared.view)
    # Where the source has a validation split of its own, there is nothing to draw.
    dataset = spec.dataset.model_copy(update={"resplit": prepared.resplit})
    spec = spec.model_copy(update={"dataset": dataset, "execution": execution, "preparation": preparation})
    if given is not None:
        spec = spec.model_copy(update={"classifier": _matched(spec, given, prepared)})
    key = result_key(
        spec,
        fingerprint=prepared.fingerprint,
        pixels=prepared.pixels,
        torch_version=machine.environment["torch"],
    )
    return ResolvedTrial(spec=spec, result_key=key, prepared=prepared, classifier=given, number=number)


def _matched(spec: TrialSpec, given: GivenClassifier, prepared: PreparedData) -> ClassifierSpec:
    """Return a trial's classifier with the columns of its logits for the classes of the dataset.

    Raises:
        UsageError: If its images or its classes are others.
    """
    assert spec.classifier is not None
    about = f"{given.spec.source} cannot be tested on {spec.dataset.display_name}"
    if given.channels not in (None, prepared.channels):
        wanted, have = ("grey" if channels == 1 else "RGB" for channels in (given.channels, prepared.channels))
        raise UsageError(f"{about}: it takes {wanted} images, and these are {have}")
    head = ClassList(names=given.names, ids=given.ids)
    try:
        found = map_classes(head, prepared.classes, over=spec.classifier.over, how=spec.classifier.classes)
    except UsageError as error:
        raise UsageError(f"{about}: {error}") from error
    return spec.classifier.model_copy(update={"columns": found.columns, "mapping": found.sentence})
