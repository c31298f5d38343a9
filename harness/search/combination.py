"""Combinations: a model, dataset and recipe whose settings are searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.planning.titles import combination_title
from harness.planning.unread_settings import check_settings, why_unread
from harness.records.spec import TrialSpec
from zoo.architecture import Architecture
from zoo.calling.containment import hyperparameters_of
from zoo.catalog import Catalog
from zoo.errors import ManyErrors, UnknownNameError, UsageError
from zoo.hyperparameters import Hyperparameters
from zoo.names import near_names
from zoo.options import Option, resolve_options
from zoo.recipe import Recipe

MODEL, RECIPE = "model.", "recipe."
"""First parts of the dotted keys of settings that can be searched."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Combination:
    """A model, dataset and recipe with the settings that a search starts from."""

    spec: TrialSpec
    """One of its trials as planned."""
    architecture: Architecture
    recipe: Recipe
    hyperparameters: Hyperparameters
    title: str
    """Name for people: model, dataset and recipe."""

    @classmethod
    def of(cls, spec: TrialSpec, catalog: Catalog, grid: Sequence[str] = ()) -> Combination:
        """Return the combination of a planned trial; its name shows the values of the settings in *grid*."""
        recipe = catalog.recipes.get(spec.recipe.full_name)
        made = hyperparameters_of(recipe.record, recipe.display_name, recipe.provider)
        return cls(
            spec=spec,
            architecture=catalog.architectures.get(spec.architecture.full_name).record,
            recipe=recipe.record,
            hyperparameters=type(made).model_validate(spec.recipe.hyperparameters),
            title=combination_title(spec, grid),
        )

    def value(self, key: str) -> Option:
        """Return the value of a setting before the search.

        Raises:
            UnknownNameError: If there is no such setting.
        """
        name = key.partition(".")[2]
        if key.startswith(RECIPE) and name in type(self.hyperparameters).model_fields:
            value: Option = getattr(self.hyperparameters, name)
            return value
        if key.startswith(MODEL) and name in self.architecture.options:
            return self.spec.architecture.options.get(name)
        raise self._unknown(key)

    def missing(self, key: str) -> UnknownNameError | None:
        """Return the error for a setting that does not exist; None if it does."""
        try:
            self.value(key)
        except UnknownNameError as error:
            return error
        return None

    def _unknown(self, key: str) -> UnknownNameError:
        """Return the error for a setting that does not exist, with near names of either kind."""
        model, recipe = self.spec.architecture.display_name, self.spec.recipe.display_name
        known = {RECIPE: [*type(self.hyperparameters).model_fields], MODEL: [*self.architecture.options]}
        near = near_names(key.rpartition(".")[2], [name for names in known.values() for name in names])
        return UnknownNameError(
            f"setting of {self.title}",
            key,
            near=[target + name for name in near for target, names in known.items() if name in names],
            hint=f"(zoo show {model if key.startswith(MODEL) else recipe})",
        )

    def is_read(self, key: str, values: Mapping[str, Option]) -> bool:
        """Return whether training reads a setting when others have these *values*."""
        if key.startswith(MODEL):
            return True
        hp = self.hyperparameters.model_copy(update=_of(RECIPE, values))
        return not why_unread(self.recipe, key.removeprefix(RECIPE), hp)

    def with_values(self, values: Mapping[str, Option], spec: TrialSpec | None = None) -> TrialSpec:
        """Return *spec*, or the combination's own, with these values of its settings.

        Raises:
            ZooError: If a value is not valid together with the others.
        """
        spec = spec or self.spec
        name = spec.recipe.display_name
        given = _of(RECIPE, values)
        hp = self.hyperparameters.with_overrides(given, owner=name)
        ManyErrors.raise_if(check_settings(self.recipe, name, given, hp))
        options = resolve_options(
            spec.architecture.options, _of(MODEL, values), owner=f"model {spec.architecture.display_name}"
        )
        recipe = spec.recipe.model_copy(update={"hyperparameters": hp.model_dump(mode="json")})
        architecture = spec.architecture.model_copy(update={"options": options})
        return spec.model_copy(update={"recipe": recipe, "architecture": architecture})

    def check_type(self, key: str, *, whole: bool, fractional: bool) -> None:
        """Refuse fractions for a whole-number setting and numbers for others.

        Raises:
            UsageError: If values of that kind do not fit the setting.
        """
        value: Any = self.value(key)
        if (whole or fractional) and (isinstance(value, (bool, str))):
            raise UsageError(f"{key} is {value!r} in {self.title}, not a number: expected choice(…)")
        if fractional and type(value) is int:
            raise UsageError(f"{key} is a whole number in {self.title}: expected int(…) or logint(…)")


def _of(target: str, values: Mapping[str, Option]) -> dict[str, Option]:
    return {key.removeprefix(target): value for key, value in values.items() if key.startswith(target)}
