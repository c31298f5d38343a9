"""Different settings with equal weights are an error that names what nothing reads (ultralytics#23791)."""

from __future__ import annotations

import pytest

from harness.search.unread import Settled, check_read
from zoo.errors import UsageError
from zoo.options import Option
from zoo.space import parse_dimension

from .toy_search import result

SPACE = {
    f"recipe.{key}": parse_dimension(text)
    for key, text in {
        "lr": "log(1e-3, 1)", "idle": "uniform(0, 1)", "a": "int(1, 9)", "b": "int(1, 9)", "clip_norm": "uniform(0, 9)",
        "crop_padding": "uniform(0, 0.5)", "neighbors": "int(1, 9)", "weighting": "choice(auto, uniform, distance)",
        "nesterov": "choice(true, false)",
    }.items()
}  # fmt: skip


def settled(number: int, weights: str = "w", loss: float = 0.5, **settings: Option) -> Settled:
    named = {f"recipe.{key}": value for key, value in settings.items()}
    return Settled(number=number, settings=named, result=result(0.9, weights=weights, loss=loss))


def test_the_setting_that_differs_is_named_with_its_values_and_the_remedy() -> None:
    with pytest.raises(UsageError) as error:
        check_read(settled(4, lr=0.1, idle=0.7), [settled(2, lr=0.1, idle=0.5)], "net", SPACE)
    assert str(error.value) == (
        "search of net: recipe.idle = 0.5 and 0.7 gave equal weights (trials 2 and 4), so nothing reads it; "
        "to search the rest, add --space recipe.idle=off"
    )


def test_several_settings_are_named_together() -> None:
    with pytest.raises(UsageError, match=r"recipe.a = 1 and 2 and recipe.b = 3 and 4 .* reads them"):
        check_read(settled(1, a=2, b=4), [settled(0, a=1, b=3)], "net", SPACE)


@pytest.mark.parametrize(
    "other",
    [
        settled(0, weights="v", idle=0.5),
        settled(0, loss=0.6, idle=0.5),  # read in prediction only
        settled(0, weights="", idle=0.5),
        settled(0, idle=0.7),
        settled(0, idle=0.7, clip_norm=1.0),  # no gradient was as large
        settled(0, idle=0.7, crop_padding=0.1),  # of 8 pixels, as many
    ],
)
def test_other_weights_other_predictions_and_thresholds_are_no_error(other: Settled) -> None:
    more: dict[str, Option] = {"clip_norm": 2.0, "crop_padding": 0.12}
    clip = {name: value for name, value in more.items() if f"recipe.{name}" in other.settings}
    weights = "" if not other.result.weights else "w"
    check_read(settled(1, weights=weights, idle=0.7, **clip), [other], "net", SPACE)


def test_a_choice_that_stands_for_another_one_is_no_error_until_all_of_them_give_the_same() -> None:
    auto, uniform, distance = (settled(n, weighting=w) for n, w in enumerate(("auto", "uniform", "distance")))
    check_read(uniform, [auto], "net", SPACE)
    with pytest.raises(UsageError, match=r"recipe.weighting = auto and distance gave equal weights \(trials 0 and 2\)"):
        check_read(distance, [auto, uniform], "net", SPACE)
    with pytest.raises(UsageError, match="nesterov = false and true"):
        check_read(settled(1, nesterov=True), [settled(0, nesterov=False)], "net", SPACE)


def test_a_default_outside_of_its_range_may_stand_for_a_value_of_it() -> None:
    check_read(settled(3, neighbors=5), [settled(0, neighbors=0)], "net", SPACE)
    check_read(settled(3, neighbors=5, weighting="uniform"), [settled(0, neighbors=0, weighting="auto")], "net", SPACE)
    with pytest.raises(UsageError, match="neighbors = 5 and 6"):
        check_read(settled(4, neighbors=6), [settled(0, neighbors=0), settled(3, neighbors=5)], "net", SPACE)
