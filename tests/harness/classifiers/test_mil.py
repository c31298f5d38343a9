"""Programs of Core ML: each operation gives what torch gives for the network that was converted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.classifiers.card import ClassifierCard
from harness.classifiers.coreml import open_coreml, write_coreml
from harness.classifiers.mil import Program, UnknownOperationError
from harness.records.spec import ArchitectureSpec, ProviderSpec

pytest.importorskip("coremltools", reason="the extra coreml is not installed")

CARD = ClassifierCard(
    title="net",
    architecture=ArchitectureSpec(full_name="test/net", display_name="net", provider=ProviderSpec(plugin="a test")),
    classes=("a", "b", "c"),
    image_size=16,
    channels=3,
    mean=(0.5, 0.4, 0.3),
    std=(0.25, 0.2, 0.3),
)


class Function(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self._function = function

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return self._function(images_BCHW)


def norm_with_statistics() -> nn.Module:
    norm = nn.BatchNorm2d(3)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.uniform_()
    norm.running_var.uniform_(0.5, 2)
    return norm


def after_conv(activation: nn.Module) -> list[nn.Module]:
    return [nn.Conv2d(3, 4, 1), activation]


NETWORKS: dict[str, Callable[[], list[nn.Module]]] = {
    "conv in groups": lambda: [nn.Conv2d(3, 6, 3, 2, 1, groups=3)],
    "conv with dilation": lambda: [nn.Conv2d(3, 4, 3, dilation=2, padding=2, bias=False)],
    "conv of one side more": lambda: [nn.ZeroPad2d((0, 1, 0, 2)), nn.Conv2d(3, 4, 3, 2)],
    "max pool": lambda: [nn.MaxPool2d(3, 2, 1)],
    "max pool, rounded up": lambda: [nn.MaxPool2d(3, 2, ceil_mode=True)],
    "average pool": lambda: [nn.AvgPool2d(3, 2, 1)],
    "average pool without padding": lambda: [nn.AvgPool2d(3, 2, 1, count_include_pad=False)],
    "adaptive pool": lambda: [nn.AdaptiveAvgPool2d(4)],
    "batch norm": lambda: [norm_with_statistics()],
    "group norm": lambda: [nn.Conv2d(3, 8, 1), nn.GroupNorm(4, 8)],
    "layer norm": lambda: [nn.LayerNorm(16)],
    "gelu": lambda: after_conv(nn.GELU()),
    "silu": lambda: after_conv(nn.SiLU()),
    "hard swish": lambda: after_conv(nn.Hardswish()),
    "hard sigmoid": lambda: after_conv(nn.Hardsigmoid()),
    "relu6": lambda: after_conv(nn.ReLU6()),
    "leaky relu": lambda: after_conv(nn.LeakyReLU()),
    "prelu": lambda: after_conv(nn.PReLU()),
    "softplus": lambda: after_conv(nn.Softplus()),
    "attention": lambda: [Function(lambda x: functional.scaled_dot_product_attention(x, x, x))],
    "concatenation": lambda: [Function(lambda x: torch.cat([x, x * 2, x.flip(3)], 1))],
    "split": lambda: [Function(lambda x: x.chunk(2, 3)[1] + x.split([4, 12], 2)[0].mean((1, 2, 3), keepdim=True))],
    "slice": lambda: [Function(lambda x: x[:, :, ::2, 1::2])],
    "roll": lambda: [Function(lambda x: torch.roll(x, (1, 2), (2, 3)))],
    "pixel shuffle": lambda: [nn.Conv2d(3, 8, 1), nn.PixelShuffle(2)],
    "unit length": lambda: [Function(lambda x: functional.normalize(x, dim=1))],
    "maximum": lambda: [Function(lambda x: x.amax((2, 3)))],
}


def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(*NETWORKS[name](), nn.Flatten(), nn.LazyLinear(3)).eval()
    net(torch.zeros(1, 3, 16, 16))
    return net


@pytest.mark.parametrize("name", NETWORKS)
def test_an_operation_gives_what_torch_gives(name: str, tmp_path: Path) -> None:
    net = network(name)
    write_coreml(net, CARD, tmp_path / "net.mlpackage")
    pixels_BCHW = torch.randint(0, 256, (2, 3, 16, 16)).float()
    mean_C11, std_C11 = (torch.tensor(each).reshape(3, 1, 1) for each in (CARD.mean, CARD.std))
    images_BCHW = (pixels_BCHW / 255 - mean_C11) / std_C11
    with torch.inference_mode():
        expected_BK = net(images_BCHW)
    torch.testing.assert_close(open_coreml(tmp_path / "net.mlpackage")(images_BCHW), expected_BK, rtol=1e-4, atol=1e-4)


def test_the_program_holds_the_weights_and_the_classes(tmp_path: Path) -> None:
    net = network("conv with dilation")
    write_coreml(net, CARD, tmp_path / "net.mlpackage")
    program = Program(tmp_path / "net.mlpackage")
    assert program.classes == ("a", "b", "c")
    assert program.num_weights >= sum(each.numel() for each in net.parameters())


def test_an_operation_that_cannot_be_evaluated_is_named(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Flatten(), nn.Linear(3 * 32 * 32, 3)).eval()
    write_coreml(net, CARD, tmp_path / "net.mlpackage")
    run: Any = open_coreml(tmp_path / "net.mlpackage")
    with pytest.raises(UnknownOperationError, match=r"its operation 'upsample_bilinear' cannot be evaluated"):
        run(torch.zeros(1, 3, 16, 16))
