"""Given images: whatever people have becomes the same dataset, kept by its content."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset

import zoo
from zoo.api.given.images import encoded, keep_images
from zoo.errors import DataError, UsageError

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6, 5, 7, 3), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


class Pairs:
    """A dataset as torch has them."""

    classes = ("a", "b", "c")

    def __init__(self, transform: Any = lambda image: image) -> None:
        self.transform = transform

    def __len__(self) -> int:
        return len(LABELS)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.transform(PIXELS[index]), int(LABELS[index])


class Table:
    """A dataset as Hugging Face has them."""

    column_names = ("img", "label")

    @property
    def features(self) -> dict[str, Any]:
        return {"label": SimpleNamespace(names=["a", "b", "c"])}

    def __iter__(self) -> Any:
        for image, label in zip(PIXELS, LABELS, strict=True):
            yield {"img": Image.fromarray(image), "label": int(label)}


def chw(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)


@pytest.mark.parametrize(
    "given",
    [
        Pairs(),
        Pairs(Image.fromarray),
        Pairs(chw),
        Pairs(lambda image: chw(image).float() / 255),
        Table(),
        DataLoader(Pairs(), batch_size=2, shuffle=True),
        {"train": Table()},
    ],
    ids=["arrays", "PIL", "uint8 tensors", "float tensors", "Hugging Face", "DataLoader", "splits"],
)
def test_all_that_people_have_is_the_same_dataset(given: Any) -> None:
    assert keep_images(given) == keep_images(Pairs())


def test_pixels_labels_and_names_come_back() -> None:
    splits = zoo.load_dataset(keep_images({"train": Pairs(), "validation": Pairs(), "test": Table()}, name="My Set"))
    assert splits.classes == ("a", "b", "c")
    assert splits.val is not None
    assert splits.test is not None
    for split in (splits.train, splits.val, splits.test):
        assert split.labels.tolist() == LABELS.tolist()
        read = [np.asarray(Image.open(io.BytesIO(bytes(each)))) for each in split.encoded or ()]
        assert np.array_equal(np.stack(read), PIXELS)


def test_arrays_with_strings_or_numbers_as_labels() -> None:
    names = ["cat", "dog", "cat", "dog", "cat", "dog"]
    assert zoo.load_dataset(keep_images((PIXELS, names))).classes == ("cat", "dog")
    grey = zoo.load_dataset(keep_images((PIXELS[..., 0], LABELS)))
    assert grey.classes == ("0", "1", "2")
    tensors = TensorDataset(torch.from_numpy(PIXELS).permute(0, 3, 1, 2), torch.from_numpy(LABELS))
    assert keep_images(tensors) == keep_images((PIXELS, LABELS))


def test_the_name_follows_the_content() -> None:
    name = keep_images((PIXELS, LABELS), name="plants")
    assert name.startswith("given:plants-")
    assert keep_images((PIXELS, LABELS), name="plants") == name
    changed = PIXELS.copy()
    changed[0, 0, 0, 0] ^= 1
    assert keep_images((changed, LABELS), name="plants") != name
    assert keep_images((PIXELS, LABELS[::-1].copy()), name="plants") != name


def test_random_transforms_are_marked() -> None:
    noisy = Pairs(lambda image: image ^ RNG.integers(0, 2, image.shape, dtype=np.uint8))
    told: list[str] = []
    (note,) = zoo.load_dataset(keep_images(noisy, note=told.append)).notes
    assert "differ from reading to reading" in note
    assert told == [note]
    assert zoo.load_dataset(keep_images(Pairs())).notes == ()


def test_files_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(PIXELS[0]).save(path)
    assert encoded(path, "it") == encoded(str(path), "it") == encoded(path.read_bytes(), "it") == path.read_bytes()


@pytest.mark.parametrize(
    ("given", "kind", "sentence"),
    [
        (3, UsageError, "data is int: give"),
        ([3], UsageError, "an item of type int, not a pair"),
        ({"trane": Pairs()}, UsageError, "data has a split 'trane'"),
        ({"test": Pairs()}, UsageError, "no train split"),
        ((PIXELS, LABELS[:2]), DataError, "6 images and 2 labels"),
        (Pairs(lambda image: chw(image).float() - 100), DataError, "leave Normalize out"),
        (Pairs(lambda image: image[0, 0]), DataError, r"image 0 of the train split is uint8 \[3\]|uint8 \[3\]"),
        ((PIXELS, LABELS + 0.5), DataError, "has the label 0.5"),
        ((PIXELS[:0], LABELS[:0]), DataError, "the train split has no images"),
        ([("absent.png", 0)], DataError, "absent.png cannot be read"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(given: Any, kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind, match=sentence):
        keep_images(given)


def test_images_that_left_the_cache_are_told() -> None:
    with pytest.raises(DataError, match=r"given: absent-1 is not in the cache: call zoo\.bench again"):
        zoo.load_dataset("given:absent-1")
