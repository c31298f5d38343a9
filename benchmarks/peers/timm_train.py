"""timm's ``train.py``, unchanged, on the same images, network and augmentation.

Needs ``--checkout``: a folder that contains the ``train.py`` of a timm release.
"""

from __future__ import annotations

import logging
import re
import runpy
import sys
import tempfile

import timm.data
import timm.data.loader
import timm.models
from images import PilImages, load_images, pil_transforms
from networks import build_network
from settings import BATCH_SIZE, LR, MOMENTUM, WEIGHT_DECAY, answer, parse_settings
from torchvision import transforms

settings = parse_settings(__doc__)
images_NHWC, labels_N = load_images(settings.images)


def same_transforms(*args: object, use_prefetcher: bool = False, **kwargs: object) -> transforms.Compose:
    if not use_prefetcher:
        return pil_transforms()
    # The prefetcher makes the tensor, and normalises.
    return transforms.Compose([pil_transforms(to_tensor=False), timm.data.transforms.ToNumpy()])


def same_network(*args: object, **kwargs: object) -> object:
    model = build_network(settings.model)
    if not hasattr(model, "pretrained_cfg"):
        model.pretrained_cfg = model.default_cfg = {}
        model.num_classes = 10
    return model


timm.data.create_dataset = lambda *args, **kwargs: PilImages(images_NHWC, labels_N)
timm.data.loader.create_transform = same_transforms
timm.models.create_model = same_network


class Rates(logging.Handler):
    """Reads the mean rate of each epoch from the trainer's own log."""

    def __init__(self) -> None:
        super().__init__()
        self.by_epoch: dict[int, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        found = re.search(r"Train: (\d+) .*\(\s*[\d.]+s,\s*([\d.]+)/s\)", record.getMessage())
        if found:
            self.by_epoch[int(found[1])] = float(found[2])


rates = Rates()
logging.getLogger("train").addHandler(rates)
logging.getLogger("__main__").addHandler(rates)
with tempfile.TemporaryDirectory() as folder:
    sys.argv = [
        "train.py", "--data-dir", folder, "--model", "resnet18", "--num-classes", "10", "--input-size", "3", "32", "32",
        "--batch-size", str(BATCH_SIZE), "--epochs", str(settings.epochs),
        "--sched", "step", "--decay-epochs", "1000", "--warmup-epochs", "0",
        "--opt", "sgd", "--lr", str(LR), "--momentum", str(MOMENTUM), "--weight-decay", str(WEIGHT_DECAY),
        "--smoothing", "0", "--workers", str(settings.workers), "--device", "cpu", "--output", folder,
        "--log-interval", "10", "--val-split", "", *(["--channels-last"] if settings.channels_last else []),
    ]  # fmt: skip
    runpy.run_path(str(settings.checkout / "train.py"), run_name="__main__")
answer([rates.by_epoch[epoch] for epoch in sorted(rates.by_epoch)])
