"""Signatures: a function gets what it takes, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from zoo.calling.signatures import accepted

OFFERED = {"steps_per_epoch": 3, "labels_B": "labels"}


def plain(model: object, hp: object) -> None: ...
def keyword(model: object, hp: object, *, steps_per_epoch: int) -> None: ...
def positional(model: object, hp: object, labels_B: object = None) -> None: ...
def everything(model: object, hp: object, **more: object) -> None: ...
def only_positional(steps_per_epoch: int, /) -> None: ...


@pytest.mark.parametrize(
    ("function", "taken"),
    [
        (plain, {}),
        (keyword, {"steps_per_epoch": 3}),
        (positional, {"labels_B": "labels"}),
        (everything, OFFERED),
        (only_positional, {}),
        (int, {}),
    ],
)
def test_a_function_gets_the_keywords_that_it_takes(function: Any, taken: dict) -> None:
    assert accepted(function, OFFERED) == taken
