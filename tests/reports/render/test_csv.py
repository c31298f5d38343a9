"""A leaderboard as CSV."""

from __future__ import annotations

import csv
import io

import pytest

from reports.leaderboard.building import build_leaderboard
from reports.render.csv import safe_cell
from reports.render.writing import render


@pytest.fixture
def two_rows(make_trials):
    return build_leaderboard(
        [
            *make_trials("resnet18", accuracy=0.974, params=11_173_962, macs=41_000_000, small=True),
            *make_trials("lenet5", accuracy=0.80, params=61_706),
        ]
    )


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1"])
def test_a_cell_that_a_spreadsheet_would_run_gets_a_quote(text):
    assert safe_cell(text) == f"'{text}"
    assert safe_cell(-1.5) == -1.5


def test_csv_has_plain_numbers_that_can_be_read_back(two_rows):
    rows = list(csv.DictReader(io.StringIO(render(two_rows, "csv"))))
    expected = two_rows.rows[0].metrics["accuracy"]
    assert float(rows[0]["accuracy"]) == expected.mean
    assert float(rows[0]["accuracy_low"]) == expected.low
    assert (rows[0]["rank_low"], rows[0]["small_images"], rows[0]["params"]) == ("1", "true", "11173962")
