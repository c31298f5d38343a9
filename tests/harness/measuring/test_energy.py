"""Energy: joules come from the counters of GPUs and processors, and where there are none, from nowhere."""

from __future__ import annotations

import os
import sys
import time
import types
from pathlib import Path

import pytest
import torch

from harness.measuring import energy, interference
from harness.measuring.energy import EnergyMeter

CPU, GPU, UUID = torch.device("cpu"), torch.device("cuda:1"), "6e4-42"


def add_domain(root: Path, name: str, about: str, *, microjoules: int, most: int = 262_143_328_850) -> Path:
    """Add a domain of RAPL to a tree like that of Linux, and return its counter."""
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{about}\n")
    (folder / "max_energy_range_uj").write_text(f"{most}\n")
    counter = folder / "energy_uj"
    counter.write_text(f"{microjoules}\n")
    return counter


@pytest.fixture
def powercap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(energy, "_POWERCAP", tmp_path / "powercap")
    return tmp_path / "powercap"


class FakeNvml(types.ModuleType):
    """NVML on a machine whose GPU has used some millijoules since its driver was loaded."""

    NVMLError = RuntimeError

    def __init__(self) -> None:
        super().__init__("pynvml")
        self.open, self.millijoules = 0, 5_000_000
        self.refuses = ""

    def nvmlInit(self) -> None:  # noqa: N802 - NVML's name
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802 - NVML's name
        self.open -= 1

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802 - NVML's name
        return uuid

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:  # noqa: N802 - NVML's name
        assert handle == f"GPU-{UUID}"
        if self.refuses:
            raise RuntimeError(self.refuses)
        return self.millijoules


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.setattr(interference, "_uuid", lambda device: UUID)
    return fake


def test_the_packages_of_a_processor_are_added_up_and_nothing_counts_twice(powercap: Path) -> None:
    """Cores and memory are parts of a package, and ``mmio`` is a second view of it; ``psys`` is the whole machine."""
    first = add_domain(powercap, "intel-rapl:0", "package-0", microjoules=1_000_000)
    second = add_domain(powercap, "intel-rapl:1", "package-1", microjoules=0)
    others = [
        add_domain(powercap, "intel-rapl:0:0", "core", microjoules=0),
        add_domain(powercap, "intel-rapl:2", "psys", microjoules=0),
        add_domain(powercap, "intel-rapl-mmio:0", "package-0", microjoules=0),
    ]
    with EnergyMeter(CPU) as meter:
        before = meter.joules()
        first.write_text("4000000")
        second.write_text("500000")
        for other in others:
            other.write_text("77000000")
        after = meter.joules()
        assert before is not None
        assert after is not None
        assert after - before == pytest.approx(3.5)
        assert (meter.name, meter.problem) == ("RAPL", "")


def test_a_counter_that_starts_anew_goes_on(powercap: Path) -> None:
    counter = add_domain(powercap, "intel-rapl:0", "package-0", microjoules=9_500_000, most=10_000_000)
    with EnergyMeter(CPU) as meter:
        assert meter.joules() == 0
        counter.write_text("1500000")
        assert meter.joules() == pytest.approx(2.0)


def test_counters_are_looked_at_between_epochs_so_that_no_start_is_missed(
    powercap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(energy, "_LOOK_SECONDS", 0.001)
    counter = add_domain(powercap, "intel-rapl:0", "package-0", microjoules=0, most=10_000_000)
    with EnergyMeter(CPU) as meter:
        for place in (6, 2):  # 6 J, then 6 more
            spare = counter.with_suffix(".new")
            spare.write_text(f"{place}000000")
            os.replace(spare, counter)  # whole, as the kernel shows it
            packages = meter._counter
            assert isinstance(packages, energy._Packages)
            while packages._last != [place * 1_000_000]:
                time.sleep(0.001)
        assert meter.joules() == pytest.approx(12.0)


def test_a_processor_without_a_counter_has_no_figure_but_a_reason(powercap: Path) -> None:
    with EnergyMeter(CPU) as meter:
        assert meter.joules() is None
    assert (meter.name, meter.problem) == (
        "",
        f"the processor's energy counter (RAPL) is not shown under {powercap}",
    )
    add_domain(powercap, "intel-rapl:2", "psys", microjoules=0)
    with EnergyMeter(CPU) as meter:
        assert meter.problem.startswith("the processor's energy counter (RAPL) is not shown")


def test_a_counter_for_the_administrator_alone_is_named_with_what_to_do(
    powercap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = add_domain(powercap, "intel-rapl:0", "package-0", microjoules=0)
    read = Path.read_text

    def refuse(path: Path, *args: str, **options: str) -> str:
        if path == counter:
            raise PermissionError(13, "Permission denied", str(path))
        return read(path, *args, **options)

    monkeypatch.setattr(Path, "read_text", refuse)
    with EnergyMeter(CPU) as meter:
        assert meter.joules() is None
    assert meter.problem == (
        "the processor's energy counter (RAPL) can be read by the administrator only; "
        f"sudo chmod a+r {powercap}/intel-rapl:*/energy_uj allows everybody to, until the next start"
    )


def test_a_counter_that_fails_later_ends_the_figures(powercap: Path) -> None:
    counter = add_domain(powercap, "intel-rapl:0", "package-0", microjoules=0)
    with EnergyMeter(CPU) as meter:
        assert meter.joules() == 0
        counter.write_text("")
        assert meter.joules() is None
        counter.write_text("1")
        assert meter.joules() is None
    assert meter.problem.startswith("the RAPL counter could not be read any more: ")


def test_a_gpu_counts_millijoules_through_nvml(nvml: FakeNvml) -> None:
    with EnergyMeter(GPU) as meter:
        before = meter.joules()
        nvml.millijoules += 250_500
        after = meter.joules()
        assert before == 5000
        assert after == pytest.approx(5250.5)
        assert (meter.name, meter.problem, nvml.open) == ("NVML", "", 1)
    assert nvml.open == 0


def test_a_gpu_that_does_not_count_has_no_figure_but_a_reason(nvml: FakeNvml) -> None:
    nvml.refuses = "Not Supported"
    with EnergyMeter(GPU) as meter:
        assert meter.joules() is None
    assert meter.problem == "the GPU has no energy counter that NVML can read: Not Supported"
    assert nvml.open == 0


def test_without_the_library_the_reason_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with EnergyMeter(GPU) as meter:
        assert meter.joules() is None
    assert meter.problem == "the GPU's energy counter needs the package nvidia-ml-py and NVIDIA's driver"


@pytest.mark.parametrize(
    ("device", "shared", "problem"),
    [
        ("mps", {}, "a device of the type mps has no energy counter"),
        ("cpu", {"num_trials": 2}, "2 trials shared the device, whose counter does not tell them apart"),
        ("cpu", {"num_seeds": 3}, "3 seeds trained together, and the counter does not tell them apart"),
        ("cuda", {"num_devices": 2}, "the energy of 2 devices that train together is not measured"),
    ],
)
def test_energy_that_is_not_one_trials_own_is_no_figure(
    powercap: Path, device: str, shared: dict[str, int], problem: str
) -> None:
    add_domain(powercap, "intel-rapl:0", "package-0", microjoules=0)
    with EnergyMeter(torch.device(device), **shared) as meter:
        assert (meter.joules(), meter.problem) == (None, problem)
