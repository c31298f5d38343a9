"""Cheapest first: with a budget, trials run in the order of their cost, so that as many as possible fit into it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.bench.job_runner import JobRunner
from harness.records.spec import TrialSpec, stable_hash
from harness.trial.resolved_trial import ResolvedTrial
from zoo.events import Progress
from zoo.files.cache import cached_json, keep_json
from zoo.text import plural

FUNCTION = "harness.networks.cost_counting:count_each"
"""Counts the multiply-accumulates of networks, in a process of its own that imports torch."""
_PASSES_PER_STEP = 3
_SHARE = 1 / 8
"""Share of the time that is left which sizing up may take: for the 1,471 networks of timm it is about ten minutes."""
_COUNTS = "tuning/macs-1"
"""Name of the counts in the cache; another number whenever the same network gets another count."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheapestFirst:
    """The trials of a bench in the order of their cost."""

    trials: list[ResolvedTrial]
    notes: tuple[str, ...]
    """A sentence if there was no time to size up all networks."""


def cheapest_first(
    trials: Sequence[ResolvedTrial], jobs: JobRunner, sources: dict[str, Any], *, deadline: float
) -> CheapestFirst:
    """Order trials by seed and fold, then by their multiply-accumulates; unknown ones come last.

    The cost of a trial is that of its passes over the training images; where a head is fitted to features, one pass.
    What is counted is kept for the next bench. Where not all can be counted in time, those of small images come first,
    and among them a sample that the alphabet does not choose.

    Args:
        jobs: Runs the job that counts, unless the counts are known from an earlier bench.
        sources: Plugins that the job loads.
        deadline: Moment of ``time.monotonic()`` at which the budget is spent.
    """
    keys = {id(trial): _network_key(trial) for trial in trials}
    networks = {keys[id(trial)]: _network(trial) for trial in trials}
    macs: dict[str, int | None] = {}
    if len(networks) > 1:
        macs = cached_json(_COUNTS, dict)
        unknown = sorted(networks.keys() - macs.keys(), key=lambda key: (networks[key]["image_size"], key))
        if unknown:
            macs = {**macs, **_counted({key: networks[key] for key in unknown}, jobs, sources, deadline)}
            keep_json(_COUNTS, macs)

    def cost(trial: ResolvedTrial) -> float:
        count = macs.get(keys[id(trial)])
        return float("inf") if count is None else count * _passes(trial.spec)

    rounds: dict[tuple[int, int], int] = {}
    for trial in trials:
        rounds.setdefault((trial.spec.seed, trial.spec.dataset.fold or 0), len(rounds))
    ordered = sorted(
        trials, key=lambda trial: (rounds[trial.spec.seed, trial.spec.dataset.fold or 0], cost(trial), trial.number)
    )
    late = len(networks.keys() - macs.keys()) if len(networks) > 1 else 0
    note = f"{late:,} of {plural(len(networks), 'network')} could not be sized up within the budget, and come last"
    return CheapestFirst(trials=ordered, notes=(f"{note}; the same call goes on with them",) if late else ())


def _counted(
    networks: dict[str, dict[str, Any]], jobs: JobRunner, sources: dict[str, Any], deadline: float
) -> dict[str, int | None]:
    """Return the counts of as many networks as there is time for, from the first."""
    jobs.emit(Progress(message=f"sizing up {plural(len(networks), 'network')}"))
    seconds = max(0.0, deadline - time.monotonic()) * _SHARE
    arguments = {"sources": sources, "networks": list(networks.values()), "seconds": seconds}
    found = jobs.ask("call", function=FUNCTION, arguments=arguments)
    return dict(zip(networks, found, strict=False))  # fewer are found where the time did not suffice


def _passes(spec: TrialSpec) -> int:
    """Return how often a trial sees each training image, in forward passes."""
    settings = spec.recipe.hyperparameters
    return 1 if "train_per_class" in settings else _PASSES_PER_STEP * int(settings.get("epochs", 1))


def _network(trial: ResolvedTrial) -> dict[str, Any]:
    architecture, prepared = trial.spec.architecture, trial.prepared
    return {
        "architecture": architecture.full_name,
        "options": dict(architecture.options),
        "num_classes": len(prepared.classes),
        "in_channels": prepared.channels,
        "image_size": prepared.image_size,
    }


def _network_key(trial: ResolvedTrial) -> str:
    architecture = trial.spec.architecture
    return stable_hash([_network(trial), architecture.version, architecture.provider.code_hash])[:32]
