"""Predicting: classifies image files, decoding them in threads while the network runs.

Images are decoded, resized and normalised as in training and testing.
Shape suffixes: B batch, H height, W width, C channels, K classes.
"""

from __future__ import annotations

import codecs
import sys
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from harness.batches.forward_settings import ForwardSettings, Precision
from harness.classifiers.trained import TrainedClassifier
from harness.data.image_files.decoding import decode
from harness.data.image_files.opening import MAX_PIXELS, Encoded, UnreadableImageError, quiet_pillow
from harness.data.notes import dark_bits
from harness.faults.errors import TrialError
from harness.measuring.environment import resolve_device, resolve_precision
from harness.records.record import FailureKind
from harness.system.cores import decoding_threads
from harness.training.evaluation import batch_size_for, predict_batch
from zoo.files.image_files import LeftOut, walk_images
from zoo.files.image_kinds import how_to_read

_AHEAD_BATCHES = 2
"""Number of batches that are decoded in advance."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageSource:
    """An image to classify, or the reason why it cannot be read."""

    name: str
    """File name as given or found."""
    image: Encoded | None
    problem: str = ""
    """One sentence if there is no image."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ImagePrediction:
    """The prediction for an image, or the reason why there is none."""

    name: str
    logits_K: NDArray[np.float32] | None
    problem: str = ""
    """One sentence if there are no logits."""

    def top(self, count: int) -> list[tuple[int, float]]:
        """Return index and probability of the *count* most probable classes; ties in the order of the classes."""
        assert self.logits_K is not None
        shifted_K = self.logits_K.astype(np.float64) - float(self.logits_K.max())
        probabilities_K = np.exp(shifted_K) / np.exp(shifted_K).sum()
        order = np.argsort(-probabilities_K, kind="stable")[:count]
        return [(int(index), float(probabilities_K[index])) for index in order]


class Predictor:
    """A trained classifier on a device.

    Args:
        classifier: Its network is moved to the device.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N``, ``mps`` or another accelerator of torch's, such as ``xpu``.
        precision: None for the precision used in testing if the device type is the same, else fp32.
        batch_size: None for the batch size used in testing, which gives bit-identical results on a CPU.

    Raises:
        UsageError: If the device does not exist or does not support the precision.
    """

    def __init__(
        self,
        classifier: TrainedClassifier,
        *,
        device: str = "auto",
        precision: Precision | None = None,
        batch_size: int | None = None,
    ) -> None:
        card = classifier.card
        self.classifier = classifier
        self._preparation = card.preparation
        self.device = torch.device(resolve_device(device))
        recorded: Precision = card.precision if self.device.type == card.device else "fp32"
        self.precision: Precision = resolve_precision(precision or recorded, str(self.device))
        self.batch_size = batch_size or batch_size_for(card.image_size, card.image_size, self.device)
        self.settings = ForwardSettings(
            device=self.device,
            normalization=card,
            precision=self.precision,
            channels_last=card.layout == "channels_last",
        )
        self.settings.place(classifier.model)
        self._normalize = self.settings.normalizer()
        self._deep_peaks: Counter[int] = Counter()  # not a list: a server goes on for months
        self._lock = threading.Lock()

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence on the images decoded so far if they are 16-bit ones that become almost black."""
        dark = None if self.classifier.card.bit_depth else dark_bits(list(self._deep_peaks.elements()))
        if dark is None:
            return ()
        return (
            f"{dark.sentence}; unless the training images were like that, multiply their values by "
            f"{1 << 16 - dark.bits}, or train with --set data.bit_depth={dark.bits}",
        )

    def decode(self, image: Encoded, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
        """Decode an image of at most *max_pixels* and resize it as in training, to ``[H, W, C]``.

        Raises:
            UnreadableImageError: If it cannot be decoded.
        """
        card = self.classifier.card
        return decode(
            image,
            channels=card.channels,
            preparation=self._preparation,
            max_pixels=max_pixels,
            bit_depth=card.bit_depth,
            on_deep_image=self._count_deep,
        )

    def _count_deep(self, peak: int) -> None:
        with self._lock:
            self._deep_peaks[peak] += 1

    def logits(self, images_BHWC: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits ``[B, K]`` of decoded images.

        Raises:
            TrialError: If they are not finite (kind diverged) or of the wrong shape (kind plugin), or if a single image
                does not fit in memory (kind oom).
        """
        logits_BK = predict_batch(
            self.classifier.model,
            torch.from_numpy(images_BHWC),
            self.settings,
            self._normalize,
            batch_size=self.batch_size,
            predict=self.classifier.predict,
            num_classes=len(self.classifier.card.classes),
        )
        return logits_BK.numpy()


