"""The declaration of the speedrun network, and the options that reach it."""

from __future__ import annotations

import subprocess
import sys

import torch

from plugins.architectures import speedrun
from plugins.architectures.speedrun_net import PatchWhitening
from zoo import ModelRequest

(ARCHITECTURE,) = speedrun.zoo_architectures()


def build(**options):
    with torch.device("meta"):
        return ARCHITECTURE.build(
            ModelRequest(num_classes=10, image_size=32, options={**ARCHITECTURE.options, **options})
        )


def test_width_scales_the_channels_of_all_groups():
    assert [group.conv1.out_channels for group in build(width=0.5).groups] == [32, 128, 128]


def test_whitening_can_be_turned_off():
    assert isinstance(build().stem, PatchWhitening)
    assert isinstance(build(whitened=False).stem, torch.nn.Conv2d)


def test_listing_it_imports_no_torch():
    code = (
        "import sys\n"
        "from plugins.architectures import speedrun\n"
        "list(speedrun.zoo_architectures())\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
