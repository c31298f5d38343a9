"""Resolution: a plan's trials with prepared datasets and decided settings, before any of them runs."""

from __future__ import annotations

from collections.abc import Callable

from harness.bench.job_runner import JobRunner
from harness.bench.machine import Machine
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
    for dataset in plan.datasets:
        jobs.emit(Progress(message=f"preparing {dataset.display_name}"))
        try:
            answer = jobs.ask(
                "prepare",
                dataset=dataset.model_dump(mode="json"),
                data_root=str(data.data_root.absolute()),
                cache=str(data.cache.absolute()),
                download=data.download,
                cache_limit=data.cache_limit,
            )
        except ZooError as error:
            errors.append(error)
        else:
            prepared[_dataset_key(dataset)] = PreparedData.model_validate(answer)
    ManyErrors.raise_if(errors)
    return [
        _resolve_trial(spec, prepared[_dataset_key(spec.dataset)], machine, threads, number)
        for number, spec in enumerate(plan.trials, start=1)
    ]


def _dataset_key(dataset: DatasetSpec) -> str:
    return stable_hash(dataset.model_dump(mode="json"))


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
    spec = spec.model_copy(update={"execution": execution})
    key = result_key(spec, fingerprint=prepared.fingerprint, torch_version=machine.environment["torch"])
    return ResolvedTrial(spec=spec, result_key=key, prepared=prepared, number=number)
