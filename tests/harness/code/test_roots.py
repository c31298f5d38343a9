"""Roots: where a record's functions lie, and the values that they were made with."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from harness.code.roots import roots_of
from zoo import Architecture, Recipe


def build(request: Any, depth: int = 1) -> Any:
    return depth


def closing_over(depth: Any) -> Any:
    return lambda request: depth


class Builder:
    def __init__(self, depth: int) -> None:
        self.depth = depth

    def __call__(self, request: Any) -> Any:
        return self.depth

    def build(self, request: Any) -> Any:
        return self.depth


@dataclass(frozen=True)
class Settings:
    depth: int


def of(function: Any) -> Any:
    """Roots of a network that a function builds."""
    return roots_of(Architecture(name="net", build=function))


@pytest.mark.parametrize(
    "make",
    [
        lambda depth: functools.partial(build, depth=depth),
        lambda depth: functools.partial(build, None, depth),
        closing_over,
        lambda depth: lambda request, d=depth: d,
        Builder,
        lambda depth: Builder(depth).build,
        lambda depth: functools.partial(build, Settings(depth)),
        lambda depth: functools.partial(build, {"a": [depth]}),
        lambda depth: functools.partial(build, np.full(3, depth)),
        lambda depth: closing_over(closing_over(depth)),
    ],
)
def test_values_that_a_function_was_made_with_count(make: Any) -> None:
    assert of(make(18)).arguments == of(make(18)).arguments
    assert of(make(18)).arguments != of(make(34)).arguments
    assert __name__ in of(make(18)).modules


def test_another_function_is_another_record() -> None:
    assert of(build).arguments != of(closing_over).arguments


def test_a_decorated_function_lies_where_its_wrapper_and_itself_lie() -> None:
    cached = functools.lru_cache(build)
    assert of(cached).arguments == of(build).arguments
    assert of(functools.partial(functools.reduce, build)).modules.keys() >= {__name__}


def test_a_function_in_a_hook_names_the_hook() -> None:
    def zoo_architectures() -> Any:
        return lambda request: 1

    assert of(zoo_architectures()).modules == {__name__: frozenset({"zoo_architectures"})}


def test_where_a_file_lies_does_not_count() -> None:
    one, two = (functools.partial(build, Path(folder, "w.bin")) for folder in ("a", "b"))
    assert of(one).arguments == of(two).arguments


def test_an_object_that_holds_itself_or_raises_ends() -> None:
    class Odd:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    held: list[Any] = []
    held.append(held)
    assert of(functools.partial(build, held)).arguments
    assert of(functools.partial(build, Odd())).arguments


def test_hyperparameters_count_by_value_and_their_class_by_its_code() -> None:
    plain = Recipe(name="r", hyperparameters=lambda: zoo.Hyperparameters(lr=0.3))
    assert (roots_of(plain).modules, roots_of(plain).arguments) == ({}, {})

    class Own(zoo.Hyperparameters):
        gain: float = 1.0

    assert __name__ in roots_of(Recipe(name="r", hyperparameters=Own)).modules
