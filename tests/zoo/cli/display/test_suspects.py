"""Suspects as lines: what is listed, what is counted, and what is left out."""

from __future__ import annotations

import pytest

from zoo.api.suspects import NearDuplicate, Suspect, Suspects
from zoo.cli.display.suspects import suspect_lines


@pytest.fixture
def found() -> Suspects:
    label = Suspect(
        id="test/a.png",
        split="test",
        label="cat",
        suggestion="dog",
        label_probability=0.012,
        suggestion_probability=0.9,
        num_networks=3,
    )
    pair = NearDuplicate(
        ids=("train/b.png", "test/c.png"), splits=("train", "test"), labels=("cat", "cat"), correlation=0.987
    )
    return Suspects(
        dataset="folder:x",
        num_images=1200,
        num_judged=300,
        agreement=0.8,
        labels=(label,) * 3,
        near_duplicates=(pair,),
        excluded=("test/a.png",),
        problems=(),
        images=None,  # type: ignore[arg-type]
        trials=(),
    )


def test_suspects_are_listed_and_the_rest_is_counted(found: Suspects) -> None:
    lines = list(suspect_lines(found, None, count=2, width=None))
    assert lines[0] == (
        "folder:x: 3 likely wrong labels (300 of 1,200 images judged, by networks that agree with 80.0 % of their "
        "labels)"
    )
    assert lines[2].split() == ["test/a.png", "test", "cat", "1.2", "dog", "90.0", "3"]
    assert "… and 1 more (--count, --format json)" in lines
    assert lines[-1].split() == ["train/b.png", "train", "cat", "test/c.png", "test", "cat", "98.7"]
    assert not any("the table without" in line for line in lines)
