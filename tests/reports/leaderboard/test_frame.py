"""The data frame of a leaderboard."""

from __future__ import annotations

import numpy as np
import pytest

from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.frame import to_frame


def test_the_frame_has_a_line_for_each_row_with_plain_numbers(make_trials):
    frame = to_frame(build_leaderboard([*make_trials("a"), *make_trials("b", accuracy=0.5, macs=None)]))
    assert frame["model"].tolist() == ["a", "b"]
    assert frame["accuracy"].tolist() == pytest.approx([0.9, 0.5])
    assert np.isnan(frame["macs"][1])


def test_the_frame_has_what_the_csv_file_has(on_datasets):
    assert to_frame(build_leaderboard(on_datasets(2)))["overall_mean_rank"].tolist() == [1.5, 1.5, 3.0, 1.5, 1.5, 3.0]
