"""Options that take a count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def count_option(
    name: str, text: str, *, default: int | None = None, metavar: str = "N"
) -> Callable[[FunctionT], FunctionT]:
    """Return a decorator that adds an option that takes a whole number of at least 1.

    Args:
        name: Its name, with dashes.
        text: One line of help.
        default: Its default, which the help shows.
        metavar: What the help calls the number.
    """
    return click.option(
        name,
        type=click.IntRange(min=1),
        default=default,
        show_default=default is not None,
        metavar=metavar,
        help=text,
    )
