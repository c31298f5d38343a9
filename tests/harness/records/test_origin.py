"""Origins of rows that were not trained here."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from harness.records.origin import WORDS, Origin, OriginKind
from zoo.published import PublishedFigure


def test_an_origin_is_written_and_read_with_what_was_published() -> None:
    published = PublishedFigure(value=0.9173, dataset="CIFAR-10", source="a page", preparation="32 px")
    origin = Origin(kind=OriginKind.EVALUATED, source="file:a", files={"a": "0" * 64}, published=published)
    assert Origin.model_validate_json(origin.model_dump_json()) == origin


def test_every_kind_has_a_word() -> None:
    assert set(WORDS) == set(OriginKind)
    assert Origin(kind=OriginKind.PREDICTIONS, source="a.csv", has_scores=False).word == "predictions only"


def test_a_kind_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValidationError):
        Origin.model_validate({"kind": "guessed", "source": "a"})
