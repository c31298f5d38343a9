"""Options that say what to run, from a command line, a suite file or both, and the plan that follows.

Values are taken as text and checked together, so that one call tells of all mistakes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zoo.cli.options.output import split_commas
from zoo.cli.session import Session

if TYPE_CHECKING:
    from harness.planning.plan import Plan
    from harness.planning.request import BenchRequest
    from zoo.catalog import Catalog
    from zoo.errors import ZooError
    from zoo.options import Option

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
Check = Callable[["Catalog"], object]

_LISTS = ("models", "data", "recipes")
_SHORT_FOR = {"epochs": "recipe.epochs", "batch_size": "recipe.batch_size"}
_NUMBERS = ("N", "SHARE", "SECONDS")
# Name, placeholder and help of each option with one value; the order is the one of `--help`.
_VALUES: tuple[tuple[str, str, str], ...] = (
    ("--seeds", "N", "Number of seeds, or auto: more where ranks are shared [default: 3]."),
    ("--max-seeds", "N", "Seeds of a row at most, with --seeds auto [default: 10]."),
    ("--budget", "TIME", "Start no trial after this time, such as 2h or 1h30m."),
    ("--first-seed", "N", "The first seed [default: 0]."),
    ("--epochs", "N", "Epochs, whatever the recipes say."),
    ("--batch-size", "N", "Images per optimizer step, whatever the recipes say."),
    ("--limit-train", "N", "Use so many training images only."),
    ("--limit-test", "N", "Use so many test images only."),
    ("--val-fraction", "SHARE", "Share of the training images to validate on, where no split is given [default: 0.1]."),
    ("--folds", "N", "Test every image once, in so many folds that are trained without it: for small sets."),
    ("--device", "DEVICE", "auto, cpu, cuda, cuda:N or mps [default: auto]."),
    (
        "--gpus-per-trial",
        "N",
        "Devices that share each batch of a trial; the batch stays the recipe's [default: 1].",
    ),
    ("--precision", "PRECISION", "auto, fp32, bf16 or fp16 [default: auto]."),
    ("--layout", "LAYOUT", "auto, channels_last or contiguous: order of pixels in memory [default: auto]."),
    ("--threads", "N", "CPU threads [default: as torch sees fit]."),
    ("--measure-seconds", "SECONDS", "Time for each measurement of speed; 0 leaves them out [default: 0.3]."),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """What is to be run."""

    request: BenchRequest
    catalog: Catalog
    plan: Plan
    is_default: bool
    """Whether neither models nor datasets nor recipes were asked for."""


class SelectingCommand(click.Command):
    """A command whose ``--compile`` may stand alone: click would take the next word for its value."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        for index in range(end - 1, -1, -1):
            if args[index] == "--compile":
                has_value = index + 1 < end and args[index + 1] in ("auto", "on", "graphs", "off")
                args[index : index + 1 + has_value] = [f"--compile={args[index + 1] if has_value else 'on'}"]
                end = len(args) if "--" not in args else args.index("--")
        return super().parse_args(ctx, args)


def selecting_options(function: FunctionT) -> FunctionT:
    """Add the suite file and the options that say what to run."""
    decorators = [click.argument("suite", required=False, metavar="[SUITE.toml]")]
    for name, what in (("--models", "Models"), ("--data", "Datasets"), ("--recipes", "Recipes")):
        decorators.append(
            click.option(name, multiple=True, metavar="NAMES", help=f"{what}: names and patterns, with commas between.")
        )
    decorators.append(
        click.option(
            "--set",
            "overrides",
            multiple=True,
            metavar="KEY=VALUE",
            help="Override one setting: recipe.lr=0.05, model.drop_rate=0.1, data.image_size=64.",
        )
    )
    decorators += [click.option(name, metavar=placeholder, help=text) for name, placeholder, text in _VALUES]
    decorators += [
        click.option(
            "--compile",
            "compile_",
            metavar="[=auto|on|graphs|off]",
            help="Compile the models; graphs: with CUDA graphs [default: off].",
        ),
        click.option(
            "--best-inference",
            is_flag=True,
            default=None,
            help="Also look for each network's fastest settings for inference, and measure with them.",
        ),
        click.option(
            "--runtimes",
            multiple=True,
            metavar="NAMES",
            help="Evaluate and time the trained weights under these, too: eager, compile, onnx, int8 [default: eager].",
        ),
        click.option(
            "--small-images/--no-small-images",
            default=None,
            help="Reduce the first strides of networks made for large images [default: below 64 px].",
        ),
    ]
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


