"""Differences in every format."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from harness.records.record import Rate
from reports.comparison.difference import Difference, compare
from reports.render.difference import FORMATS, difference_data, render_difference


def only(difference: Difference):
    (cell,) = difference.cells
    return cell


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_has_each_cell_and_is_the_same_each_time(side, form):
    before = [*side("a"), *side("a", "other"), *side("a", "blind", predictions=False)]
    after = [*side("b"), *side("b", "other", accuracy=0.8), *side("b", "blind", predictions=False)]
    text = render_difference(compare(before, after), form)
    assert text == render_difference(compare(before[::-1], after[::-1]), form)
    assert text.endswith("\n")
    for word in ("net", "other", "blind", "equivalent", "regression", "predictions.safetensors is missing"):
        assert word in text


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_table_fits_the_terminal_and_keeps_names_and_the_change(side, width):
    before = [*side("a", "a_network_of_some_size"), *side("a", "other")]
    after = [*side("b", "a_network_of_some_size", accuracy=0.8), *side("b", "other")]
    difference = compare(before, after)
    whole = render_difference(difference, "table")
    text = render_difference(difference, "table", width=width)
    assert max(map(len, text.splitlines())) <= width < max(map(len, whole.splitlines()))
    (header,) = (line for line in text.splitlines() if line.startswith(" model"))
    assert "points" in header
    assert "verdict" in header
    left_out = text.partition("columns left out to fit the width")[2]
    for title in ("n", "identical", "inference ×"):
        assert (title in header.split("  ")) != (title in " ".join(left_out.split()))
    words = set(whole.split()) | set(left_out.split()) | {"columns", "left", "out", "to", "fit", "the", "width"}
    assert {word for word in text.split() if not word.endswith("…")} <= words, "no word is broken"


def test_csv_and_json_hold_numbers_without_rounding(side):
    difference = compare(side("a", accuracy=0.9), side("b", accuracy=0.901))
    change = only(difference).accuracy.change
    (line,) = csv.DictReader(io.StringIO(render_difference(difference, "csv")))
    assert float(line["change"]) == change
    assert float(line["train_ratio"]) == pytest.approx(1)
    data = json.loads(render_difference(difference, "json"))
    assert data == json.loads(json.dumps(difference_data(difference)))
    assert data["cells"][0]["accuracy"]["change"] == change
    assert data["margin"] == 0.01


def test_foreign_names_move_no_cursor_add_no_column_and_run_in_no_spreadsheet(side):
    name = "=cmd|\x1b[31m"
    difference = compare(side("a", name, full_name="p/net"), side("b", name, full_name="p/net"))
    for form in FORMATS:
        assert "\x1b" not in render_difference(difference, form)
    assert "\\|" in render_difference(difference, "markdown")
    assert "\n'=cmd" in render_difference(difference, "csv")


def test_no_common_rows_give_a_sentence_and_not_an_error(side):
    difference = compare(side("a", "one"), side("b", "two"))
    for form in FORMATS:
        assert render_difference(difference, form)
    assert "0 cells in both" in render_difference(difference, "table")


def test_a_speed_that_was_measured_too_briefly_has_no_interval_but_a_reason(side):
    """Two windows of 0.1 s gave "1.02 [0.00, 26881171418161354094253400435962903554686976.00]"."""

    def briefly(trials):
        rate = Rate(median=1000.0, low=400.0, high=2500.0, windows=2, batch_size=64)
        return [
            (folder, record.model_copy(update={"speed": record.speed.model_copy(update={"train": rate})}))
            for folder, record in trials
        ]

    before, after = side("a", seeds=1), side("b", seeds=1)
    assert "measured too briefly" not in render_difference(compare(before, after), "table")
    difference = compare(briefly(before), briefly(after))
    for form in ("table", "markdown"):
        text = render_difference(difference, form)
        assert re.search(r"1\.00 \\?\[\?\\?\]", text), text
        assert "measured too briefly" in text
        assert not re.search(r"\d{6}", text)
