"""The charts of a row follow from its predictions."""

from __future__ import annotations

import pytest

from ..conftest import MakeSite, StoreMaker, block


def test_worst_pairs_and_scores_follow_from_the_predictions(store: StoreMaker, make_site: MakeSite) -> None:
    _, record = store.add("net", skill=1.0)
    folder, _ = make_site(store)
    (page,) = (folder / "rows").glob("*.html")
    matrix = block(page, "confusion")["matrix"]
    assert sum(map(sum, matrix)) == pytest.approx(120)
    assert sum(matrix[k][k] for k in range(3)) / 120 == pytest.approx(record.metrics["accuracy"].value, abs=1e-4)
    bins = block(page, "reliability")["bins"]
    total = sum(each["count"] for each in bins)
    gap = sum(each["count"] * abs(each["confidence"] - each["right"]) for each in bins) / total
    assert gap == pytest.approx(record.metrics["calibration_error"].value, abs=1e-4)
