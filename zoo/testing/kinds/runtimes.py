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
from zoo.testing.samples import NUM_CLASSES, noise, sample_net
from zoo.testing.subjects import Subject

_SIZE = 16
_LEAST_SIMILARITY = 0.98
"""Cosine of the angle between the logits of an image; int8 keeps it above this, float32 far above."""


def gives_the_logits(subject: Subject[Runtime]) -> None:
    net, images_BCHW = _net(), noise(8, 3, _SIZE)
    expected_BK = net(images_BCHW)
    with _loaded(subject, net) as run:
        found_BK = _logits(run, images_BCHW)
    similarity_B = nn.functional.cosine_similarity(found_BK - found_BK.mean(), expected_BK - expected_BK.mean())
    if similarity_B.min() < _LEAST_SIMILARITY:
        raise CheckFailedError(
            f"its logits differ from those of the network: their cosine is {similarity_B.min():.3f} for one of 8 images"
        )


def takes_any_batch(subject: Subject[Runtime]) -> None:
    net = _net()
    with _loaded(subject, net) as run:
        whole_BK = _logits(run, noise(5, 3, _SIZE))
        for batch in (1, 2, 5):
            some_BK = _logits(run, noise(5, 3, _SIZE)[:batch])
            if not torch.allclose(some_BK, whole_BK[:batch], atol=0.05):
                raise CheckFailedError(f"a batch of {batch} gets other logits than the same images among 5")


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
    return sample_net(0).eval().requires_grad_(False)


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
