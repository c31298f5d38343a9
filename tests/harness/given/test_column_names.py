"""Column names: the preferred one of several is found, whatever its case."""

from __future__ import annotations

from harness.given.column_names import ID_COLUMNS, PREDICTED_COLUMNS, find_column


def test_the_preferred_column_is_found_regardless_of_case() -> None:
    assert find_column(["Index", "File", "Label", "Prediction"], ID_COLUMNS) == "File"
    assert find_column(["Index", "File", "Label", "Prediction"], PREDICTED_COLUMNS) == "Prediction"
    assert find_column(["seconds"], ID_COLUMNS) is None
    assert find_column(["ID", "id"], ID_COLUMNS) == "ID"