def choose(session: Session, params: dict[str, Any], checks: Sequence[Check] = ()) -> Chosen:
    """Return what the options ask for.

    Args:
        session: Where plugins are looked for.
        params: The command's parameters, as click gives them.
        checks: What else may be wrong with the call; each is given the catalog.

    Raises:
        ZooError: With every mistake of the call at once.
    """
    from harness.planning.plan import make_plan
    from harness.planning.selection import select
    from zoo.errors import ManyErrors

    errors: list[ZooError] = []
    raw = _raw_request(params, errors)
    request = _parse(raw, errors, suite=params["suite"])
    catalog = attempt(session.catalog, errors)
    if catalog is not None:
        for check in checks:
            attempt(lambda check=check: check(catalog), errors)  # type: ignore[misc]
        selection = attempt(lambda: select(request, catalog), errors)
    ManyErrors.raise_if(errors)
    assert catalog is not None  # else there were errors
    assert selection is not None
    plan = make_plan(selection)
    return Chosen(request=request, catalog=catalog, plan=plan, is_default=not any(raw.get(name) for name in _LISTS))


def _raw_request(params: dict[str, Any], errors: list[ZooError]) -> dict[str, Any]:
    """Return the suite file's settings with the command line's over them."""
    from harness.planning.request import load_suite
    from zoo.options import parse_value

    raw: dict[str, Any] = {}
    if params["suite"] is not None:
        raw = attempt(lambda: load_suite(Path(params["suite"])), errors) or {}
    overrides = raw.get("set", {})
    for name, placeholder, _ in _VALUES:
        key = name.removeprefix("--").replace("-", "_")
        if params[key] is not None:
            raw[key] = parse_value(params[key]) if placeholder in _NUMBERS else params[key]
            overrides.pop(_SHORT_FOR.get(key), None)
    for key in ("compile", "small_images", "best_inference"):
        value = params["compile_" if key == "compile" else key]
        if value is not None:
            raw[key] = value
    for key in (*_LISTS, "runtimes"):
        if params[key]:
            raw[key] = split_commas(params[key])
    for key, value in parse_overrides(params["overrides"], errors).items():
        overrides[key] = value
        for short, long in _SHORT_FOR.items():
            if key == long and params[short] is None:
                raw.pop(short, None)
    if overrides:
        raw["set"] = overrides
    return raw


def parse_overrides(given: Sequence[str], errors: list[ZooError]) -> dict[str, Option]:
    """Return the values of ``--set KEY=VALUE``; what is no such thing is added to *errors*."""
    from zoo.errors import UsageError
    from zoo.options import parse_value

    overrides: dict[str, Option] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if equals and key.strip():
            overrides[key.strip()] = parse_value(value)
        else:
            errors.append(UsageError(f"--set {text}: it must be KEY=VALUE, such as --set recipe.lr=0.05"))
    return overrides


def _parse(raw: dict[str, Any], errors: list[ZooError], *, suite: str | None) -> BenchRequest:
    """Check the settings one by one, and return a request of those that are right."""
    from harness.planning.request import BenchRequest

    right: dict[str, Any] = {}
    origin = f"{suite} or the command line" if suite else "the command line"
    for key, value in raw.items():
        if attempt(lambda key=key, value=value: BenchRequest.parse({key: value}, origin=origin), errors):  # type: ignore[misc]
            right[key] = value
    return BenchRequest.parse(right, origin=origin)


ResultT = TypeVar("ResultT")


def attempt(step: Callable[[], ResultT], errors: list[ZooError]) -> ResultT | None:
    """Return what *step* does, or None and its error in *errors*."""
    from zoo.errors import ZooError

    try:
        return step()
    except ZooError as error:
        errors.append(error)
        return None
