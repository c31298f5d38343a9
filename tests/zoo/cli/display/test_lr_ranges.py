"""Range tests in the terminal: a chart, the suggestion, and the options to go on with; or why there is none."""

from __future__ import annotations

import pytest

from harness.planning.rising_rates import STEPS, rising_rates
from harness.search.lr_range import LrRange
from zoo.cli.display.lr_ranges import as_json, show_lr_ranges

LRS = rising_rates()
LOSSES = [2.3 - 2 * min(1.0, (lr / 0.5) ** 0.3) + max(0.0, 40 * (lr - 0.5)) for lr in LRS]


def test_a_range_test_is_a_chart_with_its_suggestion_and_the_options_to_go_on_with(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    found = LrRange.of("net · digits · quick", 0.1, LRS, LOSSES)
    show_lr_ranges([found])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "net · digits · quick"
    assert max(map(len, lines[:-2])) <= 80
    (axis,) = (line for line in lines if "learning rate" in line and "1e-06" in line)
    assert axis.split() == ["1e-06", "learning", "rate", "1e+01"]
    assert found.suggestion is not None
    assert 0.03 < found.suggestion < 0.07
    assert (
        f"suggested learning rate: {found.suggestion:g}, a tenth of that of the lowest loss; the recipe has 0.1"
        in lines
    )
    (space,) = found.space.values()
    assert lines[-1] == (
        f"--set recipe.lr={found.suggestion:g}, or to search around it: --tune 16 --space 'recipe.lr={space}'"
    )
    # What lies far above the fall is cut: the fall takes two thirds of the height.
    assert "2.6 ┤" not in lines[2]
    assert any(line.lstrip().startswith("3.") for line in lines[2:4])


def test_without_a_suggestion_the_reason_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    flat = LrRange.of("net · digits · quick", 0.1, LRS, [2.3] * STEPS)
    none = LrRange(title="net · digits · knn", problem="the recipe trains nothing")
    show_lr_ranges([flat, none])
    said = capsys.readouterr().out
    assert "no suggestion: the loss did not fall at any rate" in said
    assert said.endswith("net · digits · knn\nno suggestion: the recipe trains nothing\n")


def test_json_has_the_numbers() -> None:
    found = LrRange.of("net · digits · quick", 0.1, LRS, LOSSES)
    (entry,) = as_json([found])
    assert entry["lrs"] == LRS
    assert entry["losses"] == LOSSES
    assert len(entry["smoothed"]) == STEPS
    assert (entry["suggestion"], entry["space"], entry["problem"]) == (found.suggestion, found.space, "")
