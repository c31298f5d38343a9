"""Classifiers from Python: a trained network with its preparation and classes, which predicts and embeds images.

Shape suffixes: N images, B batch, C channels, H height, W width, K classes, D features.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from harness.classifiers.card import ClassifierCard
from harness.classifiers.formats import LogitsModule
from harness.classifiers.predicting import ImageSource, Predictor, find_images, predict_images
from harness.classifiers.trained import TrainedClassifier
from harness.networks.heads import find_head
from harness.training.evaluation import predict_logits
from zoo.errors import DataError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from harness.batches.forward_settings import Precision

OneImage: TypeAlias = "str | os.PathLike[str] | bytes | Image.Image | NDArray[np.uint8]"
Images: TypeAlias = "OneImage | Iterable[OneImage]"
"""A file, a folder, an encoded image, a PIL image, pixels ``uint8 [H, W, C]`` or ``[H, W]``; or several of them."""


class Classifier(nn.Module):
    """A trained network with its preparation and its classes.

    Called as a module, it maps normalised images ``float32 [B, C, H, W]`` (see :meth:`prepare`) to logits ``[B, K]``.
    ``predict``, ``predict_proba`` and ``embed`` take images as they are, and prepare them as for the test.

    Args:
        trained: The classifier.
        device: Where it runs: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        precision: Numeric precision; None: as in testing.
        batch_size: Images per batch; None: as in testing.
    """

    def __init__(
        self,
        trained: TrainedClassifier,
        *,
        device: str = "auto",
        precision: Precision | None = None,
        batch_size: int | None = None,
    ) -> None:
        super().__init__()
        self._predictor = Predictor(trained, device=device, precision=precision, batch_size=batch_size)
        self.network = LogitsModule(trained)
        self.eval()

    @property
    def card(self) -> ClassifierCard:
        """The network, its input and its classes, as plain data."""
        return self._predictor.classifier.card

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the logits."""
        return self.card.classes

    @property
    def notes(self) -> tuple[str, ...]:
        """What differs here from the training environment, a sentence each."""
        return self._predictor.classifier.notes

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return the logits ``[B, K]`` of normalised images."""
        logits_BK: Tensor = self.network(images_BCHW)
        return logits_BK

    def prepare(self, images: Images) -> Tensor:
        """Return images as the network takes them: ``float32 [N, C, H, W]``, resized and normalised, on its device.

        Raises:
            DataError: If an image cannot be read.
        """
        settings = self._predictor.settings
        pixels = torch.from_numpy(self._decoded(images)).permute(0, 3, 1, 2).to(settings.device)
        return settings.normalizer()(pixels)

    def predict(
        self,
        images: Images,
        *,
        top_k: int = 1,
        reject_below: float | str | None = None,
        workers: int | None = None,
    ) -> pd.DataFrame:
        """Return the most probable classes of images, with the columns of ``zoo predict --format csv``.

        Args:
            images: Files, folders (searched recursively), encoded images, PIL images or pixels.
            top_k: Number of classes for each image.
            reject_below: Answer only images with at least this probability (``0.9``), or with this accuracy on
                validation images (``"95%"``); None: all.
            workers: Decoding threads; None: one per core.

        Returns:
            One row for each image: ``image``, ``class_1``, ``probability_1`` …, and ``problem``, which gives the reason
            if an image cannot be read or is not answered, and is empty otherwise.

        Raises:
            UsageError: If *top_k* or *reject_below* is neither, or no threshold gives the accuracy.
            StoreError: If an accuracy is asked for, and the classifier has no validation predictions.
        """
        import pandas as pd

        from harness.classifiers.rejecting import rejection_of

        top_k = count_of("top_k", top_k, most=len(self.classes))
        workers = None if workers is None else count_of("workers", workers)
        folder = self._predictor.classifier.folder
        rejection = None if reject_below is None else rejection_of(str(reject_below), folder)
        predictions = predict_images(self._predictor, _sources(images), num_workers=workers)
        rows = []
        for prediction in predictions if rejection is None else rejection.apply(predictions):
            row: dict[str, Any] = {"image": prediction.name}
            top = [] if prediction.logits_K is None else prediction.top(top_k)
            for place in range(top_k):
                index, probability = top[place] if top else (None, None)
                row[f"class_{place + 1}"] = None if index is None else self.classes[index]
                row[f"probability_{place + 1}"] = probability
            rows.append({**row, "problem": prediction.problem})
        names = [f"{name}_{place + 1}" for place in range(top_k) for name in ("class", "probability")]
        return pd.DataFrame(rows, columns=["image", *names, "problem"])

    def predict_proba(self, images: Images) -> NDArray[np.float64]:
        """Return the probabilities ``[N, K]`` of all classes.

        Raises:
            DataError: If an image cannot be read; :meth:`predict` goes on without it.
        """
        logits_NK = self._predictor.logits(self._decoded(images)).astype(np.float64)
        shares_NK = np.exp(logits_NK - logits_NK.max(axis=1, keepdims=True))
        probabilities_NK: NDArray[np.float64] = shares_NK / shares_NK.sum(axis=1, keepdims=True)
        return probabilities_NK

    def embed(self, images: Images) -> NDArray[np.float32]:
        """Return the features ``[N, D]`` that the network's head turns into logits; maps are averaged over places.

        Raises:
            DataError: If an image cannot be read.
            TrialError: If the network has no head that can be found.
        """
        from harness.data.images import ImageSet

        images_NHWC = self._decoded(images)
        count = len(images_NHWC)
        parts: list[Tensor] = []
        held: list[Tensor] = []
        model = self._predictor.classifier.model
        (head, *_) = find_head(model)
        handle = head.register_forward_pre_hook(lambda module, inputs: held.append(inputs[0]))

        def run(network: nn.Module, images_BCHW: Tensor) -> Tensor:
            held.clear()
            logits_BK: Tensor = network(images_BCHW)
            # After the pass, so that one that runs out of memory and is repeated counts once.
            features = held[-1].float()
            parts.append((features.mean(dim=(2, 3)) if features.ndim == 4 else features.flatten(1)).cpu())
            return logits_BK

        try:
            predict_logits(
                model,
                ImageSet(
                    images_NHWC=images_NHWC,
                    labels_N=np.zeros(count, dtype=np.int64),
                    samples_N=np.zeros(count, dtype=np.uint64),
                ),
                self._predictor.settings,
                batch_size=self._predictor.batch_size,
                predict=run,
            )
        finally:
            handle.remove()
        features_ND: NDArray[np.float32] = torch.cat(parts).numpy()
        return features_ND

    def _decoded(self, images: Images) -> NDArray[np.uint8]:
        from harness.data.image_files.opening import UnreadableImageError, quiet_pillow

        decoded = []
        with quiet_pillow():
            for source in _sources(images):
                if source.image is None:
                    raise DataError(f"{source.name}: {source.problem}")
                try:
                    decoded.append(self._predictor.decode(source.image))
                except UnreadableImageError as error:
                    raise DataError(f"{source.name}: {error}") from error
        if not decoded:
            raise DataError("there are no images to classify")
        return np.stack(decoded)

    def extra_repr(self) -> str:
        """Return the title, the classes and the input size."""
        card = self.card
        return f"{card.title!r}, classes={len(card.classes)}, image_size={card.image_size}"

    def _repr_html_(self) -> str:
        import html

        card = self.card
        facts = {
            "network": card.architecture.display_name,
            "input": f"{card.channels} × {card.image_size} × {card.image_size}",
            "classes": ", ".join(card.classes[:10]) + (" …" if len(card.classes) > 10 else ""),
            "device": str(self._predictor.device),
        }
        rows = "".join(f"<tr><th>{name}</th><td>{html.escape(value)}</td></tr>" for name, value in facts.items())
        return f"<table><caption>{html.escape(card.title)}</caption>{rows}</table>"


def _sources(images: Images) -> Iterator[ImageSource]:
    """Yield images: names of files and folders as ``zoo predict`` takes them, and anything in memory as PNG."""
    several: Iterable[OneImage]
    if isinstance(images, str | os.PathLike | bytes | Image.Image):
        several = [images]
    elif isinstance(images, np.ndarray):
        several = list(images) if images.ndim == 4 else [images]
    else:
        several = images
    for number, each in enumerate(several):
        if isinstance(each, str | os.PathLike):
            yield from find_images([os.fspath(each)])
        elif isinstance(each, bytes):
            yield ImageSource(name=str(number), image=each)
        else:
            yield ImageSource(name=str(number), image=_encoded(each, number))


def _encoded(image: object, number: int) -> bytes:
    if isinstance(image, Tensor):
        image = image.numpy()
    if isinstance(image, np.ndarray):
        if str(image.dtype) != "uint8" or image.ndim not in (2, 3):
            raise UsageError(
                f"image {number} is {image.dtype} {list(image.shape)}: pixels must be uint8 [H, W] or [H, W, C]"
            )
        image = Image.fromarray(image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image)
    if not isinstance(image, Image.Image):
        raise UsageError(f"image {number} is {type(image).__name__}: give files, PIL images or uint8 arrays")
    file = io.BytesIO()
    image.save(file, format="PNG", compress_level=1)
    return file.getvalue()


def count_of(name: str, value: object, *, most: int | None = None) -> int:
    """Return a count, at most *most*.

    Raises:
        UsageError: If it is not a whole number of at least 1.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"{name} = {value}: expected a whole number of at least 1")
    return value if most is None else min(value, most)
