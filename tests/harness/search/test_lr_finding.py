"""Range tests of a plan: one for each combination, whatever its seeds and learning rates, or a reason against it."""

from __future__ import annotations

from typing import Any

import pytest

from harness.data.settings import DataSettings
from harness.search.lr_finding import find_lr_ranges
from harness.search.lr_range import LrRange
from zoo.errors import ZooError
from zoo.events import Event, Progress

from .toy_search import ToySearch


def find(toys: ToySearch, *recipes: str, said: list[Event] | None = None, **changes: Any) -> list[LrRange]:
    request = toys.request("plain", recipes=recipes, **{"tune": None, **changes})
    return find_lr_ranges(
        toys.plan(request),
        toys.catalog,
        sources=toys.sources,
        emit=(said if said is not None else []).append,
        data=DataSettings(data_root=toys.folder / "data", cache=toys.folder / "cache"),
        grid=request.grid,
    )


def test_each_combination_is_tested_once_and_the_same_each_time(toys: ToySearch) -> None:
    said: list[Event] = []
    grid = {"recipe.lr": (0.01, 0.1), "recipe.batch_size": (4, 20)}
    found = find(toys, "plain", said=said, set=grid)
    assert [each.title for each in found] == [f"toy · bright · plain, batch_size={size}" for size in (4, 20)]
    for each in found:
        assert each.problem == ""
        assert each.suggestion is not None
        assert each.lrs[0] == 1e-6
    messages = [event.message for event in said if isinstance(event, Progress)]
    assert [message for message in messages if "raising" in message] == [
        f"raising the learning rate of {each.title}" for each in found
    ]
    (again,) = find(toys, "plain", set={"recipe.batch_size": 20})
    assert again.losses == found[1].losses
    (other,) = find(toys, "plain", set={"recipe.batch_size": 20}, first_seed=1)
    assert other.losses == found[1].losses


def test_poisoned_test_labels_change_nothing(toys: ToySearch) -> None:
    ((clean,), (poisoned,)) = (find(toys, "plain", set={"data.poison": poison}) for poison in (False, True))
    assert clean.losses == poisoned.losses


def test_a_recipe_that_trains_nothing_has_a_reason(toys: ToySearch) -> None:
    found = find(toys, "plain", "heads")
    reason = "the recipe fits a head to the features of a frozen backbone, and trains nothing"
    assert [each.problem for each in found] == ["", reason]
    assert found[1].losses == ()


def test_a_dataset_that_is_not_there_is_an_error(toys: ToySearch) -> None:
    with pytest.raises(ZooError, match="poison"):
        find(toys, "plain", set={"data.poison": "maybe"})
