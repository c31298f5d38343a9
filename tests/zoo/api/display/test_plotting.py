"""Plots: each is a figure that is returned and not shown."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import zoo

STORE = Path(__file__).parents[3] / "fixtures" / "store-v1"


@pytest.mark.parametrize("name", ["pareto", "accuracy", "curves"])
def test_a_picture_is_returned_and_shown_by_notebooks_only(name: str) -> None:
    pytest.importorskip("matplotlib", reason="the extra plots is not installed")
    figure = getattr(zoo.rank(STORE).plot, name)()
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert "matplotlib.pyplot" not in sys.modules


def test_the_points_of_a_pareto_plot_are_the_rows() -> None:
    pytest.importorskip("matplotlib", reason="the extra plots is not installed")
    ranking = zoo.rank(STORE)
    (axes,) = ranking.plot.pareto("macs").axes
    assert {text.get_text() for text in axes.texts} <= {row.model for row in ranking.leaderboard.rows} != set()
    shown = {round(line.get_ydata()[0], 6) for line in axes.lines if line.get_marker() == "o"}
    assert (
        {round(100 * row.metrics["accuracy"].mean, 6) for row in ranking.leaderboard.rows if row.macs} >= shown != set()
    )


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("pareto", {"cost": "parms"}, "no cost is called 'parms'; did you mean 'params'"),
        ("accuracy", {"data": "digts"}, "no dataset is called 'digts'"),
        ("curves", {"measure": "loss"}, "no measure is called 'loss'"),
    ],
)
def test_an_unknown_name_is_a_sentence(name: str, given: dict, sentence: str) -> None:
    pytest.importorskip("matplotlib", reason="the extra plots is not installed")
    with pytest.raises(zoo.errors.UnknownNameError, match=sentence):
        getattr(zoo.rank(STORE).plot, name)(**given)


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(zoo.errors.UsageError, match=r"pip install 'zoobench\[plots\]'"):
        zoo.rank(STORE).plot.accuracy()
