"""The runtimes of this module conform."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zoo import Catalog


@pytest.mark.parametrize("name", ["eager", "torchscript"])
def test_a_runtime_conforms(name: str, hold: Any) -> None:
    passed = hold("runtimes", name)
    assert {"gives_the_logits", "takes_any_batch", "answers_repeatedly", "converts_again"} <= set(passed)


def test_a_traced_network_takes_any_batch_and_is_a_file(tmp_path: Path) -> None:
    from types import SimpleNamespace

    import torch

    from plugins.runtimes.torch_runtimes import load_torchscript, write_torchscript

    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 3)).eval().requires_grad_(False)
    request = SimpleNamespace(network=net, device=torch.device("cpu"), channels=3, image_size=2, folder=tmp_path)
    path = write_torchscript(request)
    assert path.stat().st_size > 0
    images = torch.randn(5, 3, 2, 2)
    assert torch.allclose(load_torchscript(path, request)(images), net(images), atol=1e-6)


def test_compile_is_left_to_the_first_call(catalog: Catalog) -> None:
    runtime = catalog.runtimes.get("compile").record
    assert (runtime.compiles, runtime.where, runtime.convert) == (True, "trial", None)


@pytest.mark.slow
def test_a_network_compiled_ahead_of_time_gives_its_logits_for_any_batch(tmp_path: Path) -> None:
    from types import SimpleNamespace

    import torch

    from plugins.runtimes.torch_runtimes import load_aotinductor, write_aotinductor
    from zoo.testing.samples import noise, sample_net

    net = sample_net(0).eval().requires_grad_(False)
    request = SimpleNamespace(network=net, channels=3, image_size=16, folder=tmp_path)
    path = write_aotinductor(request)
    assert path.stat().st_size > 0
    run = load_aotinductor(path, request)
    for batch in (1, 2, 5):
        images = noise(batch, 3, 16)
        assert torch.allclose(run(images), net(images), atol=1e-5)
