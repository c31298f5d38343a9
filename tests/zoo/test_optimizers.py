"""Optimizers by name: a recipe's own, and timm's under their prefix."""

from __future__ import annotations

import pytest

from zoo import optimizers
from zoo.errors import UsageError
from zoo.hyperparameters import Hyperparameters
from zoo.optimizers import OWN, TIMM, check_optimizer, timm_optimizers


def test_timms_optimizers_are_listed_without_those_that_cannot_run_here() -> None:
    known = timm_optimizers()
    assert {"timm/lamb", "timm/lion", "timm/nadamw"} <= set(known)
    assert not {"timm/adahessian", "timm/bnbadam"} & set(known)
    assert all(name.startswith(TIMM) for name in known)


def test_the_list_is_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = timm_optimizers()
    monkeypatch.setattr(optimizers, "_list", lambda: pytest.fail("the list is in the cache"))
    assert timm_optimizers() == expected


@pytest.mark.parametrize("name", [*OWN, "timm/lamb"])
def test_known_names_are_accepted(name: str) -> None:
    check_optimizer(name)
    assert Hyperparameters(optimizer=name).optimizer == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("adamv", "'sgd', 'adam', 'adamw', 'rmsprop' or 'timm/name', did you mean adam"),
        ("lamb", "'sgd', 'adam', 'adamw', 'rmsprop' or 'timm/name'"),
        ("timm/lamm", "timm has no such optimizer, or it needs another package; near: timm/lamb"),
    ],
)
def test_a_misspelt_name_is_refused_with_near_ones(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_optimizer(name)
    with pytest.raises(UsageError, match=message):
        Hyperparameters().with_overrides({"optimizer": name})
