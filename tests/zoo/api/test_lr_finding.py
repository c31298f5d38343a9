"""``zoo.find_lr``: a range test of each combination, whose space a search takes as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import zoo
from harness.search.lr_range import LrRange
from zoo.errors import UsageError

TOYS = Path(__file__).parents[2] / "harness" / "search" / "toys.py"


@pytest.fixture
def toys(tmp_path: Path) -> dict[str, Any]:
    plugin = tmp_path / "toys.py"
    plugin.write_text(TOYS.read_text())
    return {"plugins": [plugin], "no_plugins": True, "device": "cpu", "show": "nothing"}


def test_what_is_found_can_be_searched_and_nothing_is_written_to_the_results(
    toys: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (found,) = zoo.find_lr("toy", "bright", "plain", **toys)
    assert isinstance(found, LrRange)
    assert found.title == "toy · bright · plain"
    assert found.default == 0.01
    assert found.suggestion is not None
    assert not (tmp_path / "runs").exists()
    space = {**found.space, "recipe.optimizer": "off", "recipe.beta1": "off"}
    result = zoo.bench(
        "toy", "bright", "plain", tune=2, seeds=1, space=space, measure_seconds=0, out=tmp_path / "runs", **toys
    )
    assert result.is_complete
    (search,) = (record.search for record in result.records if record.search)
    assert search.space["recipe.lr"] == found.space["recipe.lr"]


def test_mistakes_are_told_together_before_anything_runs(toys: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as error:
        zoo.find_lr("toyy", "bright", "plane", **toys)
    assert "did you mean 'toy'" in str(error.value)
    assert "no recipe is called 'plane'" in str(error.value)
