"""Accuracy of forecasts: what ``zoo plan`` predicts for the default models on digits, and what they then take.

    python benchmarks/scale/forecast.py

prints the ratio for forecasts based on a probe, on a run with another seed, and on runs with half as many epochs.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from harness.bench.bench import run_bench
from harness.bench.probing import probe_plan
from harness.bench.settings import BenchSettings
from harness.data.settings import DataSettings
from harness.planning.forecast import Expectation, Forecast
from harness.planning.plan import Plan, make_plan
from harness.planning.request import DEFAULT_MODELS, BenchRequest
from harness.planning.selection import select
from harness.records.record import Record
from harness.records.run_summaries import summarize_runs
from harness.records.store import Store
from harness.system.hardware import this_hardware
from zoo.events import Event
from zoo.loading import Sources, build_catalog

SOURCES = Sources(entry_points=False)
EPOCHS = 12


def main() -> None:
    """Forecast, run, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(DEFAULT_MODELS))
    models = parser.parse_args().models.split(",")
    print("| model | known from | expected | took | ratio | memory, ratio |\n|:---|:---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, more = _plan(models, epochs=EPOCHS), _plan(models, epochs=2 * EPOCHS)
        forecast = Forecast(hardware=this_hardware())
        probe_plan(
            first,
            forecast,
            sources=SOURCES,
            emit=_nothing,
            data=_data(folder),
        )
        expected = [forecast.expect(spec) for spec in first.trials]
        records = _run(first, folder)
        _compare(expected, records)
        for plan in (_plan(models, epochs=EPOCHS, first_seed=1), more):
            known = Forecast(hardware=this_hardware())
            known.add(summarize_runs(records))
            _compare([known.expect(spec) for spec in plan.trials], _run(plan, folder))


def _plan(models: list[str], **options: int) -> Plan:
    request = {"models": models, "data": ["digits"], "seeds": 1, "device": "cpu", **options}
    return make_plan(select(BenchRequest.parse(request, origin="the benchmark"), build_catalog(SOURCES)))


def _run(plan: Plan, folder: Path) -> tuple[Record, ...]:
    return run_bench(
        plan,
        store=Store(folder / "runs"),
        sources=SOURCES,
        emit=_nothing,
        settings=BenchSettings(data=_data(folder)),
    ).records


def _data(folder: Path) -> DataSettings:
    return DataSettings(data_root=folder / "data", cache=folder / "cache", download=False)


def _compare(expected: list[Expectation], records: tuple[Record, ...]) -> None:
    for expectation, record in zip(expected, records, strict=True):
        took, seconds = record.seconds["total"], expectation.seconds
        peak = None if record.speed is None else record.speed.peak_memory_mib
        memory = f"{expectation.peak_memory_mib / peak:.2f}" if expectation.peak_memory_mib and peak else ""
        times = f"{seconds:.1f} s | {took:.1f} s | {seconds / took:.2f}" if seconds else "unknown | |"
        print(f"| {record.spec.architecture.display_name} | {expectation.basis} | {times} | {memory} |", flush=True)


def _nothing(event: Event) -> None:
    pass


if __name__ == "__main__":
    main()
