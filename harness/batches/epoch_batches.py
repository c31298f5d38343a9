"""Epoch batches: training images in the order of an epoch, augmented, normalised and mixed.

All draws derive from (seed, epoch, purpose). Shape suffixes: N images of an epoch, B batch, L images loaded
for it, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from harness.batches.ahead import one_ahead
from harness.batches.augmentation import AlternatingFlip, Mixing, augment, changes_images
from harness.batches.augmentation.draws import BatchGenerator
from harness.batches.device_copy import copier_for
from harness.batches.device_images import DeviceImages, batch_sizes, epoch_order, offsets
from harness.batches.forward_settings import ForwardSettings
from harness.batches.photograph_crops import CropSettings, PhotographCrops
from harness.batches.rank_share import BatchShare
from harness.batches.resizing import progressive_side
from harness.data.images import ImageSet, PreparedData
from harness.faults.errors import TrialError
from harness.randomness import derive_seed, make_generator
from harness.records.record import FailureKind
from harness.system.cores import usable_threads
from zoo.calling.signatures import accepted
from zoo.hyperparameters import Hyperparameters
from zoo.preparation import Interpolation
from zoo.recipe import Recipe

_CROP_FILTERS: dict[Interpolation, Literal["nearest", "bilinear", "bicubic"]] = {
    "nearest": "nearest",
    "bilinear": "bilinear",
    "bicubic": "bicubic",
    "lanczos": "bicubic",  # which torch does not have
}
"""Filter that random resized crops are scaled with, for each filter of a preparation."""


class EpochBatches:
    """The batches of each epoch of a training.

    Args:
        images: The training images.
        hp: The batch size, sampling and augmentation.
        settings: The device and how images are normalised.
        rows_of: Maps a batch size to the rows of the batch that this rank trains on; None: all.
        data: *images* on the device, if they are there already.

    Raises:
        TrialError: If there are too few images for a training step.
    """

    def __init__(
        self,
        images: ImageSet,
        recipe: Recipe,
        hp: Hyperparameters,
        *,
        prepared: PreparedData,
        seed: int,
        settings: ForwardSettings,
        rows_of: Callable[[int], list[int]] | None = None,
        data: DeviceImages | None = None,
    ) -> None:
        self.sizes = batch_sizes(len(images), hp.batch_size)
        self.num_images = len(images)
        self._starts = offsets(self.sizes)
        self._recipe, self._hp, self._prepared = recipe, hp, prepared
        device = settings.device
        self._seed, self._device, self._rows_of = seed, device, rows_of
        self._labels_N = images.labels_N
        self._normalize = settings.normalizer()
        # Photographs come cropped and mirrored.
        cropped = images.whole is not None and hp.random_resized_crop < 1
        self._rest = hp.model_copy(update={"random_resized_crop": 1.0, "flip": False}) if cropped else hp
        may_flip = prepared.mirror_symmetric
        untouched = recipe.augment is None and not changes_images(self._rest, may_flip=may_flip)
        self._normalizes_crops = cropped and untouched and device.type == "cpu"
        self._crops = self._photograph_crops(images)
        resident = None if self._crops is None else False
        self._data = data or DeviceImages(images, device, resident=resident, trials_on_device=settings.trials_on_device)
        self.resident_bytes = self._data.resident_bytes
        fill_C = [round(255 * mean) for mean in settings.normalization.mean]
        self._fill_C = torch.tensor(fill_C, dtype=torch.uint8, device=device)
        alternates = hp.flip_mode == "alternating"
        self._alternating = AlternatingFlip(self.num_images, seed=seed, device=device) if alternates else None
        self.mixes = hp.mixup_alpha > 0 or hp.cutmix_alpha > 0
        self.has_own_targets = False
        """Whether the recipe's own augmentation has returned targets."""
        # A recipe's own augmentation draws only for the images that it is given, so it must be given whole batches.
        self._loads_whole_batches = recipe.augment is not None
        # Only with what draws from generators of its own, and where a core is left for it.
        one_thread = device.type == "cpu" and torch.get_num_threads() == 1
        self._makes_ahead = one_thread and recipe.augment is None and usable_threads() > 1

    def some(self, most: int) -> Tensor:
        """Return up to *most* random images, always the same ones, normalised but not augmented."""
        some_N = epoch_order(self._labels_N, "shuffle", seed=self._seed, epoch=0)[:most]
        images_BCHW, _ = next(self._data.batches(some_N, [len(some_N)]))
        return self._normalize(images_BCHW)

    def of_epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield ``(images_BCHW, targets, labels_B)`` for each batch of an epoch, counted from 1.

        Targets are the labels, or probabilities ``[B, K]`` with mixup or CutMix. A network that trains with one thread
        on a CPU gets batches that a second thread makes meanwhile.
        """
        batches = self._made(epoch)
        return one_ahead(batches) if self._makes_ahead else batches

    def _made(self, epoch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        hp, device = self._hp, self._device
        order_N = epoch_order(self._labels_N, hp.sampling, seed=self._seed, epoch=epoch)
        flip_N = None if self._alternating is None else self._alternating.of_epoch(epoch, order_N)
        mixing = self._mixing(epoch)
        shares = self._shares()
        generator: torch.Generator = make_generator(device, self._seed, "augmentation", epoch)
        if shares is not None and not self._loads_whole_batches:
            generator = BatchGenerator(device=device)
            generator.manual_seed(derive_seed(self._seed, "augmentation", epoch))
        side = progressive_side(self._data.image_size[0], hp, epoch)
        may_flip = self._prepared.mirror_symmetric
        for index, (raw_BCHW, labels_B) in enumerate(self._loaded(order_N, shares, epoch, flip_N)):
            start, share = self._starts[index], None if shares is None else shares[index]
            flip_B = None if flip_N is None else flip_N[start : start + self.sizes[index]]
            if share is not None:
                flip_B = None if flip_B is None else flip_B[share.loaded_L]
                if isinstance(generator, BatchGenerator):
                    generator.batch, generator.rows_B = share.batch, share.loaded_L
            if not self._normalizes_crops:
                raw_BCHW = augment(
                    raw_BCHW, generator, self._rest, may_flip=may_flip, fill_C=self._fill_C, flip_B=flip_B
                )
            targets = None
            if self._recipe.augment is not None:
                raw_BCHW, targets = self._augmented(raw_BCHW, labels_B, generator)
            if targets is not None:
                if share is not None:
                    raw_BCHW, targets, labels_B = share.own(raw_BCHW), share.own(targets), share.own(labels_B)
                yield self._input(raw_BCHW, side), targets, labels_B
            elif mixing is not None:
                images_BCHW, targets = mixing.apply(self._input(raw_BCHW, side), labels_B, start=start, share=share)
                yield images_BCHW, targets, labels_B if share is None else share.own(labels_B)
            else:
                if share is not None and len(share.rows_B) < len(raw_BCHW):
                    raw_BCHW, labels_B = share.own(raw_BCHW), share.own(labels_B)
                yield self._input(raw_BCHW, side), labels_B, labels_B

    def _input(self, raw_BCHW: Tensor, side: int) -> Tensor:
        """Return normalised images with *side* pixels."""
        images_BCHW = raw_BCHW if self._normalizes_crops else self._normalize(raw_BCHW)
        if side == images_BCHW.shape[2]:
            return images_BCHW
        return functional.interpolate(images_BCHW, (side, side), mode="bilinear", antialias=True)

    def _loaded(
        self, order_N: Tensor, shares: list[BatchShare] | None, epoch: int, flip_N: Tensor | None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        positions_M, sizes = None, self.sizes
        if shares is not None:
            parts = [start + share.loaded_L.cpu() for start, share in zip(self._starts, shares, strict=True)]
            positions_M, sizes = torch.cat(parts), [len(part) for part in parts]
        if self._crops is not None:
            return self._crops.batches(order_N, sizes, epoch=epoch, positions_M=positions_M, mirrored_N=flip_N)
        return self._data.batches(order_N if positions_M is None else order_N[positions_M], sizes)

    def _photograph_crops(self, images: ImageSet) -> PhotographCrops | None:
        """Return crops of the whole images, if there are any and the recipe asks for them."""
        if images.whole is None or self._hp.random_resized_crop == 1:
            return None
        settings = CropSettings(
            size=self._prepared.image_size,
            smallest_area=self._hp.random_resized_crop,
            interpolation=_CROP_FILTERS[self._prepared.view.interpolation or "bicubic"],
            mirror=self._hp.flip and self._prepared.mirror_symmetric,
        )
        return PhotographCrops(
            images.whole,
            images.labels_N,
            settings,
            channels=self._prepared.channels,
            seed=self._seed,
            copier=None if self._device.type == "cpu" else copier_for(self._device),
            normalizer=self._normalize if self._normalizes_crops else None,
        )

    def _augmented(
        self, images_BCHW: Tensor, labels_B: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor | None]:
        """Return the images of the recipe's own augmentation, and its targets if it returns some.

        Raises:
            TrialError: If targets are not probabilities ``[B, K]``, or come together with mixup or CutMix.
        """
        own, num_classes = self._recipe.augment, len(self._prepared.classes)
        assert own is not None
        offered = {"labels_B": labels_B, "num_classes": num_classes}
        result = own(images_BCHW, generator, self._hp, **accepted(own, offered))
        if not isinstance(result, tuple):
            return result, None
        images_BCHW, targets = result
        self.has_own_targets = True
        if self.mixes:
            raise TrialError(
                FailureKind.PLUGIN,
                "augment returns targets, which mixup and CutMix would replace: set mixup_alpha and cutmix_alpha to 0",
            )
        if list(targets.shape) != [len(images_BCHW), num_classes] or not targets.is_floating_point():
            raise TrialError(
                FailureKind.PLUGIN,
                f"augment returned targets {list(targets.shape)}, "
                f"not probabilities [{len(images_BCHW)}, {num_classes}]",
            )
        return images_BCHW, targets

    def _shares(self) -> list[BatchShare] | None:
        if self._rows_of is None:
            return None
        of_size = {
            size: BatchShare.of(
                self._rows_of(size),
                batch=size,
                with_neighbours=self.mixes,
                whole=self._loads_whole_batches,
                device=self._device,
            )
            for size in set(self.sizes)
        }
        return [of_size[size] for size in self.sizes]

    def _mixing(self, epoch: int) -> Mixing | None:
        if not self.mixes:
            return None
        return Mixing(
            mixup_alpha=self._hp.mixup_alpha,
            cutmix_alpha=self._hp.cutmix_alpha,
            num_images=self.num_images,
            num_classes=len(self._prepared.classes),
            seed=self._seed,
            epoch=epoch,
            device=self._device,
        )
