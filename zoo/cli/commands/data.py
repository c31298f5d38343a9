"""``zoo data``: checks and audits datasets."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zoo.cli.display.text import terminal_width
from zoo.cli.options.completing import complete_names
from zoo.cli.options.counts import count_option
from zoo.cli.options.output import listing_format, output_option, quiet_option
from zoo.cli.options.placing import dataset_places
from zoo.cli.session import plugin_options, session_of
from zoo.text import clean

if TYPE_CHECKING:
    from harness.data.audits.audit import DatasetAudit
    from harness.data.settings import DataSettings
    from harness.planning.request import BenchRequest
    from harness.planning.selected import SelectedDataset
    from harness.records.spec import DatasetSpec
    from reports.trials.reading import Trial
    from zoo.catalog import Catalog
    from zoo.errors import ZooError

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

_NUMBERS = ("limit_train", "limit_test", "val_fraction")


def _reading_options(function: FunctionT) -> FunctionT:
    """Add what the commands that read a dataset have in common, last in their help."""
    for decorator in (
        plugin_options,
        quiet_option("Print only the result."),
        listing_format,
        dataset_places,
        click.option(
            "--set",
            "overrides",
            multiple=True,
            metavar="KEY=VALUE",
            help="Override a setting, such as data.image_size=64.",
        ),
    ):
        function = decorator(function)
    return function


class _DataGroup(click.Group):
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.commands and not args[0].startswith("-"):
            from zoo.errors import UnknownNameError
            from zoo.names import near_names

            near = near_names(args[0], self.commands)
            raise UnknownNameError("command of zoo data", args[0], near=near, hint="(zoo data --help lists all)")
        return super().resolve_command(ctx, args)


@click.group("data", cls=_DataGroup, invoke_without_command=True)
@plugin_options
@click.pass_context
def command(ctx: click.Context) -> None:
    """Inspect datasets. zoo list data lists them."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@command.command("check")
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete_names("datasets"))
@click.option("--limit-train", metavar="N", help="Maximum number of training images.")
@click.option("--limit-test", metavar="N", help="Maximum number of test images.")
@click.option(
    "--val-fraction",
    metavar="SHARE",
    help="Share of the training images to validate on if the dataset has no validation split [default: 0.1].",
)
@_reading_options
@click.pass_context
def check(ctx: click.Context, /, names: tuple[str, ...], form: str, quiet: bool, **params: Any) -> None:
    """Check datasets: count, measure and compare their images.

    NAME is a dataset, with its argument if it takes one (folder:PHOTOS), or a pattern (quoted, so that the shell leaves
    it alone). With the same settings, the fingerprint is that of a bench, which reuses the images decoded here.

    Exit code 1 if something is wrong with the data: image files that are left out or cannot be read, images that are in
    two splits, or equal images with different labels. 2 if a dataset cannot be loaded.
    """
    from zoo.cli.display.audit import audit_lines
    from zoo.cli.group import FAILED
    from zoo.errors import ManyErrors, ZooError

    catalog = session_of(ctx).catalog()
    request, selected = _choose(names, params, catalog)
    audits: list[DatasetAudit] = []
    errors: list[ZooError] = []
    for each in selected:
        try:
            audit = _check_one(each, request, params, _Progress(quiet=quiet))
        except ZooError as error:  # the others are still worth knowing
            errors.append(error)
            continue
        audits.append(audit)
        if form == "table":
            blank = [""] if len(audits) > 1 else []
            click.echo("\n".join([*blank, *audit_lines(audit, width=terminal_width())]))
    if form == "json":
        described = [{**each.model_dump(mode="json"), "problems": list(each.problems)} for each in audits]
        click.echo(json.dumps(described, indent=2))
    ManyErrors.raise_if(errors)
    ctx.exit(FAILED if any(each.problems for each in audits) else 0)


