"""Probing: the costs of a plan's combinations on this machine, measured on a few batches of each.

What was measured is kept in the cache for a combination and a machine, whatever the number of epochs and images.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.bench.job_runner import StoppedError
from harness.bench.local_jobs import LocalJobRunner
from harness.bench.machine import Machine
from harness.bench.processes.starter import Starter
from harness.bench.resolution import resolve
from harness.bench.slots import threads_for
from harness.data.images import PreparedData
from harness.data.settings import DataSettings
from harness.planning.costs import START_SECONDS, Costs, measuring_seconds
from harness.planning.forecast import Expectation, Forecast
from harness.planning.measured import Measured
from harness.planning.plan import Plan
from harness.records.spec import ExecutionSpec, TrialSpec, stable_hash
from harness.system.interrupts import Interrupts
from harness.system.staging import scratch_folder
from harness.trial.resolved_trial import ResolvedTrial
from zoo.errors import ZooError
from zoo.events import Event, Progress
from zoo.files.cache import cached_json
from zoo.loading import Sources

_VERSION = 2
"""Increased whenever a change makes earlier measurements invalid."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Probes:
    """The outcome of probing."""

    num_measured: int
    num_cached: int
    problems: dict[str, str]
    """Why a combination could not be measured, by its title."""
    interrupted: bool


def probe_plan(
    plan: Plan,
    forecast: Forecast,
    *,
    sources: Sources,
    emit: Callable[[Event], None],
    data: DataSettings,
) -> Probes:
    """Prepare the data of *plan*, and measure each combination that has not run here yet, for *forecast*.

    Raises:
        ZooError: If a dataset or the device is not available; all such errors together.
    """
    interrupts = Interrupts()
    starter = Starter(plan.preload)
    wanted = dataclasses.replace(plan, trials=_representatives(plan, forecast))
    machines: list[Machine] = []
    counts = {"measured": 0, "cached": 0}
    problems: dict[str, str] = {}

    def arrange(machine: Machine, execution: ExecutionSpec, num_trials: int) -> int | None:
        machines.append(machine)
        if machine.device == "cpu" and execution.gpus_per_trial == 1:
            return execution.threads
        return threads_for(1, wanted=execution.threads, available=machine.environment["threads"])

    def answer(interrupted: bool) -> Probes:
        return Probes(
            num_measured=counts["measured"], num_cached=counts["cached"], problems=problems, interrupted=interrupted
        )

    with interrupts.caught(), scratch_folder() as scratch:
        places = dataclasses.asdict(sources)
        jobs = LocalJobRunner(starter, scratch, emit, interrupts, places)
        try:
            resolved = resolve(wanted, jobs, arrange=arrange, data=data)
            for asked, trial in zip(wanted.trials, resolved, strict=True):
                emit(Progress(message=f"probing {_title(asked)}", share=(trial.number - 1) / len(resolved)))
                before = jobs.count

                def ask(trial: ResolvedTrial = trial) -> dict[str, Any]:
                    return _ask(jobs, places, trial)

                try:
                    measured = Measured.model_validate(cached_json(_key(trial, machines[0]), ask))
                except ZooError as error:
                    problems[_title(asked)] = str(error)
                    continue
                counts["cached" if jobs.count == before else "measured"] += 1
                forecast.add_probe(asked, expectation(asked, trial.prepared, measured, device=machines[0].device))
        except StoppedError:
            return answer(interrupted=True)
    return answer(interrupted=False)