def find_images(names: Iterable[str], *, skipped: LeftOut | None = None) -> Iterator[ImageSource]:
    """Yield images: each name is a file, with any suffix, or a folder, which is searched recursively.

    Args:
        names: File and folder names.
        skipped: Counts the files in folders that are not images.
    """
    for name in names:
        path = Path(name)
        try:
            if path.is_dir():
                found = False
                left_out = LeftOut()
                for each in walk_images(path, left_out):
                    found = True
                    yield ImageSource(name=str(each), image=each)
                for unreadable, kind in left_out.images:
                    problem = f"{kind} cannot be read here: {how_to_read(kind)}"
                    yield ImageSource(name=unreadable, image=None, problem=problem)
                if skipped is not None:
                    skipped.others.update(left_out.others)
                if not found and not left_out.images:
                    yield ImageSource(name=name, image=None, problem="the folder contains no images")
            elif path.is_file():
                yield ImageSource(name=name, image=path)
            else:  # opening a pipe or a device could block forever
                problem = "it is not a file" if path.exists() else "there is no such file"
                yield ImageSource(name=name, image=None, problem=problem)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            yield ImageSource(name=name, image=None, problem=getattr(error, "strerror", None) or str(error))


def predict_images(
    predictor: Predictor, sources: Iterable[ImageSource], *, num_workers: int | None = None
) -> Iterator[ImagePrediction]:
    """Yield a prediction for each source, in order. An image that cannot be read gets a problem instead.

    Args:
        predictor: The classifier to use.
        sources: Read up to two batches ahead.
        num_workers: Decoding threads, one per core if None. Does not affect predictions.

    Raises:
        TrialError: If the network fails, except for logits that are not finite.
    """
    threads = ThreadPoolExecutor(num_workers or decoding_threads(), thread_name_prefix="decode")
    remaining = iter(sources)
    pending: deque[tuple[ImageSource, Future[NDArray[np.uint8]] | None]] = deque()
    batch: list[tuple[ImageSource, NDArray[np.uint8] | str]] = []
    num_images = 0
    try:
        with quiet_pillow():
            while True:
                while len(pending) < (_AHEAD_BATCHES + 1) * predictor.batch_size:
                    source = next(remaining, None)
                    if source is None:
                        break
                    future = None if source.image is None else threads.submit(predictor.decode, source.image)
                    pending.append((source, future))
                if not pending:
                    break
                source, future = pending.popleft()
                image = source.problem if future is None else _decoded(future)
                batch.append((source, image))
                num_images += not isinstance(image, str)
                if num_images == predictor.batch_size:
                    yield from _predicted(predictor, batch)
                    batch, num_images = [], 0
            yield from _predicted(predictor, batch)
    finally:
        threads.shutdown(cancel_futures=True)


def _decoded(future: Future[NDArray[np.uint8]]) -> NDArray[np.uint8] | str:
    """Return the image, or a sentence saying why it cannot be decoded."""
    try:
        return future.result()
    except UnreadableImageError as error:
        return str(error)
    except MemoryError:
        return "there is not enough memory to decode it"


def _predicted(
    predictor: Predictor, batch: list[tuple[ImageSource, NDArray[np.uint8] | str]]
) -> Iterator[ImagePrediction]:
    images = [image for _, image in batch if not isinstance(image, str)]
    logits = iter(logits_of_each(predictor, np.stack(images)) if images else [])
    for source, image in batch:
        outcome = image if isinstance(image, str) else next(logits)
        if isinstance(outcome, str):
            yield ImagePrediction(name=source.name, logits_K=None, problem=outcome)
        else:
            yield ImagePrediction(name=source.name, logits_K=outcome)


def logits_of_each(predictor: Predictor, images_BHWC: NDArray[np.uint8]) -> list[NDArray[np.float32] | str]:
    """Return the logits of each image, or a sentence if they are not finite; other images are not affected."""
    try:
        return list(predictor.logits(images_BHWC))
    except TrialError as error:
        if error.kind is not FailureKind.DIVERGED:
            raise
    if len(images_BHWC) == 1:
        return ["the network's logits are not finite"]
    return [each for image_HWC in images_BHWC for each in logits_of_each(predictor, image_HWC[None])]


def lines_of_stdin() -> Iterator[str]:
    """Yield file names from standard input, one per line or, as ``find -print0`` writes them, each before a NUL.

    Empty lines are skipped, and so is a byte order mark. Names are decoded like file names, so that those that are not
    valid UTF-8 work too.
    """
    mark = codecs.BOM_UTF8
    for line in sys.stdin.buffer:
        for name in line.removeprefix(mark).rstrip(b"\r\n").split(b"\0"):
            if name:
                yield name.decode(sys.getfilesystemencoding(), sys.getfilesystemencodeerrors())
        mark = b""
