"""Every kind of image file has one stated outcome in train and in test; nothing is ever put in its place.

What each kind decodes to is tested in detail in ``test_decoding``; here is what becomes of the dataset. timm's
ImageDataset shows the neighbour in place of a corrupt image.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.data.audits.audit import DatasetAudit
from harness.data.audits.auditing import audit_dataset
from harness.data.images import PreparedData
from harness.data.notes import UnusableImagesError
from harness.data.prepare import prepare_data
from harness.data.settings import DataSettings
from harness.data.splitting import hash_ids
from harness.records.spec import DatasetSpec, ProviderSpec
from zoo.dataset import Dataset, Split, Splits

SIZE = 4
RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def save(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def plain(mode: str, colour: Any, size: int = SIZE) -> Image.Image:
    return Image.new(mode, (size, size), colour)


def turned() -> bytes:
    """Red on the left as stored, and on top upright."""
    image = plain("RGB", BLUE)
    image.paste(RED, (0, 0, SIZE // 2, SIZE))
    exif = Image.Exif()
    exif[0x0112] = 6
    return save(image, "TIFF", exif=exif)


def noise(seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    return save(Image.fromarray(pixels), "PNG")


# The file, and the colours of its upper left and its lower right corner.
READABLE: dict[str, tuple[Callable[[], bytes], tuple[int, int, int], tuple[int, int, int]]] = {
    "1x1": (lambda: save(plain("RGB", (9, 8, 7), 1), "PNG"), (9, 8, 7), (9, 8, 7)),
    "16-bit": (lambda: save(Image.fromarray(np.full((4, 4), 32768, np.uint16)), "PNG"), (128,) * 3, (128,) * 3),
    "1-bit": (lambda: save(plain("1", 1), "PNG"), WHITE, WHITE),
    "grey": (lambda: save(plain("L", 77), "PNG"), (77,) * 3, (77,) * 3),
    "cmyk": (lambda: save(plain("CMYK", (0, 255, 255, 0)), "TIFF"), RED, RED),
    "rgba": (lambda: save(plain("RGBA", (255, 0, 0, 0)), "PNG"), WHITE, WHITE),
    "la": (lambda: save(plain("LA", (0, 0)), "PNG"), WHITE, WHITE),
    "palette": (lambda: save(plain("RGB", BLUE).quantize(2), "PNG"), BLUE, BLUE),
    "exif rotation": (turned, RED, BLUE),
    "animated": (
        lambda: save(plain("RGB", RED), "GIF", save_all=True, append_images=[plain("RGB", BLUE)]), RED, RED,
    ),
}  # fmt: skip

# The file, and what its reason says.
UNREADABLE: dict[str, tuple[Callable[[], bytes], str]] = {
    "truncated jpeg": (lambda: save(Image.effect_noise((64, 64), 90), "JPEG")[:900], "truncated"),
    "text as jpg": (lambda: b"this is no image", "not an image of a known format"),
    "empty file": (lambda: b"", "not an image of a known format"),
    "decompression bomb": (lambda: save(Image.new("1", (20_000, 10_000)), "PNG"), "100,000,000"),
    "floating point": (lambda: save(Image.fromarray(np.zeros((4, 4), np.float32)), "TIFF"), "floating-point"),
    "32-bit": (lambda: save(Image.fromarray(np.full((4, 4), 70_000, np.int32)), "TIFF"), "70,000 is not in 0..65,535"),
}


class Photos:
    """A dataset of 120 training images, some for validation and some for test, one of them of a chosen kind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def plant(self, split: str, content: bytes) -> Path:
        """Put a file among the images of *split*, as its third."""
        self.path, self.split = self.folder / f"{split} ü\n.jpg", split
        self.path.write_bytes(content)
        return self.path

    def _load(self, request: object) -> Splits:
        def split(name: str, count: int) -> Split:
            items: list[bytes | Path] = [noise(len(name) + 1000 * i) for i in range(count)]
            if name == self.split:
                items[2] = self.path
            return Split(encoded=items, labels=np.arange(count) % 2, ids=[f"{name}/{i}" for i in range(count)])

        return Splits(classes=("a", "b"), train=split("train", 120), val=split("validation", 4), test=split("test", 6))

    def _arguments(self) -> tuple[Dataset, DatasetSpec, DataSettings]:
        dataset = Dataset(name="photos", load=self._load, channels=3, image_size=SIZE)
        spec = DatasetSpec(full_name="t/photos", display_name="photos", provider=ProviderSpec(plugin="t"))
        return dataset, spec, DataSettings(data_root=self.folder, cache=self.folder)

    def prepare(self) -> PreparedData:
        return prepare_data(*self._arguments(), report=lambda *_: None)

    def audit(self) -> DatasetAudit:
        return audit_dataset(*self._arguments(), report=lambda *_: None)


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    return Photos(tmp_path)


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("kind", READABLE)
def test_a_kind_that_can_be_read_is_an_image_like_any_other(photos: Photos, kind: str, split: Any) -> None:
    """Row "truncated JPEG, text as .jpg, 1×1, 16-bit, CMYK, RGBA, palette, EXIF rotation, animated …"."""
    make, upper_left, lower_right = READABLE[kind]
    photos.plant(split, make())
    prepared = photos.prepare()
    assert (prepared.num_train, prepared.num_val, prepared.num_test) == (120, 4, 6)
    images = prepared.load(split)
    assert images.samples_N[2] == hash_ids([f"{split}/2"])[0]
    assert images.images_NHWC[2, 0, 0].tolist() == list(upper_left)
    assert images.images_NHWC[2, -1, -1].tolist() == list(lower_right)
    assert photos.audit().problems == ()