class _Progress:
    """Prints progress to stderr, a line for each new message."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._last = ""

    def __call__(self, message: str, share: float | None) -> None:
        if message != self._last and not self._quiet:  # shares alone make no new line
            click.echo(clean(message), err=True)
        self._last = message


def _choose(
    names: tuple[str, ...], params: dict[str, Any], catalog: Catalog
) -> tuple[BenchRequest, tuple[SelectedDataset, ...]]:
    """Return the datasets to audit, or raise all mistakes of the call at once."""
    from harness.planning.request import BenchRequest
    from harness.planning.selection import select_datasets
    from zoo.api.choosing import attempt
    from zoo.cli.options.selecting import parse_overrides
    from zoo.errors import ManyErrors, UsageError
    from zoo.options import parse_value

    errors: list[ZooError] = []
    raw: dict[str, Any] = {"data": names, "set": parse_overrides(params["overrides"], errors)}
    for key in _NUMBERS:
        if params[key] is not None:
            raw[key] = parse_value(params[key])
    origin = "the command line"
    right = {
        key: value
        for key, value in raw.items()
        if attempt(lambda key=key, value=value: BenchRequest.parse({key: value}, origin=origin), errors)  # type: ignore[misc]
    }
    request = BenchRequest.parse(right, origin=origin)
    selected = attempt(lambda: select_datasets(request, catalog), errors)
    if selected == ():
        kinds = " ".join(map(repr, names))
        errors.append(UsageError(f"{kinds}: only kinds of datasets have such a name, and a pattern stands for none"))
    ManyErrors.raise_if(errors)
    assert selected is not None  # else there were errors
    return request, selected


def _check_one(
    selected: SelectedDataset, request: BenchRequest, params: dict[str, Any], report: _Progress
) -> DatasetAudit:
    from harness.data.audits.auditing import audit_dataset
    from harness.data.settings import DataSettings
    from harness.planning.plan import dataset_spec
    from zoo.files.cache import data_root, require_writable_cache

    require_writable_cache()
    # Whatever a dataset prints while it loads must not end up in the audit.
    with contextlib.redirect_stdout(sys.stderr):
        return audit_dataset(
            selected.entry.record,
            dataset_spec(selected, request),
            DataSettings(data_root=data_root(params["data_root"]), download=not params["offline"]),
            report=report,
        )


@command.command("audit")
@click.argument("name", metavar="NAME", shell_complete=complete_names("datasets"))
@click.option("--with", "runs", multiple=True, required=True, metavar="RUNS", help="Result folders or trials.")
@count_option("--count", "Suspects of each kind to show.", default=20)
@output_option("Also draw them as a picture: .png or .jpg.")
@_reading_options
@click.pass_context
def audit(ctx: click.Context, /, name: str, runs: tuple[str, ...], count: int, out: str | None, **params: Any) -> None:
    """Find likely wrong labels and near duplicates in a dataset.

    Labels are judged by cleanlab from predictions of networks that were not trained on the image: test and validation
    predictions of the trials in RUNS, or all folds of a cross-validation, which judge every image. Near duplicates
    within and across splits are found by a perceptual hash. Both are suspects to look at, which -o draws. Nothing
    is changed. A second table ranks the trials without suspicious test images: those with a likely wrong label, and
    those that look like a training, a validation or an earlier test image.
    """
    from zoo.api.suspects import find_suspects
    from zoo.api.tables import MetricDeclarations
    from zoo.cli.display.pictures import check_picture_name, write_picture
    from zoo.cli.display.suspects import suspect_lines
    from zoo.cli.session import complain

    path = None if out is None else check_picture_name(out)
    catalog = session_of(ctx).catalog()
    selected, spec, settings = _audited(name, params, catalog)
    trials = _trials_in(runs)
    with contextlib.redirect_stdout(sys.stderr):
        found = find_suspects(selected.entry.record, spec, settings, trials, report=_Progress(quiet=params["quiet"]))
    for problem in found.problems:
        complain(f"left out: {problem}")
    if path is not None and (found.labels or found.near_duplicates):
        write_picture(found.sheet(count=count), path)
        complain(f"wrote {clean(path)}")
    if params["form"] == "json":
        click.echo(json.dumps(found.as_data(), indent=2))
        return
    board = found.leaderboard_without(list(catalog.metrics), MetricDeclarations.of(catalog))
    click.echo("\n".join(suspect_lines(found, board, count=count, width=terminal_width())))


@command.command("copies")
@click.argument("name", metavar="NAME", shell_complete=complete_names("datasets"))
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@count_option("--count", "Copies to show.", default=20)
@_reading_options
@click.pass_context
def copies(ctx: click.Context, /, name: str, folder: Path, count: int, **params: Any) -> None:
    """Look for test images of a dataset in a folder of images.

    FOLDER is one that a network was trained on, with all folders in it. Copies are found by a perceptual hash, at
    another size or brightness too, but not cropped or mirrored. They are suspects, to be looked at. Exit code 1 if
    there are any.
    """
    from harness.data.audits.folder_copies import copies_in
    from harness.data.prepare import load_splits
    from harness.data.splitting import make_parts
    from zoo.cli.display.suspects import copy_lines
    from zoo.cli.group import FAILED

    selected, spec, settings = _audited(name, params, session_of(ctx).catalog())
    report = _Progress(quiet=params["quiet"])
    with contextlib.redirect_stdout(sys.stderr):
        splits = load_splits(selected.entry.record, spec, settings.request_for(spec, report))
        parts, _ = make_parts(splits, val_fraction=spec.val_fraction, limit_train=None, limit_test=None)
        found = copies_in(folder, parts["test"], report=report)
    if params["form"] == "json":
        click.echo(json.dumps(asdict(found), indent=2))
    else:
        click.echo("\n".join(copy_lines(spec.display_name, found, count=count, width=terminal_width())))
    ctx.exit(FAILED if found.copies else 0)


def _audited(name: str, params: dict[str, Any], catalog: Catalog) -> tuple[SelectedDataset, DatasetSpec, DataSettings]:
    """Return the dataset to audit, or raise all mistakes of the call at once."""
    from harness.data.settings import DataSettings
    from harness.planning.plan import dataset_spec
    from zoo.errors import UsageError
    from zoo.files.cache import data_root, require_writable_cache

    require_writable_cache()
    request, selected = _choose((name,), {**params, **dict.fromkeys(_NUMBERS)}, catalog)
    if len(selected) != 1:
        raise UsageError(f"{name!r} names {len(selected)} datasets; give one")
    settings = DataSettings(data_root=data_root(params["data_root"]), download=not params["offline"])
    return selected[0], dataset_spec(selected[0], request), settings


def _trials_in(runs: tuple[str, ...]) -> list[Trial]:
    from reports.trials.reading import read_trials
    from zoo.cli.session import complain

    trials, problems = read_trials(map(Path, runs))
    for problem in problems:
        complain(f"left out: {problem}")
    return trials
