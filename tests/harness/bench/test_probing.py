"""Probes: what a few batches tell of a whole trial, and what goes wrong in them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.bench.probing import Probes, expectation, probe_plan
from harness.bench.settings import BenchSettings
from harness.data.images import PreparedData
from harness.data.settings import DataSettings
from harness.planning.forecast import Forecast
from harness.planning.measured import Measured
from harness.planning.plan import Plan, make_plan
from harness.planning.request import BenchRequest
from harness.planning.selection import select
from zoo.catalog import Catalog
from zoo.events import Event
from zoo.loading import Sources, build_catalog

PLUGIN = textwrap.dedent("""
    import os
    from zoo import Architecture, hookimpl

    def linear(request):
        from torch import nn
        size = request.in_channels * request.image_size ** 2
        return nn.Sequential(nn.Flatten(), nn.Linear(size, request.num_classes))

    def raises(request):
        raise RuntimeError("no weights")

    def vanishes(request):
        os._exit(3)

    @hookimpl
    def zoo_architectures():
        yield Architecture(name="fine", build=linear)
        yield Architecture(name="raising", build=raises)
        yield Architecture(name="vanishing", build=vanishes)
""")

MEASURED = Measured(
    build_seconds=0.2,
    image_seconds=0.01,
    val_image_seconds=0.002,
    single_image_seconds=0.003,
    save_seconds=0.1,
    end_seconds=0.1,
    inference_batch=10,
    training_batch=4,
    peak_memory_mib=50.0,
    macs=1000,
)


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    path = tmp_path / "probed.py"
    path.write_text(PLUGIN)
    return Sources(files=(str(path),), entry_points=False)


def _plan(catalog: Catalog, *models: str, **options: object) -> Plan:
    request = {"models": models, "data": ["digits"], "device": "cpu", "precision": "fp32", "threads": 1, **options}
    return make_plan(select(BenchRequest.parse(request, origin="the test"), catalog))


def test_the_expected_time_of_a_trial_is_the_sum_of_its_parts(
    sources: Sources, make_data: Callable[..., PreparedData]
) -> None:
    catalog = build_catalog(sources)
    prepared = make_data(num_train=64, num_val=32, num_test=32)
    spec = _plan(catalog, "fine", epochs=10, measure_seconds=0).trials[0]
    expected = expectation(spec, prepared, MEASURED, device="cpu")
    training, validation, test = 10 * 64 * 0.01, 10 * 32 * 0.002, 32 * 0.002
    saving = 0.1 + training / 20  # the first state, and then at most a twentieth of the time
    assert expected.seconds == pytest.approx(0.3 + 0.2 + training + validation + saving + test + 0.1)
    assert expected.peak_memory_mib == pytest.approx(50.0 + 96 * 8 * 8 * 3 / 2**20)
    assert expectation(spec, prepared, MEASURED, device="cuda:0").peak_memory_mib == 50.0
    assert expected.basis == "probe"


def test_measuring_a_slow_network_takes_longer_than_asked(
    sources: Sources, make_data: Callable[..., PreparedData]
) -> None:
    """Three windows are made of calls however slow, after two that warm up."""
    catalog = build_catalog(sources)
    spec = _plan(catalog, "fine", measure_seconds=0.3, seeds=1).trials[0]
    quick = expectation(spec, make_data(), MEASURED, device="cpu").alone_seconds
    slow = MEASURED.model_copy(update={"image_seconds": 1.0, "val_image_seconds": 1.0, "single_image_seconds": 1.0})
    assert quick == pytest.approx(1.0, rel=0.2)
    # Training batches of 4 s, inference batches of 10 s, 20 single images of 1 s.
    assert expectation(spec, make_data(), slow, device="cpu").alone_seconds == pytest.approx(
        5 * 4 + 5 * 10 + 20, rel=0.1
    )


def _run(plan: Plan, forecast: Forecast, sources: Sources, tmp_path: Path, said: list[str]) -> Probes:
    def emit(event: Event) -> None:
        said.append(str(getattr(event, "message", "")))

    return probe_plan(
        plan,
        forecast,
        sources=sources,
        emit=emit,
        data=DataSettings(data_root=tmp_path / "data", cache=tmp_path / "cache", download=False),
    )


@pytest.mark.slow
def test_a_plan_is_probed_once_and_a_failure_affects_only_its_combination(sources: Sources, tmp_path: Path) -> None:
    catalog = build_catalog(sources)
    plan = _plan(catalog, "raising", "vanishing", "fine", seeds=2, limit_train=100, limit_test=50)
    forecast, said = Forecast(), list[str]()
    probes = _run(plan, forecast, sources, tmp_path, said)
    assert (probes.num_measured, probes.num_cached, probes.interrupted) == (1, 0, False)
    assert list(probes.problems) == ["raising · digits · sgd_quick", "vanishing · digits · sgd_quick"]
    assert probes.problems["raising · digits · sgd_quick"] == "building raising failed: RuntimeError: no weights"
    assert probes.problems["vanishing · digits · sgd_quick"] == "building vanishing failed: it called os._exit(3)"
    by_model = {spec.architecture.display_name: forecast.expect(spec) for spec in plan.trials}
    assert (by_model["fine"].basis, by_model["raising"].seconds) == ("probe", None)
    seconds = by_model["fine"].seconds
    assert seconds is not None
    assert 0 < seconds < 60
    assert said[-1] == "probing fine · digits · sgd_quick"
    # Other seeds, epochs and limits need no other probe.
    again = Forecast()
    longer = _plan(catalog, "fine", seeds=3, epochs=1000, limit_train=200)
    probes = _run(longer, again, sources, tmp_path, said)
    assert (probes.num_measured, probes.num_cached) == (0, 1)
    assert (again.seconds(longer.trials[0]) or 0) > 3 * seconds


@pytest.mark.slow
def test_a_probe_predicts_the_time_of_a_bench(catalog: Catalog, tmp_path: Path) -> None:
    """Within a factor of three, for machines that run the tests are busy."""
    from harness.bench.bench import run_bench
    from harness.records.store import Store

    sources = Sources(entry_points=False)
    plan = _plan(catalog, "lenet5", "resnet20_cifar", seeds=1, epochs=4)
    forecast = Forecast()
    _run(plan, forecast, sources, tmp_path, [])
    summary = run_bench(
        plan,
        store=Store(tmp_path / "runs"),
        sources=sources,
        emit=lambda event: None,
        settings=BenchSettings(data=DataSettings(data_root=tmp_path / "data", cache=tmp_path / "cache")),
    )
    for spec, record in zip(plan.trials, summary.records, strict=True):
        expected = forecast.expect(spec)
        assert expected.seconds is not None
        assert 1 / 3 < expected.seconds / record.seconds["total"] < 3, spec.title
        if expected.peak_memory_mib is not None and record.speed is not None and record.speed.peak_memory_mib:
            assert 0.5 < expected.peak_memory_mib / record.speed.peak_memory_mib < 2, spec.title
