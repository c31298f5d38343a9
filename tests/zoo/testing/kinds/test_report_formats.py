"""Checks of report formats, each held to one that was made to break it."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports.leaderboard.frame import to_frame
from reports.leaderboard.leaderboard import Leaderboard
from reports.render.csv import render_csv
from reports.render.json import render_json
from reports.render.latex import render_latex
from reports.render.markdown import render_markdown
from zoo import ReportFormat
from zoo.testing import CHECKS


def of(render: Callable[[Any], Any]) -> ReportFormat:
    return ReportFormat(name="own", render=render)


def models(leaderboard: Leaderboard) -> str:
    return "".join(f"{row.model}\n" for row in leaderboard.rows)


def pads(leaderboard: Leaderboard) -> str:
    return "".join(row.model + " " * (99 - len(row.model)) + "|" for row in leaderboard.rows)


def formats_twice(leaderboard: Leaderboard) -> str:
    return "".join(("{} " + row.model).format(row.rank_low) for row in leaderboard.rows)


def best_of_all(leaderboard: Leaderboard) -> str:
    return max(leaderboard.rows, key=lambda row: row.metrics["accuracy"].mean if row.metrics else 0).model


def accuracies(leaderboard: Leaderboard) -> str:
    return " ".join(f"{row.metrics['accuracy'].mean:.1%}" for row in leaderboard.rows)


def clears(leaderboard: Leaderboard) -> str:
    text = models(leaderboard)
    leaderboard.rows[0].metrics.clear()  # type: ignore[attr-defined]
    return text


def writes(leaderboard: Leaderboard) -> str:
    Path("table.txt").write_text(models(leaderboard))
    return models(leaderboard)


def draws(leaderboard: Leaderboard) -> str:
    np.random.rand()
    return models(leaderboard)


_calls = itertools.count()

BROKEN = (
    ("renders_a_leaderboard", "a small leaderboard: KeyError: 'accuracy'", of(accuracies)),
    ("renders_a_leaderboard", "returned int, not str", of(lambda leaderboard: 7)),
    ("renders_a_leaderboard", "returned no text", of(lambda leaderboard: " \n")),
    ("renders_a_leaderboard", "cannot be written as UTF-8", of(lambda leaderboard: "\udc80")),
    ("renders_odd_names", "odd names: (KeyError|IndexError|ValueError)", of(formats_twice)),
    (
        "renders_odd_names",
        "odd names: UnicodeEncodeError",
        of(lambda it: models(it).encode("latin-1").decode("latin-1")),
    ),
    ("renders_empty_leaderboards", "without tables: ValueError", of(best_of_all)),
    ("renders_empty_leaderboards", "without results: KeyError", of(accuracies)),
    ("rendering_is_repeatable", "another text the second time", of(lambda it: f"{next(_calls)}{models(it)}")),
    ("rendering_is_repeatable", "another text the second time", of(lambda it: time.strftime("%H:%M:%S") + models(it))),
    ("rendering_is_repeatable", "changes the leaderboard", of(clears)),
    ("format_has_no_side_effects", "writes table.txt", of(writes)),
    ("format_has_no_side_effects", "numpy's generator", of(draws)),
)


@pytest.mark.parametrize(("check", "says", "record"), BROKEN, ids=[f"{i}-{each[0]}" for i, each in enumerate(BROKEN)])
def test_a_check_catches_what_was_made_to_break_it(check: str, says: str, record: Any, caught: Any) -> None:
    caught(check, says, record)


def test_each_check_has_something_that_breaks_it() -> None:
    assert {each[0] for each in BROKEN} == {check.id for check in CHECKS if check.kind == "report_formats"}


@pytest.mark.parametrize(
    "render",
    [
        models,
        pads,
        render_csv,
        render_json,
        render_latex,
        render_markdown,
        lambda it: json.dumps([row.model for row in it.rows]),
    ],
)
def test_a_format_that_is_right_and_all_of_zoos_own_pass_every_check(render: Any, passed: Any) -> None:
    passed(of(render))


def test_a_frame_of_the_same_leaderboard_is_a_format_too(passed: Any) -> None:
    pytest.importorskip("pandas")
    passed(of(lambda leaderboard: to_frame(leaderboard).to_string()))
