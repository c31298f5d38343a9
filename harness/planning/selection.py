"""Selection: a request's names and patterns resolved against the catalog, with all mistakes reported together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import TypeVar

from harness.planning.class_mapping import read_class_map
from harness.planning.classifiers import GivenClassifier, is_given
from harness.planning.preparing import BIT_DEPTH, FIELDS, asked_preparation
from harness.planning.request import OWN_RUNTIME, SHORT_FOR, BenchRequest
from harness.planning.selected import SelectedArchitecture, SelectedDataset, SelectedRecipe, Selection
from harness.planning.unread_settings import check_settings
from harness.records.seed_schedule import MAX_SEEDS
from harness.records.spec import MAX_BIT_DEPTH
from zoo.architecture import Architecture
from zoo.calling.containment import hyperparameters_of
from zoo.catalog import Catalog, Entry, RecordT, Registry
from zoo.dataset import Dataset
from zoo.dependencies import require_libraries
from zoo.errors import ManyErrors, UnknownNameError, UsageError, ZooError
from zoo.hyperparameters import FeatureHyperparameters
from zoo.names import is_pattern, near_names
from zoo.options import Option, resolve_options
from zoo.recipe import Recipe

READ_WITHOUT_TRAINING = ("batch_size", "test_views")
"""Hyperparameters that count if nothing is trained."""
_OVERRIDE_TARGETS = ("model", "data", "recipe")
_SECOND_TARGET = "then"
_READERS = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".tar": "tar"}
"""Datasets that read a file, by its suffix."""
"""Its overrides are for the recipes that come afterwards (see :attr:`BenchRequest.second`)."""
S = TypeVar("S")
T = TypeVar("T")


def select(request: BenchRequest, catalog: Catalog, given: Mapping[str, GivenClassifier] | None = None) -> Selection:
    """Resolve a request against a catalog.

    Args:
        request: Names, patterns and settings.
        catalog: What can be selected.
        given: The classifiers that the request names by a path, by these names.

    Raises:
        ZooError: For unknown or ambiguous names, patterns without a match and bad overrides, all together.
    """
    errors = _Collector()
    overrides = errors.get(lambda: _split_overrides(request)) or {target: {} for target in _OVERRIDE_TARGETS}
    (of_data,) = errors.get(lambda: _data_overrides(overrides["data"])) or ({},)
    by_path = [name for name in request.models if is_given(name)]
    tagged = _tagged_entries([name for name in request.models if name not in by_path], catalog.architectures, errors)
    architectures = errors.each(
        product(tagged, _grid(overrides["model"])), lambda pair: _select_architecture(*pair[0], pair[1])
    )
    if by_path and overrides["model"]:
        errors.add(UsageError(f"model.{next(iter(overrides['model']))} cannot be set for {by_path[0]}: it is as it is"))
    class_map = errors.get(lambda: read_class_map(request.class_map))
    datasets = errors.each(
        _datasets(request.data, catalog.datasets, errors),
        lambda pair: _select_dataset(*pair, of_data),
    )
    entries = _entries(request.recipes, catalog.recipes, errors)
    trains = bool(request.then) or any(each.record.trains and each.record.fit_head is None for each in entries)
    recipes = errors.each(
        product(entries, _grid(overrides["recipe"])), lambda pair: _select_recipe(*pair, beside_training=trains)
    )
    recipes = list({(each.entry.full_name, each.hyperparameters.model_dump_json()): each for each in recipes}.values())
    recipes = [sized for found in errors.each(recipes, lambda recipe: _sized(recipe, request)) for sized in found]
    # How the trials themselves run needs no plugin.
    for entry in _entries([name for name in request.runtimes if name != OWN_RUNTIME], catalog.runtimes, errors):
        errors.get(partial(require_libraries, entry.record.libraries, f"runtime {entry.display_name!r}"))
    if request.folds is not None and (request.limit_train is not None or request.limit_test is not None):
        errors.add(
            UsageError("folds cannot be combined with limit_train or limit_test, because they test every image once")
        )
    if request.is_tuned:
        errors.get(partial(require_libraries, ("optuna",), "a search for settings"))
    for problem in _search_problems(request):
        errors.add(UsageError(problem))
    if request.max_seeds != MAX_SEEDS and request.seeds != "auto":
        errors.add(UsageError(f"max_seeds is for seeds=auto, and seeds is {request.seeds}: give one of them"))
    errors.raise_all()
    return Selection(
        architectures=tuple(architectures),
        classifiers=tuple((given or {})[name] for name in dict.fromkeys(by_path) if name in (given or {})),
        class_map="auto" if class_map is None else class_map,
        datasets=tuple(datasets),
        recipes=tuple(recipes),
        seeds=tuple(range(request.first_seed, request.first_seed + request.most_seeds)),
        request=request,
    )


def _search_problems(request: BenchRequest) -> Iterator[str]:
    """Yield a sentence for each setting of a search that does not go together with the others."""
    if not request.is_tuned:
        if request.space or request.tune_repeats > 1 or request.pruner != "none":
            given = "space" if request.space else "tune_repeats" if request.tune_repeats > 1 else "pruner"
            yield f"{given} belongs to a search, and there is none: give tune, its number of trials, or tune_budget"
        return
    if request.resplit:
        yield (
            "tune cannot be combined with resplit: settings are chosen on one validation split, and other seeds would "
            "train on its images"
        )
    if request.folds is not None:
        yield "tune cannot be combined with folds: each fold would need a search of its own, without its test images"
    if request.tune_repeats > 1 and request.seeds != request.tune_repeats:
        yield (
            f"tune_repeats = {request.tune_repeats} needs as many seeds, because each is tested with the settings of "
            f"its own search, and seeds is {request.seeds}: give seeds = {request.tune_repeats}"
        )


def select_datasets(request: BenchRequest, catalog: Catalog) -> tuple[SelectedDataset, ...]:
    """Resolve only a request's datasets, and ignore its models and recipes.

    Raises:
        ZooError: As in :func:`select`, and for overrides other than ``data.KEY``.
    """
    errors = _Collector()
    overrides = errors.get(lambda: _split_overrides(request)) or {"data": {}}
    for target in sorted(overrides.keys() - {"data"}):
        for name in overrides[target]:
            errors.add(UsageError(f"override '{target}.{name}': only data.KEY=VALUE can be set here"))
    (of_data,) = errors.get(lambda: _data_overrides(overrides["data"])) or ({},)
    datasets = errors.each(
        _datasets(request.data, catalog.datasets, errors), lambda pair: _select_dataset(*pair, of_data)
    )
    errors.raise_all()
    return tuple(datasets)


class _Collector:
    """Runs steps and collects their errors, so that all mistakes are reported together."""

    def __init__(self) -> None:
        self._errors: dict[str, ZooError] = {}

    def get(self, step: Callable[[], T]) -> T | None:
        try:
            return step()
        except ZooError as error:
            self.add(error)
            return None

    def each(self, items: Iterable[S], step: Callable[[S], T]) -> list[T]:
        results = [self.get(partial(step, item)) for item in items]
        return [result for result in results if result is not None]

    def add(self, error: ZooError) -> None:
        self._errors.setdefault(str(error), error)

    def raise_all(self) -> None:
        ManyErrors.raise_if(self._errors.values())


def _entries(names: Iterable[str], registry: Registry[RecordT], errors: _Collector) -> list[Entry[RecordT]]:
    found: dict[str, Entry[RecordT]] = {}
    for name in names:
        for entry in errors.get(partial(_matching, name, registry)) or []:
            found.setdefault(entry.full_name, entry)
    return list(found.values())


def _tagged_entries(
    names: Iterable[str], registry: Registry[Architecture], errors: _Collector
) -> list[tuple[Entry[Architecture], str]]:
    """Return architectures, each with the tag of published weights that its name ends with, or ``""``."""
    found: dict[tuple[str, str], tuple[Entry[Architecture], str]] = {}
    for name in names:
        tagged = _with_tag(name, registry)
        pairs = [tagged] if tagged else [(entry, "") for entry in errors.get(partial(_matching, name, registry)) or []]
        for entry, tag in pairs:
            found.setdefault((entry.full_name, tag), (entry, tag))
    return list(found.values())


def _with_tag(name: str, registry: Registry[Architecture]) -> tuple[Entry[Architecture], str] | None:
    if is_pattern(name) or name in registry:
        return None
    for place, letter in enumerate(name):
        if letter == "." and name[:place] in registry:
            entry = registry.get(name[:place])
            if "weights" in entry.record.options:
                return entry, name[place + 1 :]
    return None


def _matching(name: str, registry: Registry[RecordT]) -> list[Entry[RecordT]]:
    if not is_pattern(name):
        return [registry.get(name)]
    matched = registry.match(name)
    if not matched:
        raise UnknownNameError(registry.kind, name, hint="(a pattern that matches nothing)")
    return matched


def _datasets(
    names: Iterable[str], registry: Registry[Dataset], errors: _Collector
) -> list[tuple[Entry[Dataset], str]]:
    found: dict[tuple[str, str], tuple[Entry[Dataset], str]] = {}
    for text in names:
        name, colon, argument = text.partition(":")
        for entry in errors.get(partial(_matching_datasets, text, name, registry)) or []:
            if is_pattern(name) and entry.record.argument:
                continue  # patterns only match complete datasets, not those that need an argument
            if problem := _argument_problem(entry, bool(colon), argument):
                errors.add(problem)
                continue
            found.setdefault((entry.full_name, argument), (entry, argument))
    return list(found.values())


def _matching_datasets(text: str, name: str, registry: Registry[Dataset]) -> list[Entry[Dataset]]:
    """Return the datasets with a name or pattern; a path alone is refused with the name of what reads it."""
    try:
        return _matching(name, registry)
    except UnknownNameError:
        if reader := _reader_of(Path(text)):
            raise UsageError(f"{text!r} is no dataset but a path: write {reader}:{text} to read it") from None
        raise


def _reader_of(path: Path) -> str:
    """Return the dataset that reads *path*; empty if it is not there, or nothing is known to read it."""
    try:
        if path.is_dir():
            return "folder"
        return _READERS.get(path.suffix.lower(), "") if path.is_file() else ""
    except (OSError, ValueError):  # such as a name that is too long, or with NUL
        return ""


def _argument_problem(entry: Entry[Dataset], has_colon: bool, argument: str) -> UsageError | None:
    wanted = entry.record.argument
    if wanted and not argument:
        return UsageError(f"dataset {entry.display_name!r} needs an argument: {entry.display_name}:{wanted}")
    if has_colon and not wanted:
        return UsageError(f"dataset {entry.display_name!r} takes no argument, but was given {argument!r}")
    return None


def _select_architecture(entry: Entry[Architecture], tag: str, given: Mapping[str, Option]) -> SelectedArchitecture:
    options = resolve_options(entry.record.options, given, owner=f"model {entry.display_name}")
    if tag:
        if options["weights"] not in (None, tag):
            raise UsageError(f"model.weights={options['weights']} contradicts the tag in {entry.display_name}.{tag}")
        options = {**options, "weights": tag}
    return SelectedArchitecture(entry=entry, options=options, tag=tag)


def _select_dataset(entry: Entry[Dataset], argument: str, given: Mapping[str, Option]) -> SelectedDataset:
    # Images of every dataset are decoded and prepared by the harness, so these options are not the dataset's.
    given = dict(given)
    own = {name: given.pop(name) for name in (*FIELDS, BIT_DEPTH) if name in given and name not in entry.record.options}
    bit_depth = own.pop(BIT_DEPTH, None)
    if bit_depth is not None and (type(bit_depth) is not int or not 1 <= bit_depth <= MAX_BIT_DEPTH):
        raise UsageError(f"data.bit_depth must be a whole number from 1 to {MAX_BIT_DEPTH}, got {bit_depth!r}")
    options = resolve_options(entry.record.options, given, owner=f"dataset {entry.display_name}")
    require_libraries(entry.record.libraries, f"dataset {entry.display_name!r}")
    return SelectedDataset(
        entry=entry, argument=argument, options=options, asked=asked_preparation(own), bit_depth=bit_depth
    )


def _select_recipe(
    entry: Entry[Recipe], given: Mapping[str, Option], *, beside_training: bool = False
) -> SelectedRecipe:
    if not entry.record.trains:
        # In a bench, they are meant for the recipes beside it.
        unread = [key for key in given if key not in READ_WITHOUT_TRAINING]
        if unread and not beside_training:
            raise UsageError(f"recipe.{unread[0]} has no effect in {entry.display_name}, which trains nothing")
        given = {key: value for key, value in given.items() if key not in unread}
    if entry.record.fit_head is not None and beside_training:
        shared = {long.partition(".")[2] for long in SHORT_FOR.values()} - {"pretrained"}
        given = {key: value for key, value in given.items() if key not in shared}
    hyperparameters = hyperparameters_of(entry.record, entry.display_name, entry.provider).with_overrides(
        given, owner=entry.display_name
    )
    ManyErrors.raise_if(check_settings(entry.record, entry.display_name, given, hyperparameters))
    return SelectedRecipe(entry=entry, hyperparameters=hyperparameters)


def _sized(recipe: SelectedRecipe, request: BenchRequest) -> list[SelectedRecipe]:
    """Return a recipe once for each number of training images per class that was asked for.

    Raises:
        UsageError: If it trains on all images, or the number is also set in another way.
    """
    if not request.train_sizes:
        return [recipe]
    hp, name = recipe.hyperparameters, recipe.entry.display_name
    if not isinstance(hp, FeatureHyperparameters):
        raise UsageError(f"train_sizes: {name} trains on all images; choose recipes on features, such as probe or knn")
    if hp.train_per_class:
        raise UsageError(f"train_sizes: recipe.train_per_class={hp.train_per_class} is set as well; give one of them")
    return [
        replace(recipe, hyperparameters=hp.model_copy(update={"train_per_class": 0 if size == "all" else int(size)}))
        for size in request.train_sizes
    ]


def _grid(given: Mapping[str, Option | tuple[Option, ...]]) -> list[dict[str, Option]]:
    """Return each combination of values; one where every setting has a single value."""
    values = [dict.fromkeys(each) if isinstance(each, tuple) else (each,) for each in given.values()]
    return [dict(zip(given, picked, strict=True)) for picked in product(*values)]


def _data_overrides(given: Mapping[str, Option | tuple[Option, ...]]) -> list[dict[str, Option]]:
    ManyErrors.raise_if(
        UsageError(
            f"data.{name} = {', '.join(map(str, value))}: expected one value, because other images make another table; "
            "run a bench for each"
        )
        for name, value in given.items()
        if isinstance(value, tuple)
    )
    return _grid(given)


def _split_overrides(request: BenchRequest) -> dict[str, dict[str, Option | tuple[Option, ...]]]:
    overrides: dict[str, dict[str, Option | tuple[Option, ...]]] = {target: {} for target in _OVERRIDE_TARGETS}
    errors: list[ZooError] = []
    for key, value in request.set.items():
        target, dot, name = key.partition(".")
        if target in overrides and name:
            overrides[target][name] = value
            continue
        if target == _SECOND_TARGET and name:
            if not request.then:
                errors.append(UsageError(f"override {key!r}: there are no recipes to train afterwards (then)"))
            continue
        near = near_names(target, _OVERRIDE_TARGETS)
        hint = "an override is recipe.KEY=VALUE, model.KEY=VALUE or data.KEY=VALUE"
        if dot and near:
            hint = f"did you mean {near[0]}.{name}? {hint}"
        errors.append(UsageError(f"override {key!r}: {hint}"))
    for short, long in SHORT_FOR.items():
        target, _, name = long.partition(".")
        value, known = getattr(request, short), overrides[target]
        if value is None:
            continue
        if known.get(name, value) != value:
            errors.append(UsageError(f"{target}.{name} is set twice, to {known[name]!r} and {value!r}"))
        known[name] = value
    ManyErrors.raise_if(errors)
    return overrides
