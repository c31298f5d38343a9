"""Fitting images into squares: odd shapes, and the pixels of other libraries' transforms (issue 17).

The published configurations of timm and torchvision are compared in ``tests/plugins/architectures``.
"""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageOps

from harness.data.image_files.decoding import decode, fit_array
from harness.data.image_files.fitting import fit_image
from zoo.preparation import USUAL, Preparation


def picture(width: int, height: int, mode: str = "RGB") -> Image.Image:
    rng = np.random.default_rng(width * height)
    coarse = rng.integers(0, 256, (max(2, height // 9), max(2, width // 9), len(mode)), dtype=np.uint8)
    image = Image.fromarray(coarse if len(mode) > 1 else coarse[..., 0])
    return image.resize((width, height), Image.Resampling.BICUBIC)


CASES = [
    Preparation(size=size, fit=fit, crop_share=share, interpolation=how)  # type: ignore[arg-type]
    for fit in ("crop", "squash", "pad")
    for size, share, how in (
        (160, 0.875, "bicubic"), (224, 1.0, "bilinear"), (225, 0.9, "bicubic"), (299, 0.95, "bilinear"),
        (320, 0.965, "bicubic"), (448, 1.0, "bicubic"), (97, 0.89, "lanczos"), (32, 0.7, "nearest"),
    )
]  # fmt: skip
SHAPES = [(500, 375), (375, 500), (333, 517), (1, 1), (3, 700), (641, 101), (224, 224), (256, 256)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_pixels_equal_those_of_timms_transforms(case: Preparation) -> None:
    from timm.data import create_transform

    mode = {"crop": "center", "squash": "squash", "pad": "border"}[case.fit or ""]
    assert case.size is not None
    reference = create_transform(
        (3, case.size, case.size),
        crop_pct=case.crop_share,
        crop_mode=mode,
        interpolation=case.interpolation,
        mean=(0.2, 0.4, 0.6),
        normalize=False,
    )
    case = replace(case, fill=(51, 102, 153))
    for shape in SHAPES[: 4 if case.size > 300 else None]:
        if case.fit == "pad" and min(shape) / max(shape) < 0.01:
            continue  # timm would scale the shorter side to nothing
        image = picture(*shape)
        assert (fit_image(image, case) == np.asarray(reference(image)).transpose(1, 2, 0)).all(), shape


@pytest.mark.parametrize("kind", ["grey", "EXIF", "alpha", "palette", "CMYK"])
def test_kinds_of_files_are_decoded_first_and_then_fitted(kind: str) -> None:
    from timm.data import create_transform

    reference = create_transform((3, 64, 64), crop_pct=0.9, interpolation="bicubic", normalize=False)
    how = Preparation(size=64, crop_share=0.9, interpolation="bicubic")
    file, channels = io.BytesIO(), 3
    if kind == "grey":
        image, channels = picture(90, 71, "L"), 1
        image.save(file, "PNG")
    elif kind == "EXIF":
        exif = Image.Exif()
        exif[0x0112] = 6
        picture(90, 71).save(file, "JPEG", exif=exif, quality=95)
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(file.getvalue())))
        assert image.size == (71, 90)
    elif kind == "alpha":
        image = picture(90, 71, "RGBA")
        image.save(file, "PNG")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    elif kind == "palette":
        picture(90, 71).quantize(17).save(file, "PNG")
        image = Image.open(io.BytesIO(file.getvalue())).convert("RGB")
    else:
        picture(90, 71).convert("CMYK").save(file, "JPEG", quality=95)
        image = Image.open(io.BytesIO(file.getvalue())).convert("RGB")
    expected = np.asarray(reference(image)).transpose(1, 2, 0)
    found = decode(file.getvalue(), channels=channels, preparation=how)
    assert np.abs(found.astype(int) - expected).max() <= (0 if kind != "EXIF" else 1)


def test_arrays_are_fitted_as_files_are() -> None:
    for how in CASES[::5]:
        image = picture(120, 77)
        assert (fit_array(np.asarray(image), channels=3, preparation=how) == fit_image(image, how)).all()
    exact = np.asarray(picture(32, 32))
    assert fit_array(exact, channels=3, preparation=Preparation(size=32)) is exact
    assert not np.array_equal(fit_array(exact, channels=3, preparation=Preparation(size=32, crop_share=0.8)), exact)


def test_padding_shows_the_whole_picture_on_the_colour_and_squashing_all_of_it_without() -> None:
    image = Image.new("RGB", (90, 30), (0, 0, 0))
    image.paste((255, 0, 0), (0, 0, 15, 30))
    padded = fit_image(image, Preparation(size=30, fit="pad", interpolation="nearest", fill=(7, 8, 9)))
    assert padded[:, :, 0].tolist() == [[7] * 30] * 10 + [[255] * 5 + [0] * 25] * 10 + [[7] * 30] * 10
    squashed = fit_image(image, Preparation(size=30, fit="squash", interpolation="nearest"))
    assert squashed[:, :, 0].tolist() == [[255] * 5 + [0] * 25] * 30
    cropped = fit_image(image, Preparation(size=30, fit="crop"))
    assert not cropped.any()
    assert fit_image(image.convert("L"), Preparation(size=30, fit="pad"))[0, 0].tolist() == [128]


def test_without_antialiasing_single_pixels_are_sampled() -> None:
    stripes = Image.fromarray(np.tile(np.array([0, 255], dtype=np.uint8), (64, 32)))
    smooth = fit_image(stripes, Preparation(size=16, interpolation="bilinear"))
    sharp = fit_image(stripes, Preparation(size=16, interpolation="bilinear", antialias=False))
    assert np.ptp(smooth[:, 1:-1]) < 5
    assert sharp.shape == smooth.shape == (16, 16, 1)
    assert not np.array_equal(sharp, smooth)


def test_what_is_left_open_is_as_usual() -> None:
    image = picture(50, 40)
    assert (fit_image(image, Preparation(size=20)) == fit_image(image, replace(USUAL, size=20))).all()
