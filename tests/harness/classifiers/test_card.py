"""Cards: what a classifier needs beside its weights survives a file, and nonsense is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.classifiers.card import METADATA_KEY, ClassifierCard, preparation_fields
from harness.classifiers.trained import load_trained
from harness.records.spec import ArchitectureSpec, ProviderSpec
from zoo import Catalog
from zoo.errors import StoreError
from zoo.preparation import USUAL, Preparation


@pytest.fixture(scope="module")
def trial(train_trial: Callable[..., Path], catalog: Catalog) -> Path:
    return train_trial(catalog)


def test_nonsense_in_a_card_is_one_sentence(trial: Path, catalog: Catalog) -> None:
    card = load_trained(trial, catalog).card
    for nonsense in ('{"image_size": 0}', "[]", card.model_dump_json().replace('"channels":3', '"channels":1')):
        with pytest.raises(StoreError, match="x does not describe a classifier"):
            ClassifierCard.parse(nonsense, origin="x")


def card(**changes: Any) -> ClassifierCard:
    provider = ProviderSpec(plugin="a test")
    given: dict[str, Any] = {
        "title": "colours",
        "architecture": ArchitectureSpec(full_name="test/net", display_name="net", provider=provider),
        "classes": ("red", "green"),
        "image_size": 8,
        "channels": 1,
        "mean": (0.5,),
        "std": (0.25,),
    }
    return ClassifierCard(**{**given, **changes})


def test_a_card_is_read_back_from_the_metadata_of_a_file() -> None:
    written = card(title="Farben · Größe", precision="bf16").metadata()
    assert ClassifierCard.parse(written[METADATA_KEY], origin="x") == card(title="Farben · Größe", precision="bf16")


@pytest.mark.parametrize(
    "changes", [{"channels": 3}, {"std": (-1.0,)}, {"mean": (float("nan"),)}, {"classes": ("one",)}, {"channels": 2}]
)
def test_a_card_that_cannot_be_used_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        card(**changes)


def test_a_card_of_an_earlier_version_is_prepared_as_usual() -> None:
    statistics = Preparation(size=8, mean=(0.5,), std=(0.25,))
    assert card().preparation == statistics.over(USUAL)


@pytest.mark.parametrize(
    ("preparation", "words"),
    [
        (
            Preparation(size=8, crop_share=0.8, interpolation="bilinear"),
            "shorter side scaled to 10 pixels, bilinear and antialiased; centre 8×8 pixels cropped",
        ),
        (
            Preparation(size=8, fit="pad", fill=(9,)),
            "longer side scaled to 8 pixels, bicubic and antialiased; padded to a square with the colour 9, 9, 9",
        ),
        (
            Preparation(size=8, fit="squash", antialias=False),
            "both sides scaled to 8 pixels, bicubic, not antialiased",
        ),
    ],
    ids=lambda value: getattr(value, "fit", None) or "",
)
def test_a_card_keeps_how_images_are_prepared_and_says_it_in_words(preparation: Preparation, words: str) -> None:
    made = card(**preparation_fields(preparation))
    read = ClassifierCard.parse(made.metadata()[METADATA_KEY], origin="x")
    assert read.preparation == Preparation(mean=(0.5,), std=(0.25,)).over(preparation).over(USUAL)
    assert read.resizing == words
