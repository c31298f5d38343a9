"""Columns of further sets: which are shown, in which order, and what is sorted by them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.records.record import TestSetKind
from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.columns.column import RankBasis
from reports.leaderboard.columns.further_set_columns import further_set_columns, further_set_legend
from reports.leaderboard.table import Estimate, FurtherEstimate, Row
from reports.statistics.drops import Drop


@pytest.fixture
def row(make_trial) -> Row:
    def estimate(kind: TestSetKind, source: str, value: float, **fields: object) -> FurtherEstimate:
        drop = Drop(mean=0.1, low=0.08, high=0.12, is_paired=kind is TestSetKind.CORRUPTION)
        return FurtherEstimate(
            source=source, kind=kind, accuracy=Estimate(mean=value, sd=None, n=1), drop=drop, **fields
        )  # type: ignore[arg-type]

    (found,) = build_leaderboard([make_trial()]).rows
    further = {
        "on_slice-1-night": estimate(TestSetKind.SLICE, "at night", 0.7),
        "worst_slice": estimate(TestSetKind.SLICE, "at night", 0.7, num_sets=3),
        "on_fog": estimate(TestSetKind.CORRUPTION, "fog", 0.6),
        "corrupted": estimate(TestSetKind.CORRUPTION, "2 corruptions", 0.65, num_sets=10),
        "on_site": estimate(TestSetKind.DATASET, "folder:b", 0.8),
    }
    return replace(found, further=further)


def test_datasets_come_first_and_single_corruptions_and_slices_only_if_chosen(row: Row) -> None:
    columns = further_set_columns([row])
    shown = [column.key for column in columns if column.default]
    assert shown == ["on_site", "drop_site", "corrupted", "drop_corrupted", "worst_slice", "drop_worst_slice"]
    hidden = [column.key for column in columns if not column.default]
    assert hidden == ["on_fog", "drop_fog", "on_slice-1-night", "drop_slice-1-night"]
    assert [column.title for column in columns[-2:]] == ["at night %", "at night drop"]


def test_cells_have_the_name_of_the_slice_and_the_interval_of_the_drop(row: Row) -> None:
    cells = {column.key: column.text(row) for column in further_set_columns([row])}
    assert cells["worst_slice"] == "70.0 (at night)"
    assert cells["drop_site"] == "10.0 [8.0, 12.0]"
    empty = replace(row, further={})
    assert {column.text(empty) for column in further_set_columns([row])} == {"–"}


def test_a_drop_is_better_if_it_is_low_and_gives_no_ranks_while_accuracies_do(row: Row) -> None:
    columns = {column.key: column for column in further_set_columns([row])}
    assert not columns["drop_site"].higher_is_better
    assert columns["on_site"].higher_is_better
    assert columns["drop_site"].basis is columns["drop_worst_slice"].basis is RankBasis.NONE
    assert columns["on_site"].basis is columns["worst_slice"].basis is RankBasis.TESTED
    assert columns["drop_site"].value is not None
    assert columns["drop_site"].value(row) == 0.1


def test_the_legend_speaks_of_what_is_shown(row: Row) -> None:
    columns = further_set_columns([row])
    whole = " ".join(further_set_legend(columns, [row]))
    assert "mean over 10 corrupted copies" in whole
    assert "the lowest accuracy of 3 slices" in whole
    assert "paired by image" in whole
    assert "unpaired" in whole
    assert further_set_legend([column for column in columns if column.key == "on_site"], [row]) == []
    assert further_set_legend([], [row]) == []
