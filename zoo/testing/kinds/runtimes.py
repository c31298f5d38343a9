"""Checks of runtimes, with the kit's own network; the table in :mod:`zoo.testing.checks` gives their rationales.

Shape suffixes: B images, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zoo.errors import UsageError
from zoo.runtime import Run, Runtime, RuntimeRequest
from zoo.testing.check_errors import CheckFailedError, NotApplicableError
from zoo.testing.global_state import require_no_side_effects
from zoo.testing.samples import NUM_CLASSES, noise
from zoo.testing.subjects import Subject

_SIZE = 16
_MOST_ERROR, _MOST_OF_ONE = 0.5, 1.0
"""Largest differences of logits, over all images (root mean square) and for one of them, as a share of how the logits
of different images differ. int8 stays at about half of both on this untrained network; float32 is far below.
"""
_BATCHES = (1, 2, 5, 33, 64)
"""Sizes of batches: alone, few, many, and one that is no multiple of another."""


class RuntimeNet(nn.Module):
    """A network with what converters have taken for constants: padding, slices and a reshape that depend on the batch.

    Its block is that of a ResNet for CIFAR, whose shortcut skips every other pixel and adds channels of zeros (He et
    al. 2016, option A). Real converters have got the first image of a batch right, and no other.
    """

    def __init__(self, *, num_classes: int = NUM_CLASSES, width: int = 16) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(width)
        self.conv = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(2 * width)
        self.width = width
        self.head = nn.Linear(2 * width * 16, num_classes)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return logits ``[B, K]``."""
        early_BCHW = self.stem_norm(self.stem(images_BCHW)).relu()
        half = self.width // 2
        shortcut_BCHW = nn.functional.pad(early_BCHW[:, :, ::2, ::2], (0, 0, 0, 0, half, half))
        late_BCHW = (self.norm(self.conv(early_BCHW)) + shortcut_BCHW).relu()
        features_BCHW = nn.functional.adaptive_avg_pool2d(late_BCHW, 4)
        logits_BK: Tensor = self.head(features_BCHW.reshape(features_BCHW.shape[0], -1))
        return logits_BK


def gives_the_logits(subject: Subject[Runtime]) -> None:
    net, images_BCHW = _net(), noise(_BATCHES[-1], 3, _SIZE)
    expected_BK = net(images_BCHW)
    with _loaded(subject, net) as run:
        found_BK = _logits(run, images_BCHW)
    spread = (expected_BK - expected_BK.mean(dim=0)).square().sum(dim=1).mean().sqrt()
    errors_B = (found_BK - expected_BK).square().sum(dim=1).sqrt() / spread
    overall, most = float(errors_B.square().mean().sqrt()), float(errors_B.max())
    if not (overall <= _MOST_ERROR and most <= _MOST_OF_ONE):  # NaN is no small difference
        raise CheckFailedError(
            f"its logits differ from those of the network by {overall:.2f} of their spread over {len(images_BCHW)} "
            f"images, and by {most:.2f} for one of them; {_MOST_ERROR:g} and {_MOST_OF_ONE:g} are allowed"
        )


def takes_any_batch(subject: Subject[Runtime]) -> None:
    net = _net()
    with _loaded(subject, net) as run:
        images_BCHW = noise(_BATCHES[-1], 3, _SIZE)
        whole_BK = _logits(run, images_BCHW)
        for batch in _BATCHES:
            some_BK = _logits(run, images_BCHW[:batch])
            if not torch.allclose(some_BK, whole_BK[:batch], atol=0.05):
                raise CheckFailedError(
                    f"a batch of {batch} gets other logits than the same images among {len(images_BCHW)}"
                )


