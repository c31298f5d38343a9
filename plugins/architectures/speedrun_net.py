"""A small CNN that learns in few epochs: patch whitening, three groups of convolutions, and a linear head.

It is based on Keller Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (arXiv:2404.00498): a frozen first layer
that whitens 2×2 patches (after Page 2019, "How to train your ResNet"), convolutions that are initialised to the
identity, batch normalisation without scales, GELU (arXiv:1606.08415), and downsampling by max-pooling only.

Shape suffixes: B batch, C channels, H height, W width, P patch values, E eigenvectors, F features, K classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_PATCH = 2
"""Side of the whitened patches in pixels."""
_GROUP_WIDTHS = (64, 256, 256)
"""Channels of the three groups at width 1."""
_STATISTICS_MOMENTUM = 0.4
"""Weight of each batch in the running statistics: there are few batches, and they are large."""


class PatchWhitening(nn.Module):
    """Maps each 2×2 patch to its whitened principal components and their negatives, plus a trained bias.

    The filters are constants. Before :meth:`fit`, they are a random orthonormal basis of the patches; afterwards, the
    eigenvectors of the second moments of the patches, each divided by the square root of its eigenvalue. Both signs
    are included so that a rectifying activation after the layer loses nothing.

    Args:
        in_channels: C; patches have P = 4 C values, and the output 2 P channels.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        values = in_channels * _PATCH**2
        basis_EP = nn.init.orthogonal_(torch.empty(values, values))
        self.weight = nn.Parameter(_both_signs(basis_EP, in_channels), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(2 * values))

    @property
    def out_channels(self) -> int:
        """Number of output channels."""
        return len(self.weight)

    @torch.no_grad()
    def fit(self, images_BCHW: Tensor, *, least_variance: float = 5e-4) -> None:
        """Set the filters from the patches of normalised images.

        Args:
            images_BCHW: Images of at least 2×2 pixels.
            least_variance: Added to each eigenvalue, so that directions without signal are not amplified.
        """
        in_channels = images_BCHW.shape[1]
        # One shifted view of the images per pixel of the patch: all patches, without copying each of them.
        height, width = (side - _PATCH + 1 for side in images_BCHW.shape[2:])
        corners = [
            images_BCHW[:, :, row : row + height, column : column + width]
            for row in range(_PATCH)
            for column in range(_PATCH)
        ]
        patches_PN = torch.stack(corners, dim=1).float().permute(2, 1, 0, 3, 4).flatten(2).flatten(0, 1)
        moments_PP = (patches_PN @ patches_PN.mT).double() / patches_PN.shape[1]
        eigenvalues_E, eigenvectors_PE = torch.linalg.eigh(moments_PP)
        filters_EP = eigenvectors_PE.mT / (eigenvalues_E.clamp_min(0) + least_variance).sqrt()[:, None]
        self.weight.copy_(_both_signs(filters_EP, in_channels))

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return functional.conv2d(images_BCHW, self.weight, self.bias)


class ConvGroup(nn.Module):
    """Convolution, pooling, normalisation, GELU; convolution, normalisation, GELU.

    Args:
        pool: Size and stride of the pooling; 1 for none.
    """

    def __init__(self, in_channels: int, channels: int, pool: int) -> None:
        super().__init__()
        self.conv1 = _identity_conv(in_channels, channels)
        self.pool = nn.MaxPool2d(pool) if pool > 1 else nn.Identity()
        self.norm1 = _shift_norm(channels)
        self.conv2 = _identity_conv(channels, channels)
        self.norm2 = _shift_norm(channels)
        self.activation = nn.GELU()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        x_BCHW = self.activation(self.norm1(self.pool(self.conv1(x_BCHW))))
        out_BCHW: Tensor = self.activation(self.norm2(self.conv2(x_BCHW)))
        return out_BCHW


class SpeedrunNet(nn.Module):
    """Whitened 2×2 patches, three groups of two 3×3 convolutions, global max-pooling, and a linear layer.

    With width 1, an image of 32 pixels takes 118 million multiply-accumulates.

    Args:
        num_classes: K.
        in_channels: C.
        image_size: H and W in pixels, at least 2. Maps are halved as long as they have at least 2 pixels per side.
        width: Channels of all groups relative to 64, 256 and 256.
        whitened: Whether the first layer is :class:`PatchWhitening`, rather than a convolution of the same shape that
            is trained like the others.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int = 3,
        image_size: int = 32,
        width: float = 1.0,
        *,
        whitened: bool = True,
    ) -> None:
        super().__init__()
        channels = 2 * in_channels * _PATCH**2
        self.stem = PatchWhitening(in_channels) if whitened else nn.Conv2d(in_channels, channels, _PATCH)
        self.activation = nn.GELU()
        side = image_size - _PATCH + 1
        groups: list[nn.Module] = []
        for base in _GROUP_WIDTHS:
            pool = 2 if side >= 2 else 1
            wider = max(1, round(base * width))
            groups.append(ConvGroup(channels, wider, pool))
            channels, side = wider, side // pool
        self.groups = nn.Sequential(*groups)
        self.head = nn.Linear(channels, num_classes, bias=False)
        # Small initial logits, so that the first steps need not undo a random head.
        nn.init.normal_(self.head.weight, std=1 / channels)

    def whiten(self, images_BCHW: Tensor) -> None:
        """Fit the whitening layer, if there is one, to normalised training images."""
        if isinstance(self.stem, PatchWhitening):
            self.stem.fit(images_BCHW)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        x_BCHW = self.groups(self.activation(self.stem(images_BCHW)))
        logits_BK: Tensor = self.head(x_BCHW.amax(dim=(2, 3)))
        return logits_BK


def _both_signs(filters_EP: Tensor, in_channels: int) -> Tensor:
    filters_ECHW = filters_EP.reshape(-1, in_channels, _PATCH, _PATCH)
    return torch.cat([filters_ECHW, -filters_ECHW])


def _identity_conv(in_channels: int, channels: int) -> nn.Conv2d:
    """Return a 3×3 convolution whose first channels are the identity, with random filters in the others."""
    conv = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
    same = torch.arange(min(in_channels, channels))
    with torch.no_grad():
        conv.weight[: len(same)] = 0
        conv.weight[same, same, 1, 1] = 1
    return conv


def _shift_norm(channels: int) -> nn.BatchNorm2d:
    """Return batch normalisation that learns shifts but not scales, which the next layer can learn."""
    norm = nn.BatchNorm2d(channels, momentum=_STATISTICS_MOMENTUM)
    norm.weight.requires_grad_(False)
    return norm
