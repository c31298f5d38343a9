"""LeNet-5 with ReLU and max-pooling, for images of any size and number of channels.

LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", Proc. IEEE 1998.

Shape suffixes: B batch, C channels, H height, W width, F features, K classes.
"""

from __future__ import annotations

from torch import Tensor, nn

_KERNEL = 5
_MAP = 5  # side of the feature map read by the first linear layer, as in the paper for 32-pixel images


class LeNet5(nn.Module):
    """Two 5×5 convolutions, each followed by 2×2 pooling, then three linear layers.

    At 32 pixels, it is the network of the paper with modern layers: full connections between the two convolutions,
    ReLU instead of a scaled tanh, max-pooling instead of trained averaging, and linear logits instead of radial units.
    Below 32 pixels, the first convolution is padded, as is usual for 28-pixel digits; if the map after the first
    pooling is smaller than 10 pixels, the second is padded, too. Larger maps are averaged down to the 5×5 map that the
    first linear layer reads.

    Args:
        num_classes: K.
        in_channels: C.
        image_size: H and W in pixels, at least 4.
        drop_rate: Dropout rate before the last layer, in [0, 1).
    """

    def __init__(self, num_classes: int, in_channels: int = 3, image_size: int = 32, drop_rate: float = 0.0) -> None:
        super().__init__()
        pad1 = _KERNEL // 2 if image_size < 32 else 0
        side = (image_size + 2 * pad1 - _KERNEL + 1) // 2
        pad2 = _KERNEL // 2 if side < 10 else 0
        side = (side + 2 * pad2 - _KERNEL + 1) // 2
        grid = min(side, _MAP)
        self.conv1 = nn.Conv2d(in_channels, 6, _KERNEL, padding=pad1)
        self.conv2 = nn.Conv2d(6, 16, _KERNEL, padding=pad2)
        self.pool = nn.MaxPool2d(2)
        self.resize = nn.AdaptiveAvgPool2d(grid)
        self.fc1 = nn.Linear(16 * grid * grid, 120)
        self.fc2 = nn.Linear(120, 84)
        self.dropout = nn.Dropout(drop_rate)
        self.fc3 = nn.Linear(84, num_classes)
        self.relu = nn.ReLU()

    def forward(self, images_BCHW: Tensor) -> Tensor:
        # The largest of four after ReLU is ReLU of the largest, which has a quarter of the work.
        x_BCHW = self.relu(self.pool(self.conv1(images_BCHW)))
        x_BCHW = self.relu(self.pool(self.conv2(x_BCHW)))
        x_BF = self.resize(x_BCHW).flatten(1)
        x_BF = self.relu(self.fc2(self.relu(self.fc1(x_BF))))
        logits_BK: Tensor = self.fc3(self.dropout(x_BF))
        return logits_BK
