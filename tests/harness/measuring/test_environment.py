"""The environment: devices and precisions by name, and what a record states of a machine."""

from __future__ import annotations

import contextlib
import importlib.metadata
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
