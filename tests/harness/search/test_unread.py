"""Different settings with equal weights are an error that names what nothing reads (ultralytics#23791)."""

from __future__ import annotations

import pytest

from harness.search.unread import Settled, check_read
from zoo.errors import UsageError
from zoo.options import Option

from .toy_search import result


def settled(number: int, weights: str = "w", loss: float = 0.5, **settings: Option) -> Settled:
    named = {f"recipe.{key}": value for key, value in settings.items()}
    return Settled(number=number, settings=named, result=result(0.9, weights=weights, loss=loss))


def test_the_setting_that_differs_is_named_with_its_values_and_the_remedy() -> None:
    with pytest.raises(UsageError) as error:
        check_read(settled(4, lr=0.1, idle=0.7), [settled(2, lr=0.1, idle=0.5)], "net")
    assert str(error.value) == (
        "search of net: recipe.idle = 0.5 and 0.7 gave equal weights (trials 2 and 4), so nothing reads it; "
        "to search the rest, add --space recipe.idle=off"
    )


def test_several_settings_are_named_together() -> None:
    with pytest.raises(UsageError, match=r"recipe.a = 1 and 2 and recipe.b = 3 and 4 .* reads them"):
        check_read(settled(1, a=2, b=4), [settled(0, a=1, b=3)], "net")


@pytest.mark.parametrize(
    "other",
    [
        settled(0, weights="v", idle=0.5),
        settled(0, loss=0.6, idle=0.5),  # read in prediction only
        settled(0, weights="", idle=0.5),
        settled(0, idle=0.7),
        settled(0, idle=0.7, clip_norm=1.0),  # no gradient was as large
    ],
)
def test_other_weights_other_predictions_and_thresholds_are_no_error(other: Settled) -> None:
    clip = {"clip_norm": 2.0} if "recipe.clip_norm" in other.settings else {}
    weights = "" if not other.result.weights else "w"
    check_read(settled(1, weights=weights, idle=0.7, **clip), [other], "net")
