"""``zoo import``: a classifier of the weights of another tool, which predict and export then take like a trial's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.cli.options.output import split_commas
from zoo.cli.session import complain, plugin_options, session_of
from zoo.text import clean, plural

if TYPE_CHECKING:
    from zoo.errors import ZooError


@click.command("import")
@click.argument("weights", metavar="WEIGHTS")
@click.option("--model", required=True, metavar="NAME", help="The network that they are of.")
@click.option(
    "--classes",
    required=True,
    metavar="FILE|N|NAMES",
    help="A file with a name a line, how many, or names with commas.",
)
@click.option(
    "-o", "--out", "output", required=True, metavar="FILE", help="Where to write the classifier: .safetensors."
)
@click.option(
    "--image-size", type=click.IntRange(min=1), metavar="N", help="Side in pixels [default: the model's own]."
)
@click.option("--channels", type=click.Choice(("1", "3")), default="3", show_default=True, help="1: grey, 3: colour.")
@click.option("--mean", metavar="VALUES", help="Of each channel, pixels in [0, 1] [default: the model's published].")
@click.option("--std", metavar="VALUES", help="Of each channel, pixels in [0, 1] [default: the model's published].")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="An option: model.drop_rate=0.1.")
@click.option("--key", metavar="NAME", help="Where in the file the weights are [default: state_dict, model, ...].")
@click.option("--ignore", multiple=True, metavar="NAMES", help="Tensors to leave out; may hold * and ?.")
@click.option("--small-images", is_flag=True, help="The network's first strides are reduced as zoo does it.")
@plugin_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    weights: str,
    model: str,
    classes: str,
    output: str,
    image_size: int | None,
    channels: str,
    mean: str | None,
    std: str | None,
    overrides: tuple[str, ...],
    key: str | None,
    ignore: tuple[str, ...],
    small_images: bool,
) -> None:
    """Make a classifier of WEIGHTS, a state dict that another tool has saved.

    WEIGHTS is .safetensors, or what torch.save wrote; of that only tensors are read, and no code in it runs. It may
    hold the state dict under a key, and names may begin with module. or the like. Every tensor of the network must be
    there in its shape, for a network with random layers has no answers; one that the network does not have is an
    error unless --ignore names it. The classifier prepares images as zoo does: scaled and cropped, then normalised.
    """
    from harness.classifiers.importing import import_weights
    from zoo.cli.options.selecting import attempt, parse_overrides
    from zoo.errors import ManyErrors, UsageError

    errors: list[ZooError] = []
    path = Path(output)
    if path.suffix != ".safetensors":
        errors.append(UsageError(f"-o {output} must end in .safetensors"))
    names = attempt(lambda: _classes(classes), errors)
    statistics = {
        option: attempt(lambda option=option, text=text: _numbers(option, text, int(channels)), errors)  # type: ignore[misc]
        for option, text in (("mean", mean), ("std", std))
        if text is not None
    }
    options = {}
    for name, value in parse_overrides(overrides, errors).items():
        target, _, option = name.partition(".")
        if target == "model" and option:
            options[option] = value
        else:
            errors.append(UsageError(f"--set {name}: only model.KEY=VALUE can be set here"))
    ManyErrors.raise_if(errors)
    assert names is not None
    imported = import_weights(
        Path(weights),
        path,
        session_of(ctx).catalog(),
        model=model,
        classes=names,
        image_size=image_size,
        channels=int(channels),
        mean=statistics.get("mean"),
        std=statistics.get("std"),
        options=options,
        key=key,
        ignore=split_commas(ignore),
        small_images=small_images,
    )
    card = imported.card
    for note in imported.notes:
        complain(note)
    click.echo(
        f"{clean(path)}: {clean(card.architecture.display_name)} for {plural(len(card.classes), 'class', 'classes')}, "
        f"images of {card.image_size} × {card.image_size} pixels, mean {_shown(card.mean)}, std {_shown(card.std)}"
    )


def _classes(text: str) -> tuple[str, ...]:
    from zoo.errors import UsageError

    path = Path(text)
    try:
        if text.isascii() and text.isdigit():
            names = [str(number) for number in range(min(int(text), 10**6))]
        elif path.is_file():
            names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        elif "," in text:
            names = split_commas((text,))
        else:
            raise UsageError(
                f"--classes {text}: there is no such file, and it is neither a number nor names with commas"
            )
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--classes {text} cannot be read: {error}") from error
    if len(names) < 2 or len(set(names)) < len(names):
        raise UsageError(f"--classes {text}: there must be at least two, each with a name of its own")
    return tuple(names)


def _numbers(option: str, text: str, count: int) -> tuple[float, ...]:
    from zoo.errors import UsageError

    try:
        values = tuple(float(each) for each in text.split(","))
    except ValueError:
        values = ()
    if len(values) != count or not all(-10 < value < 10 for value in values):
        raise UsageError(f"--{option} {text}: it must be {plural(count, 'number')} with commas between")
    return values


def _shown(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)
