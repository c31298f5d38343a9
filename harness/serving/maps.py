"""Maps: which regions of an image raise the classes that the network finds, for the demo page.

Each map is computed by a copy of the network, one at a time: finding the gradients puts hooks on its layers, and the
network that answers meanwhile must not see them. Shape suffixes: H height, W width, C channels, K classes.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import io
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.classifiers.predicting import Predictor
from harness.data.image_files.opening import UnreadableImageError
from harness.serving.limits import Limits, Refusal
from harness.serving.uploads import UploadedImage
from zoo.errors import UsageError, ZooError

if TYPE_CHECKING:
    from harness.classifiers.saliency import SaliencyExplanation

MOST_CLASSES = 10
"""Number of classes that one request can ask for."""


class Mapper:
    """Makes saliency maps of single images, beside the classifier that answers requests.

    Args:
        predictor: The classifier; its network is copied when the first map is asked for.
        limits: Limits on images.
    """

    def __init__(self, predictor: Predictor, limits: Limits) -> None:
        self._predictor, self._limits = predictor, limits
        self._own: Predictor | None = None
        self._one_at_a_time = asyncio.Lock()
        self._computing = threading.Lock()  # a client that leaves frees the place above, and not the thread

    async def explain(self, image: UploadedImage, top_k: int) -> dict[str, Any]:
        """Return the maps of the *top_k* most probable classes of an image, and the image as the network sees it.

        Raises:
            Refusal: If the image cannot be read, or the network has no maps or fails.
        """
        if image.problem:
            raise Refusal(image.status, f"{image.name}: {image.problem}")
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._in_turn, image, min(top_k, MOST_CLASSES))

    def _in_turn(self, image: UploadedImage, top_k: int) -> dict[str, Any]:
        with self._computing:
            return self._explained(image, top_k)

    def _explained(self, image: UploadedImage, top_k: int) -> dict[str, Any]:
        from harness.classifiers.saliency import explain

        try:
            # A copy, since torch takes no arrays that cannot be written.
            decoded_HWC = np.array(self._predictor.decode(image.content, max_pixels=self._limits.pixels))
        except (UnreadableImageError, MemoryError) as error:
            raise Refusal(422, f"{image.name}: {str(error) or 'there is not enough memory to decode it'}") from error
        own = self._own = self._own or self._copy()
        try:
            found = explain(own, decoded_HWC, top_k=top_k)
        except UsageError as error:
            raise Refusal(422, str(error)) from error
        except ZooError as error:
            raise Refusal(500, f"the network failed: {error}") from error
        return _answer(image.name, decoded_HWC, found, own.classifier.card.classes)

    def _copy(self) -> Predictor:
        classifier = self._predictor.classifier
        try:
            model = copy.deepcopy(classifier.model)
        except Exception as error:  # a network of a plugin may hold anything
            raise Refusal(422, "there are no maps of this network, because it cannot be copied") from error
        # A half-precision network is computed in float32 here, as gradients of it may vanish.
        return Predictor(
            replace(classifier, model=model.float()), device=str(self._predictor.device), precision="fp32", batch_size=1
        )


def _answer(
    name: str, image_HWC: NDArray[np.uint8], found: SaliencyExplanation, classes: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "image": name,
        "seen": _png(image_HWC[..., 0] if image_HWC.shape[2] == 1 else image_HWC),
        "layer": found.layer,
        "rows": found.num_places[0],
        "columns": found.num_places[1],
        "maps": [
            {
                "class": classes[index],
                "probability": probability,
                "map": _png(np.rint(255 * map_HW).astype(np.uint8)),
            }
            for (index, probability), map_HW in zip(found.classes, found.maps_KHW, strict=True)
        ],
    }


def _png(image: NDArray[np.uint8]) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode("ascii")
