"""Labels: the names of rows, with the settings that distinguish a row from the others of its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.records.record import Record
from harness.records.runtime_result import runtime_name
from harness.records.spec import ProviderSpec, SearchSpec
from zoo.names import short_hash
from zoo.preparation import Preparation
from zoo.text import duration, one_line, plural


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """The names of one row."""

    model: str
    data: str
    recipe: str


def torch_minor(record: Record) -> str:
    """Return ``2.11`` for a record made with torch 2.11.0; empty if it does not say."""
    version = str(record.environment.get("torch") or "")
    return ".".join(version.split("+")[0].split(".")[:2])


def data_label(record: Record) -> str:
    """Return the name of the dataset, with bit depth, folds, resplit and limits if they were set."""
    spec = record.spec.dataset
    size = sized(record)
    extras = [f"{size} px"] if size else []
    extras += [f"{spec.bit_depth} bits"] if spec.bit_depth else []
    extras += [f"{spec.folds} folds"] if spec.folds else []
    extras += ["resplit"] if spec.resplit is not None else []
    extras += [f"train {spec.limit_train:,}"] if spec.limit_train else []
    extras += [f"test {spec.limit_test:,}"] if spec.limit_test else []
    return one_line(_with(spec.display_name, extras))


def sized(record: Record) -> int | None:
    """Return the image size that was asked for, where it is part of the dataset: in records of earlier versions.

    Later ones identify a dataset by its images as they are stored, whatever a network's input size.
    """
    return record.spec.dataset.image_size if record.spec.preparation is None else None


SMALL_IMAGES = "@small"
"""Ending of the name of a network whose early strides are reduced for small images: it is another network."""


def label_rows(records: Sequence[Record], *, over_data: bool = False) -> list[Labels]:
    """Return labels for one record of each row; different rows have different labels wherever possible.

    A label names only the settings that distinguish its row from the others of the same name.

    Args:
        records: One record of each row.
        over_data: Whether the rows are over several datasets, where a network may be reduced on one and not on another,
            and the preparation of images follows the dataset: a label names it only if nothing else sets rows apart.
    """

    def ending(record: Record) -> str:
        return SMALL_IMAGES if not over_data and record.model and record.model.small_image_changes else ""

    def models_by(settings: Callable[[Record], Mapping[str, Any]]) -> list[str]:
        return _told_apart(
            records,
            name=lambda record: record.spec.architecture.display_name + ending(record),
            full_name=lambda record: record.spec.architecture.full_name + ending(record),
            settings=settings,
        )

    has_tuned = any(record.search is not None for record in records)

    def mark(record: Record) -> str:
        if record.origin is not None:
            return ""  # what was not trained here has no settings to search
        return f", {tuned_text(record.search) or 'default'}" if has_tuned else ""

    recipes = _told_apart(
        records,
        name=lambda record: record.spec.recipe.display_name + mark(record),
        full_name=lambda record: record.spec.recipe.full_name + mark(record),
        settings=_recipe_settings,
    )
    models = models_by(_network_settings if over_data else _model_settings)
    if over_data and len(set(zip(models, recipes, map(runtime_name, records), strict=True))) < len(records):
        models = models_by(_model_settings)
    data = [data_label(record) for record in records]
    return [
        Labels(model=one_line(model), data=where, recipe=one_line(recipe))
        for model, where, recipe in zip(models, data, recipes, strict=True)
    ]


def tuned_text(search: SearchSpec | None) -> str:
    """Return how a row was tuned: ``tuned, 16 trials, 41 min``; empty if it was not.

    Of several searches, a record knows only its own, and the budget is that of all: ``tuned, 3 searches of 30m``.
    """
    if search is None:
        return ""
    if search.repeats > 1:
        return f"tuned, {search.repeats} searches of {search.budget}"
    return f"tuned, {plural(search.trials, 'trial')}, {_cost(search.seconds)}"


def _cost(seconds: float) -> str:
    """Return the time of a search as a cell has room for it: ``41 min``, ``2.5 h``."""
    if seconds < 60:
        return duration(seconds)
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3600 else f"{seconds / 3600:.1f} h"


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
        if len(indices) == 1:  # as most models in a large table
            labels[indices[0]] = shown
            continue
        full_names = {full_name(records[index]) for index in indices}
        all_settings = [settings(records[index]) for index in indices]
        for index, own, keys in zip(indices, all_settings, _distinguishing(all_settings), strict=True):
            extras = [f"{key}={_shown(own[key])}" for key in keys]
            labels[index] = _with(full_name(records[index]) if len(full_names) > 1 else shown, extras)
    return labels


def _distinguishing(all_settings: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return for each settings the keys that distinguish it from all others, as few as a greedy choice finds.

    A key that one of two settings lacks does not distinguish them: a trial that never started does not know its torch
    version.
    """
    values = [{key: repr(value) for key, value in own.items()} for own in all_settings]
    keys = list(dict.fromkeys(key for own in values for key in own))
    differing = [key for key in keys if len({own[key] for own in values if key in own}) > 1]
    if not differing:
        return [[] for _ in values]
    alike: dict[str, dict[str, set[int]]] = {}
    """For each key and value, which settings have that value, or lack the key."""
    for key in differing:
        lacking = {place for place, own in enumerate(values) if key not in own}
        by_value: dict[str, set[int]] = {}
        for place, own in enumerate(values):
            if key in own:
                by_value.setdefault(own[key], set(lacking)).add(place)
        alike[key] = by_value
    found = []
    for place, own in enumerate(values):
        others = set(range(len(values))) - {place}
        chosen: set[str] = set()
        while others:
            left = {key: others & alike[key][own[key]] for key in differing if key in own}
            best = min(left, key=lambda key: len(left[key]), default=None)
            if best is None or len(left[best]) == len(others):
                break
            chosen.add(best)
            others = left[best]
        found.append([key for key in differing if key in chosen])
    return found


