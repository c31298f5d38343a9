"""Hardware: which trials could run on a machine, and what the driver's files say about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.system import hardware
from harness.system.hardware import Hardware, this_hardware

WORKSTATION = Hardware(cpu="Epyc", gpus=("H100",))
LAPTOP = Hardware(cpu="M3")


@pytest.mark.parametrize(
    ("machine", "device", "device_name", "expected"),
    [
        (WORKSTATION, "auto", "H100", True),
        (WORKSTATION, "auto", "Epyc", False),
        (WORKSTATION, "cpu", "Epyc", True),
        (WORKSTATION, "cuda:1", "H100", True),
        (WORKSTATION, "cuda", "A100", False),
        (LAPTOP, "auto", "M3", True),
        (LAPTOP, "auto", "M3 (Metal)", True),
        (LAPTOP, "mps", "M3 (Metal)", True),
        (LAPTOP, "mps", "M3", False),
        (LAPTOP, "cuda", "H100", False),
        (LAPTOP, "xpu:0", "Arc B580", True),
        (LAPTOP, "xpu:0", "M3", False),
        (WORKSTATION, "xpu", "H100", False),
    ],
)
def test_a_trial_fits_a_machine_by_the_name_of_its_device(
    machine: Hardware, device: str, device_name: str, expected: bool
) -> None:
    assert machine.runs(device=device, device_name=device_name) is expected


def test_gpus_are_named_by_the_drivers_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, model in enumerate(("H100", "A100")):
        folder = tmp_path / f"0000:0{number}:00.0"
        folder.mkdir()
        (folder / "information").write_text(f"Model: \t\t NVIDIA {model}\nIRQ: 5\n")
    monkeypatch.setattr(hardware, "_GPUS", tmp_path)
    assert this_hardware().gpus == ("NVIDIA H100", "NVIDIA A100")


@pytest.mark.parametrize(("variable", "threads"), [("3", 3), ("", None), ("many", None)])
def test_threads_are_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, variable: str, threads: int | None
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert this_hardware().threads == threads
