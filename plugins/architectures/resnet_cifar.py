"""Residual networks for small images.

He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016 (arXiv:1512.03385): section 4.2
for depth 6n+2 with three stages, table 1 for ResNet-18.

Shape suffixes: B batch, C channels, H height, W width, F features, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class PaddedShortcut(nn.Module):
    """Shortcut of option A in the paper: every second pixel, and zeros for new channels. It has no parameters."""

    def __init__(self, new_channels: int) -> None:
        super().__init__()
        self.before = new_channels // 2
        self.after = new_channels - self.before

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return nn.functional.pad(x_BCHW[:, :, ::2, ::2], (0, 0, 0, 0, self.before, self.after))


class ProjectedShortcut(nn.Sequential):
    """Shortcut of option B in the paper: a strided 1×1 convolution with batch normalisation."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__(nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False), nn.BatchNorm2d(channels))


class BasicBlock(nn.Module):
    """Two 3×3 convolutions with a shortcut."""

    def __init__(self, in_channels: int, channels: int, stride: int, shortcut: nn.Module) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = shortcut
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        y_BCHW = self.relu(self.bn1(self.conv1(x_BCHW)))
        y_BCHW = self.bn2(self.conv2(y_BCHW))
        out_BCHW: Tensor = self.relu(y_BCHW + self.shortcut(x_BCHW))
        return out_BCHW


class CifarResNet(nn.Module):
    """A 3×3 convolution, stages of basic blocks, average pooling and a linear layer; later stages halve the map.

    Args:
        depths: Number of blocks in each stage.
        num_classes: K.
        in_channels: C.
        width: Channels of the first stage; each further stage has twice as many.
        projection: Whether shortcuts that change the shape are 1×1 convolutions (option B) or padding (option A).
        drop_rate: Dropout rate before the linear layer, in [0, 1).
    """

    def __init__(
        self,
        depths: Sequence[int],
        num_classes: int,
        in_channels: int = 3,
        width: int = 16,
        projection: bool = False,
        drop_rate: float = 0.0,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        stages: list[nn.Module] = []
        channels = width
        for index, depth in enumerate(depths):
            wider = width * 2**index
            blocks: list[nn.Module] = []
            for position in range(depth):
                halves = index > 0 and position == 0
                shortcut: nn.Module = nn.Identity()
                if halves:
                    shortcut = ProjectedShortcut(channels, wider, 2) if projection else PaddedShortcut(wider - channels)
                blocks.append(BasicBlock(channels, wider, 2 if halves else 1, shortcut))
                channels = wider
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(drop_rate)
        self.fc = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images_BCHW: Tensor) -> Tensor:
        x_BCHW = self.relu(self.bn1(self.conv1(images_BCHW)))
        x_BF = self.stages(x_BCHW).mean(dim=(2, 3))
        logits_BK: Tensor = self.fc(self.dropout(x_BF))
        return logits_BK
