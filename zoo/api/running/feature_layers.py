"""Feature layers: combinations whose network lacks the layer that features are asked of leave a plan before it runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from harness.bench.job_runner import StoppedError
from harness.bench.local_jobs import LocalJobRunner
from harness.bench.processes.starter import Starter
from harness.planning.plan import Plan
from harness.records.spec import TrialSpec, stable_hash
from harness.system.interrupts import Interrupts
from harness.system.staging import scratch_folder
from zoo.errors import ZooError
from zoo.events import Event, Progress
from zoo.loading import Sources

FUNCTION = "harness.networks.layer_names:missing_layers"
"""Builds networks without weights, in a process of its own that imports torch."""
_OF_EVERY_NETWORK = ("head", "pooled")
_FEW = 10
"""Maximum number of networks whose own layers are named; those of more would fill the screen."""


def with_known_layers(plan: Plan, sources: Sources, emit: Callable[[Event], None]) -> Plan:
    """Return a plan without the trials whose network has no layer of the name in ``recipe.layer``, which become skips.

    Only names cost anything, a tenth of a second for each network: every network has ``head``, and most ``pooled``.
    Where the check itself fails, all trials stay, and each finds out for itself.

    Raises:
        KeyboardInterrupt: If the user stopped the check.
    """
    asked = {key_of(spec): spec for spec in plan.trials if _layer(spec) not in _OF_EVERY_NETWORK}
    if not asked:
        return plan
    interrupts, places = Interrupts(), dataclasses.asdict(sources)
    emit(Progress(message="looking for the layer of the features"))
    with interrupts.caught(), scratch_folder() as scratch:
        jobs = LocalJobRunner(Starter(plan.preload), scratch, emit, interrupts, places)
        arguments = {"sources": places, "networks": [_network(spec) for spec in asked.values()]}
        try:
            found = jobs.ask("call", function=FUNCTION, arguments=arguments)
        except ZooError:
            return plan
        except StoppedError:
            raise KeyboardInterrupt from None
    return without(plan, {key: problem for key, problem in zip(asked, found, strict=True) if problem})


def without(plan: Plan, problems: Mapping[str, str]) -> Plan:
    """Return a plan whose trials with a problem are skips, one for each combination.

    Args:
        problems: What is wrong, by network and layer.
    """
    is_many = len(problems) > _FEW

    def reason_of(spec: TrialSpec) -> str:
        problem = problems.get(key_of(spec), "")
        return f"the network has no layer {_layer(spec)!r}" if problem and is_many else problem

    return plan.without(reason_of)


def _layer(spec: TrialSpec) -> str:
    return str(spec.recipe.hyperparameters.get("layer", _OF_EVERY_NETWORK[0]))


def _network(spec: TrialSpec) -> dict[str, Any]:
    return {
        "architecture": spec.architecture.full_name,
        "options": dict(spec.architecture.options),
        "image_size": (spec.preparation or spec.dataset.asked).size,
        "layer": _layer(spec),
    }


def key_of(spec: TrialSpec) -> str:
    """Return a key that the trials of a network and a layer share."""
    return stable_hash(_network(spec))
