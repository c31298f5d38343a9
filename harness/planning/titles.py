"""Titles: names of trials for people, in which rows of a grid show their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from harness.records.spec import ArchitectureSpec, RecipeSpec, TrialSpec
from zoo.options import Option
from zoo.space import values_text

_TRAIN_SIZES = "train_per_class"

SpecT = TypeVar("SpecT", ArchitectureSpec, RecipeSpec)


def title_of(spec: TrialSpec, grid: Sequence[str] = ()) -> str:
    """Return the title of a trial, such as ``linear · digits · sgd_quick, lr=0.01 · seed 0``.

    Args:
        grid: Dotted keys of the settings that have several values in the plan, see
            :attr:`harness.planning.request.BenchRequest.grid`.
    """
    return _named(spec, grid).title


def combination_title(spec: TrialSpec, grid: Sequence[str] = ()) -> str:
    """Return the title of a trial's model, dataset and recipe, as in :func:`title_of`."""
    named = _named(spec, grid)
    return f"{named.architecture.display_name} · {named.dataset.display_name} · {named.recipe.display_name}"


def _named(spec: TrialSpec, grid: Sequence[str]) -> TrialSpec:
    options, hyperparameters = spec.architecture.options, dict(spec.recipe.hyperparameters)
    if hyperparameters.get(_TRAIN_SIZES) == 0:
        hyperparameters[_TRAIN_SIZES] = "all"
    architecture = _with_values(spec.architecture, _picked(options, grid, "model."))
    recipe = _with_values(spec.recipe, _picked(hyperparameters, grid, "recipe."))
    return spec.model_copy(update={"architecture": architecture, "recipe": recipe})


def _picked(values: Mapping[str, Option], grid: Sequence[str], prefix: str) -> dict[str, Option]:
    names = [key.removeprefix(prefix) for key in grid if key.startswith(prefix)]
    return {name: values[name] for name in names if name in values}


def _with_values(named: SpecT, values: Mapping[str, Option]) -> SpecT:
    """Return the spec of a model or recipe with these values in its name."""
    if not values:
        return named
    return named.model_copy(update={"display_name": f"{named.display_name}, {values_text(values)}"})
