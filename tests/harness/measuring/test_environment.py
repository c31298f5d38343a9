"""The environment: devices and precisions by name, and what a record states of a machine."""

from __future__ import annotations

import contextlib
import importlib.metadata
import types
from collections.abc import Iterator

import pytest
import torch

from harness.measuring.environment import check_compile, count_gpus, describe, resolve_device, resolve_precision
from zoo.errors import UsageError


def on_a_machine_with(gpus: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_auto_is_the_first_gpu_or_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_machine_with(0, monkeypatch)
    assert resolve_device("auto") == "cpu"
    on_a_machine_with(2, monkeypatch)
    assert [resolve_device(name) for name in ("auto", "cuda", "cuda:1", "cpu")] == ["cuda:0", "cuda:0", "cuda:1", "cpu"]
    assert count_gpus() == 2


def test_auto_is_metal_where_there_is_no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_machine_with(0, monkeypatch)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("auto") == resolve_device("mps") == "mps"


@pytest.mark.parametrize(("name", "gpus"), [("cuda:2", 2), ("cuda", 0), ("mps", 0)])
def test_a_device_that_is_not_there_is_a_usage_error(name: str, gpus: int, monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_machine_with(gpus, monkeypatch)
    with pytest.raises(UsageError, match=f"--device {name}: this machine has "):
        resolve_device(name)


@pytest.fixture
def two_xpus(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_machine_with(0, monkeypatch)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: torch.device("xpu"))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)


@pytest.mark.usefixtures("two_xpus")
def test_an_accelerator_of_another_make_is_taken_by_its_name() -> None:
    assert [resolve_device(name) for name in ("auto", "xpu", "xpu:1", "cpu")] == ["xpu:0", "xpu:0", "xpu:1", "cpu"]
    assert (resolve_precision("auto", "xpu:0"), resolve_precision("bf16", "xpu:0")) == ("fp32", "bf16")
    with pytest.raises(UsageError, match=r"^--device xpu:2: this machine has 2 of them$"):
        resolve_device("xpu:2")
    with pytest.raises(UsageError, match=r"^--device hpu: this machine has xpu that torch can use, and the CPU$"):
        resolve_device("hpu")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("xpu", "this machine has no accelerator that torch can use, and the CPU"),
        ("rocm", "torch calls AMD's GPUs cuda; use --device cuda, or cuda:N for GPU N"),
        ("gpu", "torch knows no such device; use auto, cpu, cuda, cuda:N, mps or xpu"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(name: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_machine_with(0, monkeypatch)
    with pytest.raises(UsageError) as caught:
        resolve_device(name)
    assert str(caught.value) == f"--device {name}: {said}"


def test_another_accelerator_is_described_by_its_own_module(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.SimpleNamespace(
        get_device_name=lambda device: f"Arc ({device})",
        get_device_properties=lambda device: types.SimpleNamespace(total_memory=3 * 2**20),
    )
    monkeypatch.setattr(torch, "get_device_module", lambda device: module)
    described = describe("xpu:1")
    assert (described["device_name"], described["device_memory_mib"]) == ("Arc (xpu:1)", 3)


def test_auto_precision_is_bf16_on_gpus_that_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_precision("auto", "cpu") == "fp32"
    asked: list[str] = []

    @contextlib.contextmanager
    def device(name: str) -> Iterator[None]:
        asked.append(name)
        yield
        asked.append("left")

    monkeypatch.setattr(torch.cuda, "device", device)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: asked[-1] == "cuda:1")
    assert [resolve_precision("auto", f"cuda:{index}") for index in range(2)] == ["fp32", "bf16"], "GPUs differ"
    assert resolve_precision("fp16", "cuda:0") == "fp16"
    with pytest.raises(UsageError, match="--precision fp16 needs a CUDA device"):
        resolve_precision("fp16", "cpu")


def test_graphs_need_a_cuda_device() -> None:
    check_compile("graphs", "cuda:0")
    check_compile("on", "cpu")
    with pytest.raises(UsageError, match="--compile graphs needs a CUDA device, but this is cpu"):
        check_compile("graphs", "cpu")


def test_a_description_states_versions_device_and_threads() -> None:
    described = describe("cpu", 3)
    assert described["torch"] == torch.__version__
    assert described["timm"] == importlib.metadata.version("timm")
    assert (described["device"], described["threads"], described["driver"]) == ("cpu", 3, "")
    assert described["device_name"] == described["cpu"]
    assert describe("cpu")["threads"] == torch.get_num_threads()