def expectation(spec: TrialSpec, prepared: PreparedData, measured: Measured, *, device: str) -> Expectation:
    """Return the expected time and memory of a trial from a probe's measurements."""
    epochs = int(spec.recipe.hyperparameters.get("epochs", 0))
    training = epochs * prepared.num_train * measured.image_seconds
    num_learnt = prepared.num_train + prepared.num_val
    # The first state is always saved, and later ones as long as that takes a twentieth of the time.
    saving = min(epochs * measured.save_seconds, measured.save_seconds + training / 20)
    measuring = _measuring_seconds(spec, measured)
    costs = Costs(
        fixed_seconds=START_SECONDS + measured.build_seconds + measured.end_seconds + saving,
        measuring_seconds=measuring,
        image_seconds=(measured.image_seconds * prepared.num_train + measured.val_image_seconds * prepared.num_val)
        / max(1, num_learnt),
        test_image_seconds=measured.val_image_seconds,
    )
    peak = measured.peak_memory_mib
    if peak is not None and device == "cpu" and not prepared.streamed:
        peak += num_learnt * prepared.image_size**2 * prepared.channels / 2**20
    return Expectation(
        seconds=costs.seconds(epochs=epochs, num_learnt=num_learnt, num_test=prepared.num_test),
        alone_seconds=measuring,
        fixed_seconds=costs.fixed_seconds,
        measuring_seconds=measuring,
        peak_memory_mib=peak,
        threads=measured.threads or 1,
        basis="probe",
    )


def _measuring_seconds(spec: TrialSpec, measured: Measured) -> float:
    """Return how long measuring speeds will take: as requested, or longer if single calls are slow."""
    budget = spec.execution.own_measure_seconds
    if budget == 0:
        return 0.0
    inference = _protocol_seconds(measured.val_image_seconds * measured.inference_batch, budget)
    step = 0.0 if spec.classifier is not None else measured.image_seconds * measured.training_batch
    training = _protocol_seconds(step, budget)
    latency = max(budget / 2, 20 * measured.single_image_seconds)
    planned = measuring_seconds(spec)
    return planned + max(0.0, inference + training + latency - 2.5 * budget)


def _protocol_seconds(call: float, budget: float) -> float:
    """Return how long the protocol of :mod:`harness.measuring.timer` takes for calls that take so long each."""
    warm_up = max(budget / 10, 2 * call if call > 1 else 3 * call)
    windows = 3 if 5 * call > 3 * budget else 5
    return warm_up + max(budget, windows * call)


def _representatives(plan: Plan, forecast: Forecast) -> tuple[TrialSpec, ...]:
    """Return one trial of each combination that no earlier run gives an estimate for."""
    first: dict[str, TrialSpec] = {}
    for spec in plan.trials:
        first.setdefault(spec.whole.model_dump_json(exclude={"seed": True, "dataset": {"resplit"}}), spec)
    return tuple(spec for spec in first.values() if not forecast.has_run(spec))


def _ask(jobs: LocalJobRunner, sources: dict[str, Any], trial: ResolvedTrial) -> dict[str, Any]:
    answer: dict[str, Any] = jobs.ask(
        "call",
        function="harness.trial.probe:probe_trial",
        arguments={
            "sources": sources,
            "spec": trial.spec.model_dump(mode="json"),
            "prepared": trial.prepared.model_dump(mode="json"),
            "classifier": None if trial.classifier is None else trial.classifier.model_dump(mode="json"),
        },
    )
    if "problem" in answer:
        raise ZooError(answer["problem"])
    return answer


def _key(trial: ResolvedTrial, machine: Machine) -> str:
    """Return a name in the cache, made from everything that the costs of an image depend on."""
    spec = trial.spec.model_dump(
        mode="json",
        exclude={
            "seed": True,
            "dataset": {"limit_train", "limit_test", "val_fraction", "folds", "fold", "resplit"},
            "execution": {
                "looks",
                "first_seeds",
                "measure_seconds",
                "measure_shares",
                "best_inference",
                "batched_seeds",
            },
        },
    )
    spec["recipe"]["hyperparameters"].pop("epochs", None)
    names = ("device_name", "driver", "threads", "torch", "timm", "torchvision", "zoobench")
    identity = {
        "version": _VERSION,
        "spec": spec,
        "image": [trial.prepared.image_size, trial.prepared.channels, len(trial.prepared.classes)],
        "streamed": trial.prepared.streamed,
        "batches": min(trial.prepared.num_train, int(trial.spec.recipe.hyperparameters.get("batch_size", 0))),
        "environment": {name: machine.environment.get(name) for name in names},
    }
    return f"forecast/{stable_hash(identity)[:32]}"


def _title(spec: TrialSpec) -> str:
    """Return the title of a combination."""
    return f"{spec.architecture.display_name} · {spec.dataset.display_name} · {spec.recipe.display_name}"
