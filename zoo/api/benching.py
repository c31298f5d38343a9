"""Benching: ``zoo.bench``, which trains and tests every selected combination and ranks the results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from zoo.api.given.images import keep_images
from zoo.api.given.networks import given_networks, names_of_models
from zoo.api.ranking import Ranking
from zoo.names import DEFAULT_RUNS

if TYPE_CHECKING:
    from typing import Unpack

    from harness.records.record import Record
    from zoo.api.ordering import BenchOrder, OrderForm
    from zoo.api.plugin_choice import PluginFiles
    from zoo.api.running.flow import BenchOutcome
    from zoo.api.running.planning import BenchPlan
    from zoo.catalog import Catalog
    from zoo.options import Option

RUN_DEFAULTS: Mapping[str, Any] = {
    "data_root": None,
    "cache_limit": None,
    "offline": False,
    "retry": False,
    "timeout": None,
    "listen": (),
    "jobs": None,
    "devices": None,
    "jobs_per_device": None,
    "executor": None,
    "executor_options": (),
    "address": None,
}
"""Settings of how a bench runs, with their defaults; all others are fields of a request."""


Models = str | Callable[..., Any] | Sequence[str | Callable[..., Any]] | Mapping[str, Callable[..., Any]]
"""Names, and functions that make networks."""


class BenchOptions(TypedDict, total=False):
    """The other settings of ``zoo.bench``: the options of ``zoo bench`` with underscores, and their meanings."""

    max_seeds: int
    budget: str
    tune: int
    tune_budget: str
    tune_repeats: int
    sampler: Literal["tpe", "random"]
    pruner: Literal["none", "asha", "hyperband"]
    space: Mapping[str, str]
    first_seed: int
    batch_size: int
    pretrained: bool
    image_size: int
    limit_train: int
    limit_test: int
    val_fraction: float
    folds: int
    resplit: bool
    argmax: Literal["subset", "all"]
    class_map: str
    device: str
    gpus_per_trial: int
    precision: Literal["auto", "fp32", "bf16", "fp16"]
    layout: Literal["auto", "channels_last", "contiguous"]
    batched_seeds: Literal["auto", "on", "off"]
    threads: int
    measure_seconds: float
    compile: Literal["auto", "on", "graphs", "off"]
    best_inference: bool
    runtimes: Sequence[str]
    train_sizes: Sequence[int | str]
    then: Sequence[str]
    test_also: Sequence[str]
    small_images: bool
    data_root: str | PathLike[str]
    cache_limit: str | int
    offline: bool
    retry: bool
    timeout: float
    listen: Sequence[str]
    jobs: int | Literal["auto"]
    devices: Sequence[int] | Literal["all"]
    jobs_per_device: int
    executor: str
    executor_options: Mapping[str, Option]
    address: str
    plugins: Sequence[str | PathLike[str]]
    strict_plugins: bool
    no_plugins: bool
    suite: str | PathLike[str]
    show: Literal["auto", "lines", "nothing"]


@dataclass(frozen=True, slots=True)
class BenchResult(Ranking):
    """The outcome of a bench, ranked."""

    store: Path = Path(DEFAULT_RUNS)
    """Folder of the records."""
    outcome: BenchOutcome | None = None
    """What ran, was reused, failed or was not started."""
    problems: tuple[str, ...] = ()
    """A sentence for everything that went wrong, such as causes of failures."""

    @property
    def records(self) -> tuple[Record, ...]:
        """The record of every trial that ran or was reused, in the order of the plan."""
        return self.outcome.summary.records if self.outcome else ()

    @property
    def is_complete(self) -> bool:
        """Whether every requested trial and runtime is done: the command would exit with 0."""
        return not self.problems

    def __repr__(self) -> str:
        counts = self.outcome.summary.counts if self.outcome else {}
        listed = ", ".join(f"{count} {name}" for name, count in counts.items())
        return f"<bench in {self.store}: {listed or 'no trials'}>"


def bench(
    models: Models | None = None,
    data: Any = None,
    recipes: str | Sequence[str] | None = None,
    *,
    seeds: int | Literal["auto"] | None = None,
    epochs: int | None = None,
    set: Mapping[str, Option | Sequence[Option]] | None = None,
    out: str | PathLike[str] = DEFAULT_RUNS,
    **options: Unpack[BenchOptions],
) -> BenchResult:
    """Train and test every selected combination, and rank the results, as ``zoo bench`` does.

    The same settings give the same keys, records and predictions as the command. Running the same call again continues
    where it stopped: finished trials are reused. A failed trial is a row without a result and a sentence in
    ``problems``, not an exception.

    Args:
        models: Names and patterns, as a list or separated by commas; also ``nn.Module`` classes and functions that make
            networks, in a list or by name: ``{"wide": lambda num_classes: Net(num_classes, width=64)}``.
        data: Names, with an argument where a dataset takes one: ``folder:photos``; or images with labels, of which
            :func:`zoo.keep_images` says what they may be.
        recipes: Names and patterns.
        seeds: Number of seeds, or ``"auto"``.
        epochs: Number of epochs; overrides the recipes.
        set: Overrides by dotted key: ``{"recipe.lr": 0.05}``; ``{"recipe.lr": [0.01, 0.1]}`` makes a row of each.
        out: Folder of the records.
        options: See :class:`BenchOptions`.

    Raises:
        ZooError: With every mistake in the settings, or if a dataset or the device is not available.
        KeyboardInterrupt: If the user stopped it; what is finished is kept, and the same call continues.

    Example:
        >>> import zoo
        >>> result = zoo.bench("linear", "digits", seeds=1, epochs=1, show="nothing")
        >>> list(result.table["model"])
        ['linear']
        >>> result.is_complete
        True
    """
    from zoo.api.display.notebook import showing
    from zoo.api.running.flow import refuse_empty, run_order
    from zoo.api.running.forecast import expected_times

    given = dict(options, models=models, data=data, recipes=recipes, seeds=seeds, epochs=epochs, set=set)
    call = read_call(given, out=out)
    order = call.order
    refuse_empty(order)
    skips = order.chosen.plan.skip_sentences  # the flow shows them
    with showing(call.show, expected_times(order)) as progress:
        for note in call.notes:
            progress.note(note)
        outcome = run_order(order, progress)
    if outcome.is_interrupted:
        raise KeyboardInterrupt("interrupted; run the same call again to continue")
    return result_of(outcome, order.chosen.catalog, order.store, plugins=call.plugins, notes=(*call.notes, *skips))


def plan(  # parameters: those of zoo.bench, a probe and a difference
    models: Models | None = None,
    data: Any = None,
    recipes: str | Sequence[str] | None = None,
    *,
    seeds: int | Literal["auto"] | None = None,
    epochs: int | None = None,
    set: Mapping[str, Option | Sequence[Option]] | None = None,
    out: str | PathLike[str] = DEFAULT_RUNS,
    probe: bool = False,
    detect: float | None = None,
    **options: Unpack[BenchOptions],
) -> BenchPlan:
    """Return what :func:`zoo.bench` would run with the same settings, how long it would take, and what it would skip.

    Times and memory are estimated from the records in *out* that were made on this machine, as ``zoo plan`` does.
    Without *probe*, nothing is downloaded, read or run, and torch is not imported.

    Args:
        models: As for :func:`zoo.bench`.
        data: As for :func:`zoo.bench`.
        recipes: Names and patterns.
        seeds: Number of seeds, or ``"auto"``.
        epochs: Number of epochs; overrides the recipes.
        set: Overrides by dotted key.
        out: Folder of the records to learn from.
        probe: Whether to prepare the data, and time a few batches of each unknown combination.
        detect: Difference of accuracy in points, above 0 and below 100: how many seeds and test images would show it.
        options: See :class:`BenchOptions`.

    Raises:
        ZooError: With every mistake in the settings.
        KeyboardInterrupt: If the user stopped a probe; what was measured is kept, and the same call continues.

    Example:
        >>> import zoo
        >>> plan = zoo.plan("linear,lenet5", "digits", "sgd_quick", seeds=2)
        >>> len(plan), list(plan.table["model"])
        (4, ['linear', 'lenet5'])
    """
    from zoo.api.running.planning import plan_of
    from zoo.errors import UsageError

    if detect is not None and not 0 < detect < 100:
        raise UsageError(f"detect = {detect}: expected points of accuracy, above 0 and below 100")
    given = dict(options, models=models, data=data, recipes=recipes, seeds=seeds, epochs=epochs, set=set)
    call = read_call(given, out=out, caller="zoo.plan", is_dry=not probe)
    return plan_of(call.order, points=detect, show=call.show if probe else None)


@dataclass(frozen=True, kw_only=True, slots=True)
class PythonCall:
    """What a call of ``zoo.bench`` or ``zoo.plan`` asks for."""

    order: BenchOrder
    plugins: PluginFiles
    """Plugin files, with those of networks that were given as objects."""
    notes: tuple[str, ...]
    """A sentence for each given network that cannot be told from another by its source, and for images that differ
    from reading to reading.
    """
    show: str
    """How to show progress."""


def read_call(
    given: Mapping[str, Any], *, out: str | PathLike[str], caller: str = "zoo.bench", is_dry: bool = False
) -> PythonCall:
    """Read the arguments of a call; None stands for what is not given.

    Args:
        given: Arguments by name, with ``models`` and ``data`` as objects where they were given as such.
        out: Folder of the records.
        caller: Who was called, in the sentences on mistakes.
        is_dry: Whether nothing is to be run, so that the cache need not be writable.

    Raises:
        ZooError: With every mistake in the settings.
    """
    from zoo.api.choosing import attempt
    from zoo.api.plugin_choice import PluginChoice

    given = dict(given)
    models, data = given.get("models"), given.get("data")
    networks = given_networks(models)
    choice = PluginChoice(
        files=(*given.pop("plugins", ()), *(network.file for network in networks.values())),
        strict=given.pop("strict_plugins", False),
        installed=not given.pop("no_plugins", False),
    )
    show = given.pop("show", "auto")
    given["models"] = names_of_models(models, networks)
    notes: list[str] = [network.note for network in networks.values() if network.note]
    if data is not None and not _are_names(data):
        given["data"] = keep_images(data, note=notes.append)
    form, errors = form_of(given, out=out, caller=caller)
    return PythonCall(
        order=replace(form, is_dry=is_dry).read(attempt(choice.catalog, errors), choice.sources(), errors=errors),
        plugins=choice.files,
        notes=tuple(notes),
        show=show,
    )


def _are_names(data: object) -> bool:
    several = [data] if isinstance(data, str) else data
    return isinstance(several, list | tuple) and all(isinstance(each, str) for each in several) and bool(several)


def form_of(
    given: Mapping[str, Any], *, out: str | PathLike[str], caller: str = "zoo.bench"
) -> tuple[OrderForm, list[Any]]:
    """Return the settings of a call as a form, and the mistakes found so far; None stands for what is not given."""
    from harness.planning.request import SHORT_FOR, BenchRequest, load_suite
    from zoo.api.choosing import attempt
    from zoo.api.ordering import OrderForm, as_argument
    from zoo.errors import UnknownNameError
    from zoo.names import near_names

    errors: list[Any] = []
    settings = {name: value for name, value in given.items() if value is not None}
    suite = settings.pop("suite", None)
    raw: dict[str, Any] = {} if suite is None else attempt(lambda: load_suite(Path(suite)), errors) or {}
    overrides = {**raw.pop("set", {}), **dict(settings.pop("set", {}))}
    run = {**RUN_DEFAULTS, "out": out}
    for name, value in settings.items():
        if name in RUN_DEFAULTS:
            run[name] = [value] if name == "listen" and isinstance(value, str) else value
        elif name in BenchRequest.model_fields:
            raw[name] = value
            short_for = SHORT_FOR.get(name, "")
            if short_for not in (given.get("set") or {}):
                overrides.pop(short_for, None)
        else:
            known = [*BenchOptions.__annotations__, *BenchRequest.model_fields]
            near = near_names(name, known)
            errors.append(UnknownNameError(f"setting of {caller}", name, near=near, hint=f"(help({caller}))"))
    if overrides:
        raw["set"] = overrides
    origin = caller if suite is None else f"{suite} or {caller}"
    return OrderForm(raw=raw, run=run, origin=origin, spell=as_argument), errors


def result_of(
    outcome: BenchOutcome,
    catalog: Catalog,
    store: Path,
    *,
    plugins: PluginFiles = (),
    notes: Sequence[str] = (),
) -> BenchResult:
    """Write the leaderboard files of a store, and return the ranked result of a bench."""
    from reports.leaderboard.building import build_leaderboard
    from zoo.api.running.retesting import retest_shortfalls
    from zoo.api.running.runtimes import runtime_shortfalls
    from zoo.api.running.shortfalls import failures, left_over, skipped
    from zoo.api.tables import MetricDeclarations, formats_of, write_tables

    summary = outcome.summary
    problems = [*outcome.problems, *failures(summary), *skipped(summary), *left_over(summary)]
    declared = MetricDeclarations.of(catalog)
    if summary.records:
        problems += write_tables(store, declared, formats_of(catalog).values())[1]
    leaderboard = build_leaderboard(
        outcome.trials, declared=declared.columns, versions=declared.versions, notes=(*notes, *summary.notes)
    )
    problems += runtime_shortfalls(outcome.runtimes) + retest_shortfalls(outcome.retests)
    return BenchResult(
        leaderboard, outcome.trials, declared, plugins, store=store, outcome=outcome, problems=tuple(problems)
    )
