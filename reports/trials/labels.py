"""Labels: what a row is called, with whatever tells it from the other rows of its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.records.record import Record
from harness.records.spec import ProviderSpec
from zoo.text import one_line


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """The words for one row."""

    model: str
    data: str
    recipe: str


def torch_minor(record: Record) -> str:
    """Return ``2.11`` for a record made with torch 2.11.0; empty where it does not say."""
    version = str(record.environment.get("torch") or "")
    return ".".join(version.split("+")[0].split(".")[:2])


def data_label(record: Record) -> str:
    """Return the dataset's name, with what was asked of it beyond its name."""
    spec = record.spec.dataset
    extras = [f"{spec.image_size} px"] if spec.image_size else []
    extras += [f"{spec.folds} folds"] if spec.folds else []
    extras += [f"train {spec.limit_train:,}"] if spec.limit_train else []
    extras += [f"test {spec.limit_test:,}"] if spec.limit_test else []
    return one_line(_with(spec.display_name, extras))


def label_rows(records: Sequence[Record]) -> list[Labels]:
    """Return labels for one record of each row, such that different rows read differently wherever they can.

    A setting is named only where rows of the same name differ in it.
    """
    models = _told_apart(
        records,
        name=lambda record: record.spec.architecture.display_name,
        full_name=lambda record: record.spec.architecture.full_name,
        settings=_model_settings,
    )
    recipes = _told_apart(
        records,
        name=lambda record: record.spec.recipe.display_name,
        full_name=lambda record: record.spec.recipe.full_name,
        settings=_recipe_settings,
    )
    data = [data_label(record) for record in records]
    return [
        Labels(model=one_line(model), data=where, recipe=one_line(recipe))
        for model, where, recipe in zip(models, data, recipes, strict=True)
    ]


def _told_apart(
    records: Sequence[Record],
    *,
    name: Callable[[Record], str],
    full_name: Callable[[Record], str],
    settings: Callable[[Record], Mapping[str, Any]],
) -> list[str]:
    by_name: dict[str, list[int]] = {}
    for index, record in enumerate(records):
        by_name.setdefault(name(record), []).append(index)
    labels = [""] * len(records)
    for shown, indices in by_name.items():
        full_names = {full_name(records[index]) for index in indices}
        all_settings = {index: settings(records[index]) for index in indices}
        keys = dict.fromkeys(key for each in all_settings.values() for key in each)
        # A key that only some have is not counted: a trial that never started does not know its torch version.
        differing = [key for key in keys if len({repr(each[key]) for each in all_settings.values() if key in each}) > 1]
        for index in indices:
            mine = all_settings[index]
            extras = [f"{key}={_shown(mine[key])}" for key in differing if key in mine]
            labels[index] = _with(full_name(records[index]) if len(full_names) > 1 else shown, extras)
    return labels


def _model_settings(record: Record) -> dict[str, Any]:
    spec = record.spec
    return {
        **spec.architecture.options,
        "small_images": spec.execution.small_images,
        "version": spec.architecture.version or spec.architecture.provider.version,
        "code": _code(spec.architecture.provider),
        **({"torch": torch_minor(record)} if torch_minor(record) else {}),
    }


def _recipe_settings(record: Record) -> dict[str, Any]:
    spec = record.spec
    return {
        **spec.recipe.hyperparameters,
        "precision": spec.execution.precision,
        "version": spec.recipe.provider.version,
        "code": _code(spec.recipe.provider),
    }


def _code(provider: ProviderSpec) -> str:
    return provider.code_hash[:7]


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _with(name: str, extras: Sequence[str]) -> str:
    return f"{name} ({', '.join(extras)})" if extras else name
