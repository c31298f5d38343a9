"""Cheapest first: with a budget, trials run in the order of their cost, so that as many as possible fit into it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.bench.job_runner import JobRunner
from harness.records.spec import TrialSpec, stable_hash
from harness.trial.resolved_trial import ResolvedTrial
from zoo.events import Progress
from zoo.files.cache import cached_json

FUNCTION = "harness.networks.cost_counting:count_each"
"""Counts the multiply-accumulates of networks, in a process of its own that imports torch."""
_PASSES_PER_STEP = 3
_VERSION = 1


def cheapest_first(trials: Sequence[ResolvedTrial], jobs: JobRunner, sources: dict[str, Any]) -> list[ResolvedTrial]:
    """Return trials ordered by seed and fold, then by their multiply-accumulates; unknown ones come last.

    The cost of a trial is that of its passes over the training images; where a head is fitted to features, one pass.

    Args:
        jobs: Runs the job that counts, unless the counts are known from an earlier bench.
        sources: Plugins that the job loads.
    """
    keys = {id(trial): _network_key(trial) for trial in trials}
    unknown = {keys[id(trial)]: _network(trial) for trial in trials}

    def count() -> dict[str, Any]:
        jobs.emit(Progress(message=f"sizing up {len(unknown)} networks"))
        found = jobs.ask("call", function=FUNCTION, arguments={"sources": sources, "networks": list(unknown.values())})
        return dict(zip(unknown, found, strict=True))

    macs = cached_json(f"tuning/{stable_hash([_VERSION, sorted(unknown)])[:32]}", count) if len(unknown) > 1 else {}

    def cost(trial: ResolvedTrial) -> float:
        count = macs.get(keys[id(trial)])
        return float("inf") if count is None else count * _passes(trial.spec)

    rounds: dict[tuple[int, int], int] = {}
    for trial in trials:
        rounds.setdefault((trial.spec.seed, trial.spec.dataset.fold or 0), len(rounds))
    return sorted(
        trials, key=lambda trial: (rounds[trial.spec.seed, trial.spec.dataset.fold or 0], cost(trial), trial.number)
    )


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
