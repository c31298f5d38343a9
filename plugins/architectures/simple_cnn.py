"""A plain network of two convolutions and two linear layers, a common first example for handwritten digits.

PyTorch's basic MNIST example: https://github.com/pytorch/examples/tree/main/mnist

Shape suffixes: B batch, C channels, H height, W width, F features, K classes.
"""

from __future__ import annotations

from torch import Tensor, nn

_MAX_GRID = 12  # side of the feature map read by the first linear layer, as in the example for 28-pixel images


class SimpleCNN(nn.Module):
    """Two 3×3 convolutions of *width* and twice *width* channels, one 2×2 pooling, two linear layers, dropout.

    With the default width and 28-pixel grey images, its layers are those of the example. Larger maps are averaged down
    to the 12×12 map that the first linear layer reads, so that the layer does not grow with the image size.

    Args:
        num_classes: K.
        in_channels: C.
        image_size: H and W in pixels, at least 6.
        width: Channels of the first convolution.
        drop_rate: Dropout rate before the last layer, in [0, 1); half of it before the first linear layer.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int = 3,
        image_size: int = 28,
        width: int = 32,
        drop_rate: float = 0.5,
    ) -> None:
        super().__init__()
        grid = min((image_size - 4) // 2, _MAX_GRID)
        self.conv1 = nn.Conv2d(in_channels, width, 3)
        self.conv2 = nn.Conv2d(width, 2 * width, 3)
        self.pool = nn.MaxPool2d(2)
        self.resize = nn.AdaptiveAvgPool2d(grid)
        self.dropout1 = nn.Dropout(drop_rate / 2)
        self.fc1 = nn.Linear(2 * width * grid * grid, 4 * width)
        self.dropout2 = nn.Dropout(drop_rate)
        self.fc2 = nn.Linear(4 * width, num_classes)
        self.relu = nn.ReLU()

    def forward(self, images_BCHW: Tensor) -> Tensor:
        # The largest of four after ReLU is ReLU of the largest, which has a quarter of the work.
        x_BCHW = self.relu(self.pool(self.conv2(self.relu(self.conv1(images_BCHW)))))
        x_BF = self.dropout1(self.resize(x_BCHW)).flatten(1)
        logits_BK: Tensor = self.fc2(self.dropout2(self.relu(self.fc1(x_BF))))
        return logits_BK
