"""Copiers: tensors arrive whole, and host memory may be filled again."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch

from harness.batches.device_copy import PlainCopier, SideStreamCopier, copier_for

CPU = torch.device("cpu")
DEVICES = [
    pytest.param("cpu"),
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")),
]


@pytest.mark.parametrize("device", DEVICES)
def test_a_copy_keeps_its_values_when_the_host_memory_is_filled_again(device):
    copier = copier_for(torch.device(device))
    host = copier.host_memory((2, 3), torch.uint8)
    host.fill_(7)
    copy = copier.start(host, torch.arange(4))
    copy.wait()
    host.fill_(9)
    images, labels = copy.receive()
    assert images.tolist() == [[7] * 3] * 2
    assert labels.tolist() == [0, 1, 2, 3]
    assert images.device.type == labels.device.type == device


def test_only_cuda_devices_have_a_stream_to_copy_over(monkeypatch):
    assert isinstance(copier_for(CPU), PlainCopier)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: None)
    assert isinstance(copier_for(torch.device("cuda:0")), SideStreamCopier)


def test_a_thread_that_waits_for_a_copy_does_not_spin(monkeypatch):
    """An event that is not made to block keeps a core busy until the copy is done."""
    made: list[dict[str, object]] = []
    waited: list[str] = []

    class Event:
        def __init__(self, **options: object) -> None:
            made.append(options)

        def record(self, stream: object) -> None:
            assert stream == "side stream"

        def synchronize(self) -> None:
            waited.append("copied")

    monkeypatch.setattr(torch.cuda, "Stream", lambda device: "side stream")
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "Event", Event)
    copy = SideStreamCopier(CPU).start(torch.arange(4))
    assert made == [{"blocking": True}]
    copy.wait()
    assert waited == ["copied"]
