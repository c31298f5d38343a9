"""The space of a combination: the ranges that its plugins declare, overridden by the user's."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from harness.planning.rising_rates import HIGHEST, LOWEST
from harness.search.combination import MODEL, RECIPE, Combination
from zoo.errors import ManyErrors, UsageError, ZooError
from zoo.options import Option
from zoo.space import LR_FIND, OFF, Dimension, asks_for_lr_test, parse_dimension, value_text

_FIXED = {
    "recipe.pretrained": "published weights may need other images than new ones; select a recipe of each kind instead",
}
"""Settings that a search may not change, and why."""

LR = "recipe.lr"
"""The setting whose range a range test can find."""

_MOST_CHOICES = 10_000
"""Combinations of choices that are tried to find one in which a setting is read."""


class NothingToSearchError(UsageError):
    """A combination has no settings to search."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Space:
    """The settings that are searched, in the order in which they are chosen."""

    dimensions: Mapping[str, Dimension]
    """Dimensions by dotted key: choices first, since others may depend on them."""
    wants_lr_test: bool = False
    """Whether a range test finds the range of the learning rate, which is that of all tested rates until then."""
    declared_lr: Dimension | None = None
    """Range of the learning rate that the recipe declares, for when a range test suggests none."""

    def texts(self) -> dict[str, str]:
        """Return the range of each setting as text."""
        return {key: str(dimension) for key, dimension in self.dimensions.items()}

    def asked(self) -> dict[str, str]:
        """Return the range of each setting as it was asked for, which a range test does not change."""
        texts = self.texts()
        if self.wants_lr_test:
            texts[LR] = texts[LR].replace(self.dimensions[LR].range_text, LR_FIND, 1)
        return texts

    def with_lr_range(self, text: str) -> Space:
        """Return the space with the learning rates that a range test has found, or those that the recipe declares.

        Args:
            text: Range that was found, such as ``log(0.01, 1)``; empty: none.

        Raises:
            UsageError: If none was found, and none is declared.
        """
        found = parse_dimension(text) if text else self.declared_lr
        if found is None:
            raise UsageError(f"the recipe declares no range, either: give one, such as --space '{LR}=log(1e-4, 1)'")
        dimension = replace(found, when=self.dimensions[LR].when)
        return replace(self, dimensions={**self.dimensions, LR: dimension})

    def is_active(self, key: str, values: Mapping[str, Option], combination: Combination) -> bool:
        """Return whether a setting is searched when the others have these *values*, and the rest their own."""
        for name, wanted in self.dimensions[key].when.items():
            if values.get(name, combination.value(name)) not in wanted:
                return False
        return combination.is_read(key, values)

    def never_met(self, key: str, combination: Combination) -> str:
        """Return a condition of a setting that never holds, such as ``recipe.optimizer=adam``; empty if all may."""
        for name, wanted in self.dimensions[key].when.items():
            searched = self.dimensions.get(name)
            possible = [value for value in wanted if searched is not None and searched.contains(value)]
            if not possible and combination.value(name) not in wanted:
                return f"{name}={'|'.join(map(value_text, wanted))}"
        return ""


def space_of(combination: Combination, given: Mapping[str, str], fixed: Iterable[str]) -> Space:
    """Return the space of a combination.

    Args:
        given: Ranges of the user by dotted key; ``off`` takes a setting out, and ``lr-find`` leaves the range of the
            learning rate to a range test.
        fixed: Dotted keys of the settings that the user has given a value, which are not searched.

    Raises:
        ZooError: If there is nothing to search, or something cannot be; all mistakes together.
    """
    declared = {RECIPE + name: text for name, text in combination.recipe.space.items()}
    declared |= {MODEL + name: text for name, text in combination.architecture.space.items()}
    fixed = set(fixed)
    errors: list[ZooError] = []
    for key in sorted(fixed & given.keys()):
        if given[key] != OFF:
            errors.append(UsageError(f"{key} is both set to a value and searched: give a value or a range, not both"))
    texts = {key: text for key, text in {**declared, **given}.items() if key not in fixed and text.strip() != OFF}
    dimensions: dict[str, Dimension] = {}
    for key, text in texts.items():
        try:
            dimensions[key] = _dimension(key, text, combination)
        except ZooError as error:
            errors.append(error)
    if not texts and not errors:
        raise NothingToSearchError(
            f"{combination.title} has no settings to search: give a range, such as --space 'recipe.lr=log(1e-4, 1)'"
        )
    if not errors:
        errors += _unread(dimensions, combination)
    ManyErrors.raise_if(errors)
    ordered = sorted(dimensions.items(), key=lambda pair: (bool(pair[1].when), pair[1].kind != "choice"))
    wants_lr_test = asks_for_lr_test(texts.get(LR, ""))
    declared_lr = _dimension(LR, declared[LR], combination) if wants_lr_test and LR in declared else None
    return Space(dimensions=dict(ordered), wants_lr_test=wants_lr_test, declared_lr=declared_lr)


def _dimension(key: str, text: str, combination: Combination) -> Dimension:
    """Return the dimension of a setting, held to the setting's type and limits."""
    combination.value(key)  # it exists
    if key in _FIXED:
        raise UsageError(f"{key} cannot be searched: {_FIXED[key]}")
    if asks_for_lr_test(text):
        if key != LR:
            raise UsageError(f"space of {key}: {LR_FIND} finds a range of {LR} only: expected one such as log(1e-4, 1)")
        text = text.replace(LR_FIND, f"log({LOWEST:g}, {HIGHEST:g})", 1)
    try:
        dimension = parse_dimension(text)
    except UsageError as error:
        raise UsageError(f"space of {key}: {error}") from error
    combination.check_type(key, whole=dimension.is_whole, fractional=dimension.kind in ("uniform", "log"))
    target = key.partition(".")[0] + "."
    when = {name if "." in name else target + name: values for name, values in dimension.when.items()}
    for name in when:
        combination.value(name)
    ends: tuple[Option, ...] = dimension.values
    if dimension.kind != "choice":
        ends = tuple(int(end) if dimension.is_whole else end for end in (dimension.low, dimension.high))
    if target == RECIPE:
        name = key.removeprefix(RECIPE)
        for end in ends:
            try:
                combination.hyperparameters.with_overrides({name: end}, owner=combination.spec.recipe.display_name)
            except ZooError as error:
                raise UsageError(f"space of {key}: {error}") from error
    return replace(dimension, when=when)


def _unread(dimensions: Mapping[str, Dimension], combination: Combination) -> list[ZooError]:
    """Return an error for each setting that is read with none of the choices."""
    choices = {key: each.values for key, each in dimensions.items() if each.kind == "choice"}
    # Ranges matter by whether they are at 0 or above it.
    ranges = {key: (each.low, each.high) for key, each in dimensions.items() if each.kind != "choice" and each.low == 0}
    names, values = list(choices) + list(ranges), list(choices.values()) + list(ranges.values())
    unread = set(dimensions)
    for picked in itertools.islice(itertools.product(*values), _MOST_CHOICES):
        settings = dict(zip(names, picked, strict=True))
        unread -= {key for key in unread if combination.is_read(key, settings)}
        if not unread:
            break
    return [
        UsageError(
            f"{key} is in the space of {combination.title}, where nothing reads it: take it out with --space {key}=off"
        )
        for key in dimensions
        if key in unread
    ]
