"""Weights at hand: networks whose published weights cannot be loaded leave a plan before anything is prepared."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any

from harness.bench.job_runner import JobRunner, StoppedError
from harness.bench.local_jobs import LocalJobRunner
from harness.bench.processes.starter import Starter
from harness.planning.plan import Plan
from harness.records import store as files
from harness.records.record import Outcome
from harness.records.spec import TrialSpec, stable_hash
from harness.records.store import Store
from harness.system.interrupts import Interrupts
from harness.system.staging import scratch_folder
from zoo.errors import ZooError
from zoo.events import Event, Progress
from zoo.loading import Sources

FUNCTION = "harness.networks.weights_at_hand:causes_of_absence"
"""Checks networks, in a process of its own that imports torch."""


def with_weights_at_hand(plan: Plan, store: Store, sources: Sources, emit: Callable[[Event], None]) -> Plan:
    """Return a plan without the trials whose published weights cannot be loaded, which become skips with the cause.

    Trials of networks that have finished ones in the store stay: those are reused. Where the check itself fails,
    all stay, and each trial finds out for itself.

    Raises:
        KeyboardInterrupt: If the user stopped the check.
    """
    if not any(_starts_from_weights(spec) for spec in plan.trials):
        return plan
    interrupts, places = Interrupts(), dataclasses.asdict(sources)
    with interrupts.caught(), scratch_folder() as scratch:
        jobs = LocalJobRunner(Starter(plan.preload), scratch, emit, interrupts, places)
        try:
            causes = causes_by_network(plan, jobs, places)
        except ZooError:
            return plan
        except StoppedError:
            raise KeyboardInterrupt from None
    return without(plan, causes, kept=_finished(store) if causes else set())


def causes_by_network(plan: Plan, jobs: JobRunner, sources: dict[str, Any]) -> dict[str, str]:
    """Return why published weights cannot be loaded, for each network of a plan where that is so.

    Raises:
        ZooError: If nobody can tell.
        StoppedError: If the user stopped the bench.
    """
    networks = {_network(spec): spec.architecture for spec in plan.trials if _starts_from_weights(spec)}
    jobs.emit(Progress(message="looking for published weights"))
    asked = [{"architecture": each.full_name, "options": dict(each.options)} for each in networks.values()]
    found = jobs.ask("call", function=FUNCTION, arguments={"sources": sources, "networks": asked})
    return {network: cause for network, cause in zip(networks, found, strict=True) if cause}


def without(plan: Plan, causes: dict[str, str], *, kept: set[str]) -> Plan:
    """Return a plan whose trials of networks with a cause are skips, but for the networks that are *kept*."""

    def reason_of(spec: TrialSpec) -> str:
        network = _network(spec)
        is_left_out = network in causes and network not in kept and _starts_from_weights(spec)
        return f"published weights cannot be loaded: {causes[network]}" if is_left_out else ""

    return plan.without(reason_of)


def _finished(store: Store) -> set[str]:
    found: set[str] = set()
    for path in store.root.glob(f"*/{files.RECORD_FILE}"):
        with contextlib.suppress(ZooError):  # a damaged record is no finished trial
            record = files.read_record(path)
            found |= {_network(record.spec)} if record.outcome is Outcome.DONE else set()
    return found


def _network(spec: TrialSpec) -> str:
    return stable_hash([spec.architecture.full_name, dict(spec.architecture.options)])


def _starts_from_weights(spec: TrialSpec) -> bool:
    return spec.classifier is None and bool(spec.recipe.hyperparameters.get("pretrained"))
