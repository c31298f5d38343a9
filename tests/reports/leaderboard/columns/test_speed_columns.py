"""Columns of speed and memory."""

from __future__ import annotations

import csv
import io

import pytest

from harness.records.record import BestInference, Rate
from reports.leaderboard.all_columns import choose_columns
from reports.leaderboard.building import build_leaderboard
from reports.render.terminal import terminal_text
from reports.render.writing import render


def test_speeds_of_other_conditions_carry_a_mark_that_is_explained(make_trial):
    trials = [make_trial("a"), make_trial("b"), make_trial("c", measurement_key="else", speed=7.0)]
    text = terminal_text(build_leaderboard(trials))
    assert "7†" in text.replace(".00†", "†")
    assert "† speeds measured under different conditions from most rows" in text


def test_a_speed_has_the_range_of_its_windows_beside_it_and_in_files(make_trials) -> None:
    leaderboard = build_leaderboard(make_trials("a", speed=100.0))
    (row,) = leaderboard.rows
    columns = {column.key: column for column in choose_columns(leaderboard)}
    assert columns["inference_speed"].spread(row) == "[270, 330]"
    assert columns["train_speed"].spread(row) == "[90.0, 110]"
    assert columns["accuracy"].spread is None
    (cells,) = csv.DictReader(io.StringIO(render(leaderboard, "csv")))
    assert [float(cells[f"inference_speed{end}"]) for end in ("", "_low", "_high")] == pytest.approx([300, 270, 330])


def test_a_row_without_speeds_has_no_range(make_trial) -> None:
    leaderboard = build_leaderboard([make_trial("a", speed=None)])
    (row,) = leaderboard.rows
    columns = {column.key: column for column in choose_columns(leaderboard)}
    assert columns["inference_speed"].spread(row) == ""


def with_best(trial, images_per_second: float, batch_size: int, agreement: float):
    folder, record = trial
    rate = Rate(
        median=images_per_second,
        low=0.9 * images_per_second,
        high=1.1 * images_per_second,
        windows=5,
        batch_size=batch_size,
    )
    best = BestInference(rate=rate, layout="channels_last", precision="bf16", compile=False, top1_agreement=agreement)
    speed = record.speed.model_copy(update={"best_inference": best})
    return folder, record.model_copy(update={"speed": speed})


def test_the_fastest_settings_stand_beside_the_common_batch_with_their_name(make_trials) -> None:
    plain = build_leaderboard(make_trials("a", speed=100.0))
    assert "best_inference_speed" not in [column.key for column in choose_columns(plain)]
    seeds = zip(make_trials("b", speed=100.0), (900.0, 800.0, 1000.0), (256, 256, 64), (1.0, 0.99, 1.0), strict=True)
    leaderboard = build_leaderboard([with_best(*each) for each in seeds])
    (row,) = leaderboard.rows
    columns = {column.key: column for column in choose_columns(leaderboard)}
    assert columns["inference_speed"].text(row) == "300"
    assert columns["best_inference_speed"].text(row) == "900 (batch 256, bf16, channels last)"
    (cells,) = csv.DictReader(io.StringIO(render(leaderboard, "csv")))
    assert [float(cells[f"best_inference_speed{end}"]) for end in ("", "_low", "_high")] == pytest.approx(
        [900, 720, 1100]
    )
    assert cells["best_inference_settings"] == "batch 256, bf16, channels last"
    assert float(cells["best_inference_agreement"]) == 0.99
