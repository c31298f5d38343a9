"""Choosing: settings are checked one by one, and what they select is planned."""

from __future__ import annotations

from zoo import Catalog
from zoo.api.choosing import attempt, choose, parse_settings
from zoo.errors import UsageError, ZooError


def test_valid_settings_make_a_plan(catalog: Catalog) -> None:
    errors: list[ZooError] = []
    chosen = choose({"models": ["linear"], "seeds": 2}, catalog, errors, origin="it")
    assert errors == []
    assert chosen is not None
    assert [trial.seed for trial in chosen.plan.trials] == [0, 1]
    assert not chosen.is_default
    assert choose({}, catalog, errors, origin="it").is_default  # type: ignore[union-attr]


def test_each_mistake_counts_and_the_valid_rest_is_checked_too(catalog: Catalog) -> None:
    errors: list[ZooError] = []
    assert choose({"models": ["linaer"], "seeds": 0, "epochs": -1}, catalog, errors, origin="it") is None
    told = "\n".join(map(str, errors))
    assert "it: seeds = 0:" in told
    assert "it: epochs = -1:" in told
    assert "no model is called 'linaer'; did you mean 'linear'" in told


def test_settings_without_mistakes_are_parsed() -> None:
    errors: list[ZooError] = []
    assert parse_settings({"seeds": "auto", "folds": 1}, errors, origin="it").seeds == "auto"
    assert [str(error).split(":")[1].split()[0] for error in errors] == ["folds"]


def test_an_attempt_returns_or_collects() -> None:
    errors: list[ZooError] = []

    def fail() -> int:
        raise UsageError("no")

    assert attempt(lambda: 3, errors) == 3
    assert attempt(fail, errors) is None
    assert [str(each) for each in errors] == ["no"]