def answers_repeatedly(subject: Subject[Runtime]) -> None:
    images_BCHW = noise(4, 3, _SIZE)
    before_BCHW = images_BCHW.clone()
    with _loaded(subject, _net()) as run:
        first_BK = _logits(run, images_BCHW).clone()
        if not torch.equal(images_BCHW, before_BCHW):
            raise CheckFailedError("it changes the images that it is given")
        _logits(run, noise(4, 3, _SIZE, seed=1))
        if not torch.equal(_logits(run, images_BCHW), first_BK):
            raise CheckFailedError("the same images get other logits the second time")


def converts_again(subject: Subject[Runtime]) -> None:
    images_BCHW = noise(4, 3, _SIZE)
    found = []
    for _ in range(2):
        before = set(Path.cwd().iterdir())
        with _loaded(subject, _net()) as run:
            found.append(_logits(run, images_BCHW).clone())
        if written := sorted(path.name for path in set(Path.cwd().iterdir()) - before):
            raise CheckFailedError(
                f"it writes {', '.join(written[:3])} into the working folder, not into request.folder"
            )
    if not torch.equal(*found):
        raise CheckFailedError("two conversions of the same network give different logits")


def runtime_has_no_side_effects(subject: Subject[Runtime]) -> None:
    net, images_BCHW = _net(), noise(4, 3, _SIZE)

    def convert_and_run() -> None:
        with _loaded(subject, net) as run:
            _logits(run, images_BCHW)

    convert_and_run()  # libraries set things up when they are first imported
    for draw in (random.random, np.random.random, lambda: torch.rand(())):
        draw()  # a seed that was set is set back only if the generators have moved
    require_no_side_effects(convert_and_run, "converting and running")


def _net() -> nn.Module:
    """Return the network with statistics of its images, as after a training; the same each time."""
    torch.manual_seed(0)
    net = RuntimeNet()
    with torch.no_grad():
        for _ in range(10):
            net(noise(_BATCHES[-1], 3, _SIZE, seed=3))
    return net.eval().requires_grad_(False)


def _logits(run: Run, images_BCHW: Tensor) -> Tensor:
    with torch.inference_mode():
        found: Any = run(images_BCHW)
    wanted = [len(images_BCHW), NUM_CLASSES]
    if not isinstance(found, Tensor) or list(found.shape) != wanted or found.dtype != torch.float32:
        given = f"{found.dtype} {list(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        raise CheckFailedError(f"it returned {given}, not logits float32 {wanted}")
    return found


@contextmanager
def _loaded(subject: Subject[Runtime], net: nn.Module) -> Iterator[Run]:
    """Convert a network, and yield what runs it.

    Raises:
        NotApplicableError: If what it needs is not installed.
    """
    from harness.batches.normalization import Normalization
    from harness.classifiers.formats import export_onnx
    from harness.classifiers.quantizing import Calibration, quantize_onnx

    runtime = subject.record
    statistics = Normalization(mean=(0.5,) * 3, std=(0.25,) * 3)
    pixels_NHWC = (noise(16, 3, _SIZE, seed=2) * 64 + 128).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
    calibration = Calibration(images_NHWC=pixels_NHWC, origin="16 images of noise")
    shape = (3, _SIZE, _SIZE)
    with tempfile.TemporaryDirectory(prefix="zoo-kit-") as folder:
        request = RuntimeRequest(
            network=net,
            device=torch.device("cpu"),
            channels=3,
            image_size=_SIZE,
            folder=Path(folder),
            threads=1,
            calibration=lambda: torch.cat([torch.from_numpy(batch) for batch in calibration.batches(statistics)]),
            write_onnx=lambda path: export_onnx(net, shape, path, {}),
            quantize_onnx=lambda path: _ignored(
                quantize_onnx(path, "static", calibration=calibration, statistics=statistics)
            ),
        )
        try:
            path = None if runtime.convert is None else runtime.convert(request)
            run = runtime.load(path, request)
        except (UsageError, ImportError) as error:
            raise NotApplicableError(str(error)) from error
        yield run


def _ignored(value: object) -> None:
    """Take a result that nobody needs."""
