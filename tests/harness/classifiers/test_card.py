"""Cards: what a classifier needs beside its weights survives a file, and nonsense is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.classifiers.card import METADATA_KEY, ClassifierCard
from harness.classifiers.trained import load_trained
from harness.records.spec import ArchitectureSpec, ProviderSpec
from zoo import Catalog
from zoo.errors import StoreError


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
