"""Wide residual networks.

Zagoruyko and Komodakis, "Wide residual networks", BMVC 2016 (arXiv:1605.07146).

Shape suffixes: B batch, C channels, H height, W width, F features, K classes.
"""

from __future__ import annotations

from torch import Tensor, nn

_BASE_WIDTH = 16


class WideBlock(nn.Module):
    """Batch normalisation, ReLU and convolution, twice, with dropout in between and a shortcut."""

    def __init__(self, in_channels: int, channels: int, stride: int, drop_rate: float) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.dropout = nn.Dropout(drop_rate)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.projection: nn.Conv2d | None = None
        if in_channels != channels or stride != 1:
            self.projection = nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        active_BCHW = self.relu(self.bn1(x_BCHW))
        # A block that changes the shape projects the normalised input, as in the authors' code.
        shortcut_BCHW = x_BCHW if self.projection is None else self.projection(active_BCHW)
        y_BCHW = self.relu(self.bn2(self.conv1(active_BCHW)))
        out_BCHW: Tensor = self.conv2(self.dropout(y_BCHW)) + shortcut_BCHW
        return out_BCHW


class WideResNet(nn.Module):
    """Wide ResNet (WRN-depth-widen): three stages of wide blocks.

    Args:
        depth: Number of convolutions as counted in the paper, 6n+4.
        widen: Width factor relative to a ResNet of 16, 32 and 64 channels.
        num_classes: K.
        in_channels: C.
        drop_rate: Dropout rate between the two convolutions of a block, in [0, 1).

    Raises:
        ValueError: If *depth* is not 6n+4.
    """

    def __init__(self, depth: int, widen: int, num_classes: int, in_channels: int = 3, drop_rate: float = 0.0) -> None:
        super().__init__()
        blocks_per_stage, rest = divmod(depth - 4, 6)
        if rest or blocks_per_stage < 1:
            raise ValueError(f"depth must be 6n+4 with n of at least 1, got {depth}")
        self.conv1 = nn.Conv2d(in_channels, _BASE_WIDTH, 3, padding=1, bias=False)
        blocks: list[nn.Module] = []
        channels = _BASE_WIDTH
        for stage in range(3):
            wider = _BASE_WIDTH * widen * 2**stage
            for position in range(blocks_per_stage):
                stride = 2 if stage > 0 and position == 0 else 1
                blocks.append(WideBlock(channels, wider, stride, drop_rate))
                channels = wider
        self.blocks = nn.Sequential(*blocks)
        self.bn = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(self.fc.bias)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        x_BCHW = self.relu(self.bn(self.blocks(self.conv1(images_BCHW))))
        logits_BK: Tensor = self.fc(x_BCHW.mean(dim=(2, 3)))
        return logits_BK
