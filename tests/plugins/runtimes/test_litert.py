"""The runtime of this module conforms."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import zoo
from plugins.runtimes import litert
from zoo import Catalog, RuntimeRequest
from zoo.errors import UsageError


@pytest.mark.slow
def test_a_runtime_conforms(hold: Any) -> None:
    pytest.importorskip("litert_torch", reason="the extra is not installed")
    passed = hold("runtimes", "litert")
    assert {"gives_the_logits", "takes_any_batch", "answers_repeatedly", "converts_again"} <= set(passed)


@pytest.mark.slow
def test_each_image_of_a_batch_gets_its_own_logits_where_a_network_pads(tmp_path: Path) -> None:
    """Resized to a batch, the file of ResNet-20, whose shortcuts pad channels, was right for the first image only."""
    pytest.importorskip("litert_torch", reason="the extra is not installed")
    network = zoo.create_model("resnet20_cifar", num_classes=10, image_size=32).eval()
    request = RuntimeRequest(
        network=network,
        device=torch.device("cpu"),
        channels=3,
        image_size=32,
        folder=tmp_path,
        threads=1,
        calibration=lambda: torch.empty(0),
        write_onnx=lambda path: None,
        quantize_onnx=lambda path: None,
    )
    run = litert.load(litert.write(request), request)
    images_BCHW = torch.randn(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(run(images_BCHW), network(images_BCHW), rtol=1e-4, atol=1e-4)


def test_without_it_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, catalog: Catalog) -> None:
    monkeypatch.setitem(sys.modules, "litert_torch", None)
    with pytest.raises(UsageError, match=r"pip install 'zoobench\[litert\]'"):
        catalog.runtimes.get("litert").record.convert(None)
