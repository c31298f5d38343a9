"""RandAugment and TrivialAugment: each operation is torchvision's, and each image draws its own."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as reference
from torch import Tensor

from harness.batches.augmentation.randaugment import (
    RANDAUGMENT,
    TRIVIALAUGMENT,
    Operation,
    apply_operations,
    random_operations,
)

from .sample_images import FILL_C, generator, smooth_images, some_images


def apply(operation: Operation, images_BCHW: Tensor, strength: float) -> Tensor:
    batch = len(images_BCHW)
    operation_B, strength_B = torch.full((batch,), int(operation)), torch.full((batch,), strength)
    return apply_operations(images_BCHW, operation_B, strength_B, FILL_C)


@pytest.mark.parametrize("operation", list(Operation))
def test_strength_zero_leaves_images_as_they_are(operation):
    images_BCHW = some_images()
    if operation is Operation.AUTO_CONTRAST:  # has no strength
        images_BCHW = images_BCHW.clone()
        images_BCHW[:, :, 0, :2] = torch.tensor([0, 255], dtype=torch.uint8)
    assert torch.equal(apply(operation, images_BCHW, 0.0), images_BCHW)


@pytest.mark.parametrize(
    ("operation", "theirs", "tolerance"),
    [
        (Operation.BRIGHTNESS, lambda image, s: reference.adjust_brightness(image, 1 + RANDAUGMENT.factor * s), 1),
        (Operation.CONTRAST, lambda image, s: reference.adjust_contrast(image, 1 + RANDAUGMENT.factor * s), 2),
        (Operation.SATURATION, lambda image, s: reference.adjust_saturation(image, 1 + RANDAUGMENT.factor * s), 2),
        (Operation.SHARPNESS, lambda image, s: reference.adjust_sharpness(image, 1 + RANDAUGMENT.factor * s), 2),
        (Operation.POSTERIZE, lambda image, s: reference.posterize(image, 8 - round(4 * abs(s))), 0),
        (Operation.SOLARIZE, lambda image, s: reference.solarize(image, 256 * (1 - abs(s))), 0),
        (Operation.AUTO_CONTRAST, lambda image, s: reference.autocontrast(image), 1),
        (Operation.IDENTITY, lambda image, s: image, 0),
    ],
    ids=lambda value: value.name.lower() if isinstance(value, Operation) else "",
)
@pytest.mark.parametrize("strength", [-1.0, -0.3, 0.25, 1.0])
def test_operations_on_pixels_are_torchvisions(operation, theirs, tolerance, strength):
    images_BCHW = some_images()
    result_BCHW = apply(operation, images_BCHW, strength)
    for image, result in zip(images_BCHW, result_BCHW, strict=True):
        assert int((result.int() - theirs(image, strength).int()).abs().max()) <= tolerance


@pytest.mark.parametrize("strength", [-1.0, 0.5])
@pytest.mark.parametrize("operation", [Operation.ROTATE, Operation.TRANSLATE_X, Operation.TRANSLATE_Y])
def test_operations_on_places_are_torchvisions(operation, strength):
    images_BCHW = smooth_images()
    side = images_BCHW.shape[-1]
    settings = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0]}
    if operation is Operation.ROTATE:
        settings["angle"] = math.degrees(RANDAUGMENT.angle * strength)
    else:
        # torchvision shifts by whole pixels, and the image where ours shifts the window.
        shift = 14
        strength = math.copysign(shift / (RANDAUGMENT.shift * side), strength)
        moved = -int(math.copysign(shift, strength))
        settings["translate"] = [moved, 0] if operation is Operation.TRANSLATE_X else [0, moved]
    result_BCHW = apply(operation, images_BCHW, strength)
    candidates = []
    for sign in (1, -1):  # which way a positive angle turns is drawn anyway
        turned = {**settings, "angle": sign * settings["angle"]}
        expected_BCHW = reference.affine(
            images_BCHW.float(), **turned, interpolation=reference.InterpolationMode.BILINEAR, fill=FILL_C.tolist()
        )
        # Where the image ends torchvision's fill is hard and ours soft: look at what is inside for both.
        inner = slice(6, -6) if operation is Operation.ROTATE else slice(None)
        candidates.append(float((result_BCHW.float() - expected_BCHW)[:, :, inner, inner].abs().mean()))
    assert min(candidates) < 0.5


def test_shears_move_rows_or_columns_in_proportion_to_their_distance_from_the_middle():
    images_BCHW = torch.zeros(1, 3, 33, 33, dtype=torch.uint8)
    images_BCHW[:, :, :, 16] = 200  # an upright line
    sheared = apply(Operation.SHEAR_X, images_BCHW, 1.0)[0, 0].float()
    sheared = torch.where(sheared > 60, sheared, 0.0)[2:-2]
    sheared[:, [0, -1]] = 0
    place = (sheared[:, 8:25] * torch.arange(8, 25)).sum(1) / sheared[:, 8:25].sum(1)
    slope = np.polyfit(np.arange(len(place)), place.numpy(), 1)[0]
    assert abs(slope) == pytest.approx(0.3, abs=0.03)
    assert torch.equal(apply(Operation.SHEAR_Y, images_BCHW.mT, 1.0), apply(Operation.SHEAR_X, images_BCHW, 1.0).mT)


def test_each_image_draws_its_own_operation():
    image = some_images(1)
    images_BCHW = image.expand(400, 3, 16, 16)
    result_BCHW = random_operations(images_BCHW, generator(), operations=1, magnitude=0.5, fill_C=FILL_C)
    different = {bytes(result.contiguous().numpy()) for result in result_BCHW}
    # Of 13 operations, 2 have no strength and 2 no sign: 9 x 2 + 4 results, less where the size alone counts.
    assert 18 <= len(different) <= 22
    kept = sum(torch.equal(result, image[0]) for result in result_BCHW)
    assert abs(kept - 400 / 13) < 5 * math.sqrt(400 / 13)


def test_trivialaugment_goes_further_than_randaugment():
    ratios = {
        name: getattr(TRIVIALAUGMENT, name) / getattr(RANDAUGMENT, name) for name in ("shear", "angle", "bits_cut")
    }
    assert ratios == pytest.approx({"shear": 3.3, "angle": 4.5, "bits_cut": 1.5})
    far_BCHW = apply_operations(
        some_images(1), torch.tensor([int(Operation.TRANSLATE_X)]), torch.ones(1), FILL_C, magnitudes=TRIVIALAUGMENT
    )
    assert bool((far_BCHW == FILL_C.view(3, 1, 1)).all())  # 32 pixels of 16 leave nothing
