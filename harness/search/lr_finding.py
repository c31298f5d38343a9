"""Finding learning rates: a range test of each combination of a plan, each in a process of its own."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.bench.job_runner import StoppedError
from harness.bench.local_jobs import LocalJobRunner
from harness.bench.machine import Machine
from harness.bench.processes.starter import Starter
from harness.bench.resolution import Resolver
from harness.bench.slots import threads_for
from harness.data.settings import DataSettings
from harness.planning.plan import Plan
from harness.planning.unread_settings import why_unread
from harness.records.spec import ExecutionSpec, TrialSpec
from harness.search.combination import Combination
from harness.search.lr_range import LrRange
from harness.search.lr_tests import range_test_of
from harness.system.interrupts import Interrupts
from harness.trial.resolved_trial import ResolvedTrial
from zoo.catalog import Catalog
from zoo.errors import ZooError
from zoo.events import Event, Progress
from zoo.loading import Sources


def find_lr_ranges(
    plan: Plan,
    catalog: Catalog,
    *,
    sources: Sources,
    emit: Callable[[Event], None],
    data: DataSettings,
    grid: tuple[str, ...] = (),
) -> list[LrRange]:
    """Prepare the data of *plan*, and run a range test of each combination on one device, as a search would.

    Args:
        plan: The combinations. Learning rates that a grid gives them make one.
        catalog: Holds their recipes.
        sources: Plugins that the tests' processes load.
        emit: Called with progress.
        data: Where datasets are.
        grid: Dotted keys that titles show.

    Raises:
        ZooError: If a dataset or the device is not available; all such errors together.
        KeyboardInterrupt: If the user stopped it.
    """
    combinations: dict[str, Combination] = {}
    for spec in plan.trials:
        combination = Combination.of(spec, catalog, tuple(key for key in grid if key != "recipe.lr"))
        combinations.setdefault(_key(spec), combination)
    reasons = {key: _why_not(each) for key, each in combinations.items()}
    tested = tuple(range_test_of(each.spec) for key, each in combinations.items() if not reasons[key])
    found: dict[str, LrRange] = {}
    interrupts = Interrupts()
    with interrupts.caught(), tempfile.TemporaryDirectory(prefix="zoo-") as scratch:
        places = dataclasses.asdict(sources)
        jobs = LocalJobRunner(Starter(plan.preload), Path(scratch), emit, interrupts, places)
        try:
            resolved = Resolver(jobs, data).first(dataclasses.replace(plan, trials=tested), _threads)
            for planned, trial in zip(tested, resolved, strict=True):
                combination = combinations[_key(planned)]
                emit(Progress(message=f"raising the learning rate of {combination.title}"))
                found[_key(planned)] = _range_of(combination, trial, jobs, places)
        except StoppedError:
            raise KeyboardInterrupt from None
    return [
        found[key] if not reasons[key] else LrRange(title=each.title, problem=reasons[key])
        for key, each in combinations.items()
    ]


def _range_of(combination: Combination, trial: ResolvedTrial, jobs: LocalJobRunner, sources: dict[str, Any]) -> LrRange:
    arguments = {
        "sources": sources,
        "spec": trial.spec.model_dump(mode="json"),
        "prepared": trial.prepared.model_dump(mode="json"),
    }
    default = combination.hyperparameters.lr
    try:
        answer = jobs.ask("call", function="harness.trial.lr_test:measure_losses", arguments=arguments)
    except ZooError as error:
        answer = {"problem": str(error)}
    if "problem" in answer:
        return LrRange(title=combination.title, default=default, problem=answer["problem"])
    return LrRange.of(combination.title, default, answer["lrs"], answer["losses"])


def _why_not(combination: Combination) -> str:
    """Return why there is no learning rate to find; empty if there is one."""
    recipe = combination.recipe
    if not recipe.trains:
        return "the recipe trains nothing"
    return why_unread(recipe, "lr", combination.hyperparameters)


def _threads(machine: Machine, execution: ExecutionSpec, num_trials: int) -> int | None:
    if machine.device == "cpu":
        return execution.threads
    return threads_for(1, wanted=execution.threads, available=machine.environment["threads"])


def _key(spec: TrialSpec) -> str:
    """Return a key of a combination whatever its seed, fold and learning rate."""
    settings = {**spec.recipe.hyperparameters, "lr": None}
    recipe = spec.recipe.model_copy(update={"hyperparameters": settings})
    return spec.whole.model_copy(update={"recipe": recipe}).model_dump_json(exclude={"seed": True, "execution": True})
