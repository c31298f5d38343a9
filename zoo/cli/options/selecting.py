"""Options that select what to run, from the command line, a suite file or both, and the plan that results.

Values are taken as text and checked together, so that one call reports all mistakes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zoo.api.choosing import LISTS, Chosen, attempt, choose
from zoo.cli.options.completing import complete_names
from zoo.cli.options.output import split_commas
from zoo.cli.options.running_model import DEVICE_HELP

if TYPE_CHECKING:
    from zoo.catalog import Catalog
    from zoo.errors import ZooError
    from zoo.options import Option

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

_IN_GRIDS = ("recipe.", "model.")
"""Beginnings of the settings that ``--set`` may give several values."""

_NUMBERS = ("N", "SHARE", "SECONDS")
# Name, placeholder and help of each option with one value; the order is the one of `--help`.
_VALUES: tuple[tuple[str, str, str], ...] = (
    ("--seeds", "N", "Number of seeds, or auto: add seeds only to rows that share ranks [default: 3]."),
    ("--max-seeds", "N", "Maximum number of seeds per row with --seeds auto [default: 10]."),
    ("--budget", "TIME", "Start no trial after this time, such as 2h or 1h30m."),
    ("--tune", "N", "Search settings with N trials per row, and test the best ones beside the recipe's own."),
    ("--tune-budget", "TIME", "Start no trial of a row's search after this time on the device, such as 30m."),
    (
        "--tune-repeats",
        "N",
        "Searches per row, one for each seed; their variance enters the interval [default: 1].",
    ),
    ("--sampler", "NAME", "How a search proposes settings: tpe or random [default: tpe]."),
    ("--pruner", "NAME", "Stop unpromising trials of a search early: none, asha or hyperband [default: none]."),
    ("--first-seed", "N", "First seed [default: 0]."),
    ("--epochs", "N", "Number of epochs; overrides the recipes."),
    ("--batch-size", "N", "Images per optimizer step; overrides the recipes."),
    ("--image-size", "N", "Side of the networks' input in pixels [default: that of the weights, or of the images]."),
    ("--limit-train", "N", "Maximum number of training images."),
    ("--limit-test", "N", "Maximum number of test images."),
    (
        "--val-fraction",
        "SHARE",
        "Share of the training images to validate on if the dataset has no validation split [default: 0.1].",
    ),
    ("--folds", "N", "Number of cross-validation folds, which test every image once; for small datasets."),
    (
        "--argmax",
        "CLASSES",
        "Classes that a published head may predict: the dataset's (subset) or all of its own [default: subset].",
    ),
    (
        "--class-map",
        "MAP",
        "How to match the dataset's classes to the head's: auto, index or a CSV file [default: auto].",
    ),
    ("--device", "DEVICE", f"{DEVICE_HELP} [default: auto]."),
    ("--gpus-per-trial", "N", "GPUs per trial; they share each batch, whose size does not change [default: 1]."),
    ("--precision", "PRECISION", "Numeric precision: auto, fp32, bf16 or fp16 [default: auto]."),
    ("--layout", "LAYOUT", "Memory layout of images: auto, channels_last or contiguous [default: auto]."),
    (
        "--batched-seeds",
        "MODE",
        "Train the seeds of a small network together: on, off, or auto on a GPU where it is faster [default: auto].",
    ),
    ("--threads", "N", "CPU threads per trial [default: by the work of a training step, at most the cores]."),
    (
        "--measure-seconds",
        "SECONDS",
        "Duration of each speed measurement, shared by the seeds of a row; 0 measures no speed [default: 0.3].",
    ),
)


class SelectingCommand(click.Command):
    """A command whose ``--compile`` needs no value; click would take the next word for one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        for index in range(end - 1, -1, -1):
            if args[index] == "--compile":
                has_value = index + 1 < end and args[index + 1] in ("auto", "on", "graphs", "off")
                args[index : index + 1 + has_value] = [f"--compile={args[index + 1] if has_value else 'on'}"]
                end = len(args) if "--" not in args else args.index("--")
        return super().parse_args(ctx, args)


runtimes_option = click.option(
    "--runtimes",
    multiple=True,
    metavar="NAMES",
    shell_complete=complete_names("runtimes", commas=True),
    help="Runtimes to evaluate and time the weights with (see zoo list runtimes) [default: eager].",
)


def value_options(names: Sequence[str]) -> Callable[[FunctionT], FunctionT]:
    """Return a decorator that adds those of the options with one value that are called *names*."""

    def add(function: FunctionT) -> FunctionT:
        for name, placeholder, text in reversed(_VALUES):
            if name in names:
                function = click.option(name, metavar=placeholder, help=text)(function)
        return function

    return add


