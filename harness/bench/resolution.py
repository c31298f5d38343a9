"""Resolution: a plan's trials with prepared datasets and decided settings, before any of them runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from harness.bench.job_runner import JobRunner
from harness.bench.machine import Machine
from harness.data.image_shape import Wanted
from harness.data.images import PreparedData
from harness.data.settings import DataSettings
from harness.planning.plan import Plan
from harness.planning.small_images import decide
from harness.records.keys import result_key
from harness.records.spec import DatasetSpec, ExecutionSpec, TrialSpec, stable_hash
from harness.trial.resolved_trial import ResolvedTrial
from zoo.errors import ManyErrors, ZooError
from zoo.events import Progress


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
    if not plan.trials:
        return []
    errors: list[ZooError] = []
    execution = plan.trials[0].execution
    jobs.emit(Progress(message="starting"))
    threads: int | None = None
    try:
        machine = Machine.model_validate(
            jobs.ask(
                "probe",
                device=execution.device,
                precision=execution.precision,
                compile=execution.compile,
                threads=execution.threads,
            )
        )
        threads = arrange(machine, execution, len(plan.trials))
    except ZooError as error:
        errors.append(error)
    prepared: dict[str, PreparedData] = {}
    broken: list[DatasetSpec] = []
    for spec in plan.trials:
        key = _images_key(spec)
        if key in prepared or spec.dataset in broken:
            continue
        jobs.emit(Progress(message=f"preparing {spec.dataset.display_name}"))
        try:
            answer = jobs.ask(
                "prepare",
                dataset=spec.dataset.model_dump(mode="json"),
                wanted=asdict(wanted_images(spec)),
                data_root=str(data.data_root.absolute()),
                cache=str(data.cache.absolute()),
                download=data.download,
                cache_limit=data.cache_limit,
            )
        except ZooError as error:
            errors.append(error)
            broken.append(spec.dataset)
        else:
            prepared[key] = PreparedData.model_validate(answer)
    ManyErrors.raise_if(errors)
    return [
        _resolve_trial(spec, prepared[_images_key(spec)], machine, threads, number)
        for number, spec in enumerate(plan.trials, start=1)
    ]


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
    spec: TrialSpec, prepared: PreparedData, machine: Machine, threads: int | None, number: int
) -> ResolvedTrial:
    execution = spec.execution.model_copy(
        update={
            "device": machine.device,
            "precision": machine.precision,
            "small_images": decide(spec, prepared.image_size),
            "threads": threads,
        }
    )
    # Mean and std stay open if they are those of the training images.
    preparation = (spec.preparation or spec.dataset.asked).for_channels(prepared.channels).over(prepared.view)
    spec = spec.model_copy(update={"execution": execution, "preparation": preparation})
    key = result_key(
        spec,
        fingerprint=prepared.fingerprint,
        pixels=prepared.pixels,
        torch_version=machine.environment["torch"],
    )
    return ResolvedTrial(spec=spec, result_key=key, prepared=prepared, number=number)
