"""Forecasts: run time and memory of a plan, as ``zoo plan`` and ``zoo bench --dry-run`` show them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.text import duration, plural

if TYPE_CHECKING:
    from harness.bench.slots import SlotRequest
    from harness.planning.forecast import Forecast
    from harness.planning.plan_forecast import ExpectedTrial, PlanForecast
    from zoo.api.choosing import Chosen
    from zoo.api.display.progress import ExpectedTimes
    from zoo.api.ordering import BenchOrder
    from zoo.catalog import Catalog


def forecast_of(store: Path, chosen: Chosen, *, retry: bool = False) -> Forecast:
    """Return a forecast of the chosen trials from the records in *store*, which may not exist."""
    from harness.planning.forecast import Forecast
    from harness.records.run_summaries import read_run_summaries
    from harness.system.hardware import this_hardware

    forecast = Forecast(hardware=this_hardware(), sizes=sizes(chosen), retry=retry)
    forecast.add(read_run_summaries(store))
    return forecast


def plan_forecast_of(chosen: Chosen, forecast: Forecast, slots: SlotRequest) -> PlanForecast:
    """Return the expected time and memory of the chosen trials."""
    from harness.planning.plan_forecast import forecast_plan

    device = chosen.request.device
    is_cpu = _is_cpu(device)
    return forecast_plan(
        chosen.plan.trials,
        forecast,
        slots=num_slots(chosen, slots),
        share_device=is_cpu or slots.jobs_per_device > 1,
        cores=_threads() if is_cpu and chosen.request.gpus_per_trial == 1 else None,
    )


def expected_times(order: BenchOrder) -> ExpectedTimes:
    """Return how long the trials of an order are expected to take, by the records in its store."""
    from harness.planning.titles import combination_title
    from zoo.api.display.progress import ExpectedTimes

    chosen = order.chosen
    forecast = forecast_of(order.store, chosen, retry=order.settings.limits.retry)
    seconds: dict[str, float] = {}
    for spec in chosen.plan.trials:
        if (expected := forecast.seconds(spec)) is not None:
            seconds.setdefault(combination_title(spec, chosen.request.grid), expected)
    return ExpectedTimes(seconds=seconds, slots=num_slots(chosen, order.settings.slots))


def num_slots(chosen: Chosen, slots: SlotRequest) -> int:
    """Return how many trials run at a time, as far as that is known without torch."""
    from harness.bench.slots import trials_that_fill
    from harness.system.free_memory import free_bytes
    from harness.system.hardware import this_hardware

    request = chosen.request
    if _is_cpu(request.device):
        if slots.jobs or slots.jobs_per_device > 1 or request.gpus_per_trial > 1:
            return slots.jobs or slots.jobs_per_device
        return trials_that_fill(
            trials=len(chosen.plan.trials),
            threads=_threads(),
            wanted_threads=request.threads,
            free_bytes=free_bytes(),
        )
    num_gpus = 1 if slots.devices is None else len(slots.devices) or len(this_hardware().gpus) or 1
    return slots.jobs or num_gpus * slots.jobs_per_device


def _threads() -> int:
    """Return how many threads run at a time on the CPU."""
    from harness.system.cores import usable_threads
    from harness.system.hardware import this_hardware

    return min(this_hardware().threads or usable_threads(), usable_threads())


def _is_cpu(device: str) -> bool:
    from harness.system.hardware import this_hardware

    return device == "cpu" or (device == "auto" and not this_hardware().gpus)


def cells(trials: Sequence[ExpectedTrial]) -> tuple[str, str, str]:
    """Return the time and memory of the trials of a combination, and what they are based on."""
    due = [trial.expected for trial in trials if not trial.expected.is_finished]
    num_finished = len(trials) - len(due)
    if not due:
        return "", "", "finished"
    first = due[0]
    seconds = "" if first.seconds is None else duration(first.seconds)
    memory = "" if first.peak_memory_mib is None else f"{first.peak_memory_mib:,.0f} MiB"
    basis = [first.basis, f"{num_finished} of {len(trials)} finished" if num_finished else ""]
    return seconds, memory, "; ".join(part for part in basis if part)


_PARTS = {
    "train": "training and testing",
    "start": "starting, building and ending trials",
    "measure": "measuring speeds",
}


def shares(plan_forecast: PlanForecast) -> str:
    """Return what the time of the trials goes into, as a sentence; empty if no time is known."""
    parts = [f"{100 * share:.0f} % {_PARTS[name]}" for name, share in plan_forecast.shares.items() if share >= 0.005]
    return ", ".join(parts)


def total(plan_forecast: PlanForecast, combinations: int) -> str:
    """Return a sentence about all trials; *combinations* is the number of those with unknown times."""
    finished = plan_forecast.num_finished
    unknown = f"{plural(combinations, 'combination')}: --probe measures {'it' if combinations == 1 else 'them'}"
    done = f"{plural(finished, 'trial')} finished already"
    if len(plan_forecast.unknown) == len(plan_forecast.trials):
        return f"time and memory unknown for {unknown}"
    if finished == len(plan_forecast.trials):
        return "all trials are finished and will be reused"
    if finished + len(plan_forecast.unknown) == len(plan_forecast.trials):
        return f"nothing of what is left has run here yet: time and memory unknown for {unknown}; {done}"
    how_sure = "at least" if plan_forecast.unknown else "about"
    text = f"{how_sure} {duration(plan_forecast.seconds)} on {plural(plan_forecast.slots, 'slot')}"
    if plan_forecast.alone_seconds > 0:
        text += f", {duration(plan_forecast.alone_seconds)} of it measuring speeds, one trial at a time"
    if (memory := plan_forecast.peak_memory_mib) is not None:
        text += f", {memory:,.0f} MiB at a time"
    if finished:
        text += f"; {done}"
    return f"{text}; unknown for {unknown}" if plan_forecast.unknown else text


def as_json(plan_forecast: PlanForecast) -> dict[str, Any]:
    """Return a forecast as JSON values, with all trials in the order of the plan."""
    return {
        "slots": plan_forecast.slots,
        "seconds": plan_forecast.seconds,
        "measuring_seconds": plan_forecast.alone_seconds,
        "shares": plan_forecast.shares,
        "peak_memory_mib": plan_forecast.peak_memory_mib,
        "finished": plan_forecast.num_finished,
        "unknown": len(plan_forecast.unknown),
        "trials": [
            {
                "title": trial.spec.title,
                "seconds": trial.expected.seconds,
                "peak_memory_mib": trial.expected.peak_memory_mib,
                "basis": trial.expected.basis,
                "finished": trial.expected.is_finished,
            }
            for trial in plan_forecast.trials
        ],
    }


def sizes(chosen: Chosen) -> dict[str, Any]:
    """Return the numbers and sizes of images that datasets declare, by display name."""
    from harness.planning.forecast import Size

    found = {}
    for dataset in chosen.plan.datasets:
        record = _record(chosen.catalog, dataset.full_name)
        found[dataset.display_name] = Size(
            image_size=record.image_size, num_learnt=record.num_train, num_test=record.num_test
        )
    return found


def _record(catalog: Catalog, full_name: str) -> Any:
    return catalog.datasets.get(full_name).record
