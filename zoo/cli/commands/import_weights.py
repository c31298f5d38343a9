"""``zoo import``: import weights trained elsewhere, for use with predict, export and the like."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli.options.class_names import classes_of
from zoo.cli.options.counts import count_option
from zoo.cli.options.output import output_option, split_commas
from zoo.cli.session import complain, plugin_options, session_of, tell
from zoo.text import clean, plural

if TYPE_CHECKING:
    from harness.classifiers.importing import ImportRequest
    from zoo.errors import ZooError
    from zoo.published import PublishedFigure


@dataclass(frozen=True, kw_only=True, slots=True)
class _ImportCall:
    """What a command line of ``zoo import`` asks for."""

    request: ImportRequest
    """Which weights, and for what network."""
    path: Path
    """File to write."""

    @classmethod
    def parse(cls, params: dict[str, Any]) -> _ImportCall:
        """Return the call that the parameters of click stand for.

        Raises:
            ZooError: With every mistake of the call at once.
        """
        from harness.classifiers.importing import ImportRequest
        from harness.classifiers.tensor_names import Rename
        from zoo.api.choosing import attempt
        from zoo.cli.options.selecting import parse_overrides
        from zoo.errors import ManyErrors, UsageError

        errors: list[ZooError] = []
        path, channels = Path(params["output"]), int(params["channels"])
        if path.suffix != ".safetensors":
            errors.append(UsageError(f"-o {params['output']}: the file name must end in .safetensors"))
        names = attempt(lambda: classes_of(params["classes"]), errors)
        statistics = {
            option: attempt(lambda option=option: _numbers(option, params[option], channels), errors)  # type: ignore[misc]
            for option in ("mean", "std")
            if params[option] is not None
        }
        published = attempt(lambda: _figure(params["published"]), errors)
        renames = attempt(lambda: tuple(map(Rename.parse, params["renames"])), errors)
        options = {}
        for name, value in parse_overrides(params["overrides"], errors).items():
            target, _, option = name.partition(".")
            if target == "model" and option:
                options[option] = value
            else:
                errors.append(UsageError(f"--set {name}: only model.KEY=VALUE can be set here"))
        ManyErrors.raise_if(errors)
        assert names is not None
        request = ImportRequest(
            weights=Path(params["weights"]),
            model=params["model"],
            classes=names,
            image_size=params["image_size"],
            channels=channels,
            mean=statistics.get("mean"),
            std=statistics.get("std"),
            options=options,
            small_images=params["small_images"],
            key=params["key"],
            prefix=params["prefix"],
            renames=renames or (),
            ignore=tuple(split_commas(params["ignore"])),
            published=published,
        )
        return cls(request=request, path=path)


@click.command("import")
@click.argument("weights", metavar="WEIGHTS")
@click.option("--model", required=True, metavar="NAME", help="Architecture that the weights belong to.")
@click.option(
    "--classes",
    required=True,
    metavar="FILE|N|NAMES",
    help="Class names: a file with one name per line, a number, or comma-separated names.",
)
@output_option("File to write, ending in .safetensors.", name="output", required=True)
@count_option("--image-size", "Side of the network's input in pixels [default: the model's own].")
@click.option(
    "--channels", type=click.Choice(("1", "3")), default="3", show_default=True, help="1 for grey images, 3 for RGB."
)
@click.option("--mean", metavar="VALUES", help="Mean per channel, pixels in [0, 1] [default: as published].")
@click.option("--std", metavar="VALUES", help="Standard deviation per channel [default: as published].")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Set an option: model.drop_rate=0.1.")
@click.option("--key", metavar="NAME", help="Key of the weights in the file [default: state_dict, model, ...].")
@click.option("--prefix", metavar="TEXT", help="Take only tensors with this prefix, and remove it [default: detected].")
@click.option(
    "--rename",
    "renames",
    multiple=True,
    metavar="REGEX=TEXT",
    help=r"Rename tensors: 'layer(\d)\.=stages.\1.'; repeatable.",
)
@click.option("--ignore", multiple=True, metavar="NAMES", help="Tensors to leave out; * and ? are wildcards.")
@click.option(
    "--published",
    metavar="PERCENT@DATASET",
    help="Published accuracy, which zoo eval compares with: 91.73@cifar10.",
)
@click.option("--small-images", is_flag=True, help="Apply zoo's small-image adaptation to the network.")
@plugin_options
@click.pass_context
def command(ctx: click.Context, /, **params: Any) -> None:
    """Import weights trained elsewhere.

    WEIGHTS is a .safetensors file or a checkpoint written by torch.save. Only tensors are read, and no code in it is
    run. The weights are looked for under the usual keys (--key chooses another, such as state_dict_ema), and
    prefixes such as module. are removed from their names.

    Every tensor of the network must be present in its shape, and tensors that the network does not have are an error
    unless --ignore names them. The imported model preprocesses images as zoo does: resize, centre crop, normalise.
    """
    from harness.classifiers.importing import import_weights

    call = _ImportCall.parse(params)
    imported = import_weights(call.request, call.path, session_of(ctx).catalog())
    card = imported.card
    for note in imported.notes:
        complain(note)
    name, num_classes = clean(card.architecture.display_name), plural(len(card.classes), "class", "classes")
    tell(
        f"wrote {clean(call.path)}: {name}, {num_classes}, images of {card.image_size} × {card.image_size} pixels, "
        f"mean {_shown(card.mean)}, std {_shown(card.std)}"
    )


def _numbers(option: str, text: str, count: int) -> tuple[float, ...]:
    from zoo.errors import UsageError

    try:
        values = tuple(float(each) for each in text.split(","))
    except ValueError:
        values = ()
    least = 0 if option == "std" else -10
    if len(values) != count or not all(least < value < 10 for value in values):
        raise UsageError(
            f"--{option} {text}: expected {plural(count, 'number')} between {least} and 10, separated by commas, for "
            "pixels in [0, 1]"
        )
    return values


def _figure(text: str | None) -> PublishedFigure | None:
    """Return the figure that ``--published 91.73@cifar10`` states.

    Raises:
        UsageError: If it is anything else.
    """
    from zoo.errors import UsageError
    from zoo.published import PublishedFigure

    if text is None:
        return None
    number, at, dataset = text.partition("@")
    try:
        value = float(number.strip().removesuffix("%"))
    except ValueError:
        value = -1.0
    if not at or not dataset.strip() or not 0 <= value <= 100:
        raise UsageError(f"--published {text}: expected an accuracy in percent and a dataset, such as 91.73@cifar10")
    return PublishedFigure(value=round(value / 100, 12), dataset=dataset.strip(), source="zoo import --published")


def _shown(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)
