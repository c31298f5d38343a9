"""Key differences: which fields of the two keys differ between two trials, or between a trial and a run today."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.records.keys import ENGINE_VERSION, measurement_fields, result_fields
from harness.records.provenance import MISSING, code_differences, provider_spec
from harness.records.record import Record
from harness.records.spec import ProviderSpec, TrialSpec
from zoo.calling.containment import hyperparameters_of
from zoo.catalog import Catalog, Entry
from zoo.errors import ZooError


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldDifference:
    """A field with different values on the two sides."""

    field: str
    """Dotted name, such as ``hyperparameters.lr``."""
    left: Any
    right: Any


def result_differences(left: Record, right: Record) -> list[FieldDifference]:
    """Return the fields by which the result keys of two trials differ."""
    found = _differences(_result_fields(left), _result_fields(right))
    return list(_with_parts(found, _providers(left.spec), _providers(right.spec)))


def measurement_differences(left: Record, right: Record) -> list[FieldDifference]:
    """Return the fields by which the measurement keys of two trials differ, so that their speeds cannot be compared."""
    return list(_differences(_measurement_fields(left), _measurement_fields(right)))


def differences_from_today(record: Record, catalog: Catalog) -> list[FieldDifference]:
    """Return the differences that would make the same command run the trial again, apart from the dataset's content.

    Raises:
        ZooError: If a plugin of the trial is no longer in the catalog.
    """
    then = _result_fields(record)
    spec = record.spec
    architecture = catalog.architectures.get(spec.architecture.full_name)
    recipe = catalog.recipes.get(spec.recipe.full_name)
    defaults = hyperparameters_of(recipe.record, recipe.display_name, recipe.provider)
    today = {
        **then,
        "architecture_version": architecture.record.version,
        "architecture_code": provider_spec(architecture).code_hash,
        "architecture_options": {**architecture.record.options, **_known(spec.architecture.options, architecture)},
        "recipe_code": provider_spec(recipe).code_hash,
        "hyperparameters": {
            **defaults.model_dump(mode="json"),
            **{key: value for key, value in spec.recipe.hyperparameters.items() if key in type(defaults).model_fields},
        },
        "torch": ".".join(importlib.metadata.version("torch").split("+")[0].split(".")[:2]),
        "engine": ENGINE_VERSION,
    }
    providers = {"architecture_code": provider_spec(architecture), "recipe_code": provider_spec(recipe)}
    return list(_with_parts(_differences(then, today), _providers(spec), providers))


def _providers(spec: TrialSpec) -> dict[str, ProviderSpec]:
    return {"architecture_code": spec.architecture.provider, "recipe_code": spec.recipe.provider}


def _with_parts(
    differences: Iterable[FieldDifference], left: Mapping[str, ProviderSpec], right: Mapping[str, ProviderSpec]
) -> Iterator[FieldDifference]:
    """Yield *differences* with the modules, files and libraries that changed in place of a hash over all of them."""
    for each in differences:
        parts = code_differences(left[each.field], right[each.field]) if each.field in left else {}
        if not parts:
            yield each
        for name, (one, other) in parts.items():
            yield FieldDifference(field=f"{each.field}: {name}", left=one, right=other)


def _known(options: Mapping[str, Any], entry: Entry[Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name in entry.record.options}


def _result_fields(record: Record) -> dict[str, Any]:
    if record.data is None or not (record.environment.get("torch") or record.origin):
        raise ZooError(f"{record.trial_id} ended before recording its data and environment: {record.reason}")
    return result_fields(
        record.spec,
        fingerprint=record.data.fingerprint,
        pixels=record.data.pixels,
        torch_version=str(record.environment.get("torch", "")),
        origin=record.origin,
    )


def _measurement_fields(record: Record) -> dict[str, Any]:
    return measurement_fields(record.spec, record.environment)


def _differences(left: Mapping[str, Any], right: Mapping[str, Any], prefix: str = "") -> Iterator[FieldDifference]:
    for name in dict.fromkeys([*left, *right]):
        one, other = left.get(name, MISSING), right.get(name, MISSING)
        if one == MISSING and isinstance(other, Mapping) and other:
            one = {}  # each of its fields is named
        if other == MISSING and isinstance(one, Mapping) and one:
            other = {}
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _differences(one, other, f"{prefix}{name}.")
        elif one != other:
            yield FieldDifference(field=f"{prefix}{name}", left=one, right=other)