@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_kind_that_cannot_be_read_is_left_out_of_train_and_named(photos: Photos, kind: str) -> None:
    """Row "a corrupt image silently replaced by its neighbour (timm ImageDataset)"."""
    make, reason = UNREADABLE[kind]
    path = photos.plant("train", make())
    prepared = photos.prepare()
    assert (prepared.num_train, prepared.num_test) == (119, 6)
    train = prepared.load("train")
    assert hash_ids(["train/2"])[0] not in train.samples_N
    assert len(np.unique(train.images_NHWC.reshape(119, -1), axis=0)) == 119  # no neighbour in its place
    (note,) = [note for note in prepared.notes if note.startswith("1 of 120 training images left out")]
    assert repr(str(path)) in note  # on one line, whatever its name
    assert reason in note
    (unreadable,) = photos.audit().splits[0].unreadable
    assert unreadable.path == str(path)
    assert reason in unreadable.reason


@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_kind_that_cannot_be_read_is_an_error_in_test_that_names_it(photos: Photos, kind: str) -> None:
    """Row "a corrupt image silently replaced by its neighbour (timm ImageDataset)"."""
    make, reason = UNREADABLE[kind]
    path = photos.plant("test", make())
    with pytest.raises(UnusableImagesError) as caught:
        photos.prepare()
    sentence = str(caught.value)
    assert sentence.startswith("1 test image(s) cannot be read, but an evaluation must include all images: ")
    assert repr(str(path)) in sentence
    assert reason in sentence
    assert "\n" not in sentence
    audit = photos.audit()
    assert audit.error == sentence
    assert [each.num_images for each in audit.splits] == [120, 4, 5]


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("kind", ["gone", "link to nothing", "link to itself"])
def test_a_path_without_a_file_is_an_error_that_names_it(photos: Photos, kind: str, split: str) -> None:
    """Row "… unicode and newline file names, symlink loop: each has a stated outcome and a one-sentence message"."""
    path = photos.plant(split, b"")
    path.unlink()
    if kind != "gone":
        path.symlink_to(path if kind == "link to itself" else path.with_name("nothing"))
    with pytest.raises(UnusableImagesError) as caught:
        photos.prepare()
    assert repr(str(path))[1:-1] in str(caught.value)
    assert "\n" not in str(caught.value)
    audit = photos.audit()
    (unreadable,) = [each for part in audit.splits for each in part.unreadable]
    assert unreadable.path == str(path)