def _model_settings(record: Record) -> dict[str, Any]:
    preparation = {**_preparation(record.spec.preparation), "small_images": record.spec.execution.small_images}
    return {**record.spec.architecture.options, **preparation, **_network_settings(record)}


def _network_settings(record: Record) -> dict[str, Any]:
    """Return the settings of a model that do not depend on the images of a dataset."""
    spec = record.spec
    return {
        **spec.architecture.options,
        "version": spec.architecture.version or spec.architecture.provider.version,
        "code": _code(spec.architecture.provider),
        **({"torch": torch_minor(record)} if torch_minor(record) else {}),
        **_origin(record),
    }


def _preparation(preparation: Preparation | None) -> dict[str, Any]:
    if preparation is None:
        return {}
    return {
        "image_size": preparation.size,
        **{name: getattr(preparation, name) for name in ("fit", "crop_share", "interpolation", "antialias")},
    }


def _origin(record: Record) -> dict[str, Any]:
    if record.origin is None:
        return {}
    contents = "".join(record.origin.identity["files"])
    return {"source": record.origin.source, "content": short_hash(contents, 7), "classes": record.origin.mapping}


def _recipe_settings(record: Record) -> dict[str, Any]:
    spec = record.spec
    hyperparameters = spec.recipe.hyperparameters
    # First, and so named before what merely goes with it, such as the learning rate of a backbone from scratch.
    weights = {"pretrained": hyperparameters["pretrained"]} if "pretrained" in hyperparameters else {}
    sizes = {"train_per_class": "all"} if hyperparameters.get("train_per_class") == 0 else {}
    return {
        **_search(record.search),
        **weights,
        **hyperparameters,
        **sizes,
        "precision": spec.execution.precision,
        "version": spec.recipe.provider.version,
        "code": _code(spec.recipe.provider),
    }


def _search(search: SearchSpec | None) -> dict[str, Any]:
    if search is None:
        return {}
    ranges = {f"space of {key.removeprefix('recipe.')}": text for key, text in search.space.items()}
    return {**ranges, "sampler": search.sampler, "pruner": search.pruner}


def _code(provider: ProviderSpec) -> str:
    return provider.code_hash[:7]


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _with(name: str, extras: Sequence[str]) -> str:
    return f"{name} ({', '.join(extras)})" if extras else name
