"""The served classifier: encoded images in, predictions out, in batches. Independent of HTTP.

Shape suffixes: B batch, H height, W width, C channels, K classes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.classifiers.predicting import ImagePrediction, Predictor, logits_of_each
from harness.data.image_files.opening import TooManyPixelsError, UnknownFormatError, UnreadableImageError
from harness.serving.batcher import Batcher, BatcherClosed, QueueFull
from harness.serving.limits import Limits, Refusal
from harness.serving.metrics import Metrics
from harness.serving.uploads import UploadedImage
from harness.system.cores import decoding_threads

FAILING_BATCHES = 3
"""Consecutive failed batches after which the server reports failing: on a GPU, one fault can break all later ones."""

_Image = NDArray[np.uint8]
_Logits = NDArray[np.float32]


class _NoLogits(Exception):
    """The network returned no usable logits for one image."""


class ServedClassifier:
    """A classifier that batches images from concurrent requests.

    Args:
        predictor: Its batch size must be at least *max_batch*, so that a batch is one forward pass.
        limits: Limits on images.
        metrics: Counts batches and images.
        max_batch: Maximum number of images per batch.
        max_wait_ms: How long an image waits for others to fill its batch.
        report: Called with a sentence when the network fails.
    """

    def __init__(
        self,
        predictor: Predictor,
        *,
        limits: Limits,
        metrics: Metrics,
        max_batch: int,
        max_wait_ms: float,
        report: Callable[[str], None],
    ) -> None:
        self.predictor, self.limits = predictor, limits
        self.card = predictor.classifier.card
        self.is_draining = False
        """Whether the server is stopping and refuses new requests."""
        self._metrics, self._report = metrics, report
        self._batcher: Batcher[UploadedImage, _Image, _Logits] = Batcher(
            self._decode,
            self._run,
            max_batch=max_batch,
            max_wait_ms=max_wait_ms,
            max_items=max(limits.queue, limits.images),
            num_threads=decoding_threads(),
            on_batch=metrics.batch,
        )

    @property
    def num_held(self) -> int:
        """Number of accepted images without a result yet."""
        return self._batcher.num_held

    @property
    def state(self) -> str:
        """``ready``, ``draining`` while stopping, or ``failing`` after several failed batches in a row."""
        if self.is_draining:
            return "draining"
        return "failing" if self._batcher.failures_in_a_row >= FAILING_BATCHES else "ready"

    def warm_up(self) -> None:
        """Run the network with one image and with a full batch, so that the first requests are not slow.

        Raises:
            TrialError: If the network fails.
        """
        card = self.card
        for count in (1, self._batcher.max_batch):
            logits_of_each(
                self.predictor, np.zeros((count, card.image_size, card.image_size, card.channels), dtype=np.uint8)
            )

    async def classify(self, images: Sequence[UploadedImage], top_k: int) -> tuple[int, list[dict[str, Any]]]:
        """Return a status and an entry for each image, in order: ``image``, ``predictions``, ``problem``.

        The status is 200 if any image was predicted. Otherwise it is the status that all images share (413 too large,
        415 not an image, 500 network failure), or else 422.

        Raises:
            Refusal: If the queue is full or the server is stopping (503).
        """
        outcomes: list[_Logits | Exception | None] = [None] * len(images)
        wanted = [index for index, image in enumerate(images) if not image.problem]
        try:
            future = self._batcher.submit([images[index] for index in wanted])
        except QueueFull as error:
            raise Refusal(
                503, f"{self.num_held} images are queued already; try again", retry_after=error.retry_after
            ) from error
        except BatcherClosed as error:
            raise Refusal(503, "the server is stopping", retry_after=1) from error
        results = await asyncio.wrap_future(future)
        for index, outcome in zip(wanted, results, strict=True):
            outcomes[index] = outcome
        entries = [self._entry(image, outcome, top_k) for image, outcome in zip(images, outcomes, strict=True)]
        problems = {status for status, _ in entries if status != 200}
        predicted = sum(status == 200 for status, _ in entries)
        self._metrics.images(predicted=predicted, problems=len(entries) - predicted)
        status = 200 if predicted else problems.pop() if len(problems) == 1 else 422
        return status, [entry for _, entry in entries]

    def close(self) -> None:
        """Accept no more images, and return once all accepted ones have results."""
        self._batcher.close()

    def _decode(self, image: UploadedImage) -> _Image:
        return self.predictor.decode(image.content, max_pixels=self.limits.pixels)

    def _run(self, images: Sequence[_Image]) -> list[_Logits | Exception]:
        try:
            logits = logits_of_each(self.predictor, np.stack(images))
        except BaseException as error:
            self._report(f"the network failed on {len(images)} image(s): {type(error).__name__}: {error}")
            raise
        return [_NoLogits(each) if isinstance(each, str) else each for each in logits]

    def _entry(
        self, image: UploadedImage, outcome: _Logits | Exception | None, top_k: int
    ) -> tuple[int, dict[str, Any]]:
        status, problem = _problem(image, outcome)
        top: list[dict[str, Any]] = []
        if isinstance(outcome, np.ndarray):
            prediction = ImagePrediction(name=image.name, logits_K=outcome)
            top = [
                {"class": self.card.classes[index], "probability": probability}
                for index, probability in prediction.top(top_k)
            ]
        return status, {"image": image.name, "predictions": top, "problem": problem or None}


def _problem(image: UploadedImage, outcome: _Logits | Exception | None) -> tuple[int, str]:
    """Return the status of an image on its own, and a sentence if it is not 200."""
    match outcome:
        case None:
            return image.status, image.problem
        case TooManyPixelsError():
            return 413, str(outcome)
        case UnknownFormatError():
            return 415, str(outcome)
        case UnreadableImageError() | _NoLogits():
            return 422, str(outcome)
        case MemoryError():
            return 413, "there is not enough memory to decode it"
        case Exception():
            return 500, "the network failed; the server's log says why"
        case _:
            return 200, ""