def selecting_options(function: FunctionT) -> FunctionT:
    """Add the suite file and the options that select what to run."""
    decorators = [click.argument("suite", required=False, metavar="[SUITE.toml]")]
    for name, kind in (("--models", "architectures"), ("--data", "datasets"), ("--recipes", "recipes")):
        what = {"architectures": "Models"}.get(kind, kind.capitalize())
        decorators.append(
            click.option(
                name,
                multiple=True,
                metavar="NAMES",
                shell_complete=complete_names(kind, commas=True),
                help=f"{what}: comma-separated names and patterns.",
            )
        )
    decorators.append(
        click.option(
            "--set",
            "overrides",
            multiple=True,
            metavar="KEY=VALUE",
            help="Override a setting: recipe.lr=0.05, data.fit=pad; recipe.lr=0.01,0.1 makes a row of each.",
        )
    )
    decorators.append(value_options([name for name, _, _ in _VALUES]))
    decorators.append(
        click.option(
            "--resplit",
            is_flag=True,
            default=None,
            help="Draw another validation split for each seed; with --folds, another deal of folds.",
        )
    )
    decorators.append(
        click.option(
            "--space",
            multiple=True,
            metavar="KEY=RANGE",
            help="Search a setting over a range: 'recipe.lr=log(1e-4,1)', recipe.lr=lr-find, recipe.momentum=off.",
        )
    )
    decorators += [
        click.option(
            "--pretrained/--no-pretrained",
            default=None,
            help="Start from published weights, or from random ones; overrides the recipes.",
        ),
        click.option(
            "--compile",
            "compile_",
            metavar="[=auto|on|graphs|off]",
            help="Compile the models; graphs adds CUDA graphs [default: off].",
        ),
        click.option(
            "--best-inference",
            is_flag=True,
            default=None,
            help="Also find the fastest inference settings of each network, and measure with them.",
        ),
        runtimes_option,
        click.option(
            "--train-sizes",
            multiple=True,
            metavar="SIZES",
            help="Images per class to fit heads to, such as 1,5,10,all; each makes a row. For recipes on features.",
        ),
        click.option(
            "--then",
            multiple=True,
            metavar="NAMES",
            shell_complete=complete_names("recipes", commas=True),
            help="Recipes to train afterwards, on the models that share the first rank, with settings then.KEY.",
        ),
        click.option(
            "--test-also",
            multiple=True,
            metavar="SETS",
            help="Further test sets: NAME=DATA, corrupt:all, corrupt:NAME or slices, separated by commas.",
        ),
        click.option(
            "--small-images/--no-small-images",
            default=None,
            help="Reduce the first strides of networks designed for large images [default: below 64 px].",
        ),
    ]
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


def choose_from(catalog: Catalog, params: dict[str, Any], errors: list[ZooError]) -> Chosen | None:
    """Return what the options select; None if anything is wrong with them, which is added to *errors*.

    Args:
        catalog: What can be selected.
        params: The command's parameters, as click gives them.
        errors: Takes every mistake.
    """
    mistakes: list[ZooError] = []
    raw = raw_request(params, mistakes)
    chosen = choose(raw, catalog, mistakes, origin=origin_of(params))
    errors += mistakes
    return None if mistakes else chosen


def origin_of(params: dict[str, Any]) -> str:
    """Return what sentences call the place where the settings were given."""
    suite = params["suite"]
    return f"{suite} or the command line" if suite else "the command line"


def raw_request(params: dict[str, Any], errors: list[ZooError]) -> dict[str, Any]:
    """Return the settings of the suite file, overridden by those of the command line."""
    from harness.planning.request import SHORT_FOR, load_suite
    from zoo.options import parse_value

    raw: dict[str, Any] = {}
    if params["suite"] is not None:
        raw = attempt(lambda: load_suite(Path(params["suite"])), errors) or {}
    overrides = raw.get("set", {})
    for name, placeholder, _ in _VALUES:
        key = name.removeprefix("--").replace("-", "_")
        if params.get(key) is not None:
            raw[key] = parse_value(params[key]) if placeholder in _NUMBERS else params[key]
            overrides.pop(SHORT_FOR.get(key), None)
    for key in ("compile", "small_images", "best_inference", "resplit", "pretrained"):
        value = params.get("compile_" if key == "compile" else key)
        if value is not None:
            raw[key] = value
            overrides.pop(SHORT_FOR.get(key), None)
    for key in (*LISTS, "runtimes", "train_sizes", "then", "test_also"):
        if params.get(key):
            raw[key] = split_commas(params[key])
    for key, value in parse_overrides(params["overrides"], errors).items():
        overrides[key] = _values_of(key, value)
        for short, long in SHORT_FOR.items():
            if key == long and params.get(short) is None:
                raw.pop(short, None)
    if overrides:
        raw["set"] = overrides
    if spaces := parse_spaces(params.get("space", ()), errors):
        raw["space"] = {**raw.get("space", {}), **spaces}
    return raw


def parse_spaces(given: Sequence[str], errors: list[ZooError]) -> dict[str, str]:
    """Return the ranges of ``--space KEY=RANGE``; a mistake in one is added to *errors*."""
    from zoo.errors import UsageError

    spaces: dict[str, str] = {}
    for text in given:
        key, equals, dimension = text.partition("=")
        if key.strip() in spaces:
            errors.append(
                UsageError(f"--space {key.strip()} is given twice: {spaces[key.strip()]} and {dimension.strip()}")
            )
        elif equals and key.strip() and dimension.strip():
            spaces[key.strip()] = dimension.strip()
        else:
            errors.append(UsageError(f"--space {text}: expected KEY=RANGE, such as --space 'recipe.lr=log(1e-4, 1)'"))
    return spaces


def _values_of(key: str, value: Option) -> Option | tuple[Option, ...]:
    """Return the values that a recipe's or model's setting is given, separated by commas, or its only one."""
    from zoo.options import parse_value

    if isinstance(value, str) and "," in value and key.startswith(_IN_GRIDS):
        return tuple(parse_value(part.strip()) for part in value.split(","))
    return value


def parse_overrides(given: Sequence[str], errors: list[ZooError]) -> dict[str, Option]:
    """Return the values of ``--set KEY=VALUE``; a mistake in one is added to *errors*."""
    from zoo.errors import UsageError
    from zoo.options import parse_value

    overrides: dict[str, Option] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if key.strip() in overrides:
            several = ", or separate several values by commas" if key.strip().startswith(_IN_GRIDS) else ""
            errors.append(UsageError(f"--set {key.strip()} is given twice; keep one{several}"))
        elif equals and key.strip():
            overrides[key.strip()] = parse_value(value)
        else:
            errors.append(UsageError(f"--set {text}: expected KEY=VALUE, such as --set recipe.lr=0.05"))
    return overrides
