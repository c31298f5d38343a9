"""VGG-style networks with batch normalisation, for images of any size.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015
(arXiv:1409.1556); batch normalisation after each convolution: Ioffe and Szegedy, ICML 2015 (arXiv:1502.03167).

Shape suffixes: B batch, C channels, H height, W width, F features, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

# Number of convolutions in each of the five stages: configurations A, B, D and E of the paper's table 1.
_STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_MAX_GRID = 4


def _stages(in_channels: int, widths: Sequence[int], depths: Sequence[int]) -> nn.Sequential:
    """Return stages of 3×3 convolutions, each of which ends with 2×2 pooling."""
    layers: list[nn.Module] = []
    channels = in_channels
    for width, depth in zip(widths, depths, strict=True):
        for _ in range(depth):
            layers += [
                nn.Conv2d(channels, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
            channels = width
        # Rounding up keeps a map of one pixel, so that small images pass through every stage.
        layers.append(nn.MaxPool2d(2, ceil_mode=True))
    features = nn.Sequential(*layers)
    for module in features.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return features


class VGG(nn.Module):
    """VGG-11, 13, 16 or 19 with a single linear layer instead of three, as is usual for 32-pixel images.

    Args:
        depth: 11, 13, 16 or 19.
        num_classes: K.
        in_channels: C.
        width: Channels of the first stage.
        drop_rate: Dropout rate before the linear layer, in [0, 1).
    """

    def __init__(
        self, depth: int, num_classes: int, in_channels: int = 3, width: int = 64, drop_rate: float = 0.0
    ) -> None:
        super().__init__()
        self.features = _stages(in_channels, [width * scale for scale in (1, 2, 4, 8, 8)], _STAGES[depth])
        self.dropout = nn.Dropout(drop_rate)
        self.fc = nn.Linear(8 * width, num_classes)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        x_BF = self.features(images_BCHW).mean(dim=(2, 3))
        logits_BK: Tensor = self.fc(self.dropout(x_BF))
        return logits_BK


class SmallVGG(nn.Module):
    """Three stages of two convolutions each, then two linear layers, with dropout that increases with depth.

    Args:
        num_classes: K.
        in_channels: C.
        image_size: H and W in pixels.
        width: Channels of the first stage; the next two have twice and four times as many.
        drop_rate: Dropout rate before the last layer, in [0, 1); half of it after the stages.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int = 3,
        image_size: int = 32,
        width: int = 32,
        drop_rate: float = 0.4,
    ) -> None:
        super().__init__()
        self.features = _stages(in_channels, (width, 2 * width, 4 * width), (2, 2, 2))
        grid = min(-(-image_size // 8), _MAX_GRID)  # three poolings, each rounding up
        self.resize = nn.AdaptiveAvgPool2d(grid)
        self.dropout1 = nn.Dropout(drop_rate / 2)
        self.fc1 = nn.Linear(4 * width * grid * grid, 4 * width)
        self.dropout2 = nn.Dropout(drop_rate)
        self.fc2 = nn.Linear(4 * width, num_classes)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        x_BF = self.dropout1(self.resize(self.features(images_BCHW)).flatten(1))
        logits_BK: Tensor = self.fc2(self.dropout2(torch.relu(self.fc1(x_BF))))
        return logits_BK
