"""Completion of names in a shell: what the catalog has, from the lists that it keeps in the cache."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from zoo.cli.session import session_of

if TYPE_CHECKING:
    from zoo.catalog import Catalog

Completer = Callable[[click.Context, click.Parameter, str], list[str]]


def complete_names(*kinds: str, commas: bool = False) -> Completer:
    """Return a function that completes the names of *kinds*, such as ``architectures``.

    With *commas*, the last name of a list such as ``lenet5,resnet18`` is completed.
    """

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
        catalog = _quiet_catalog(context)
        if catalog is None:
            return []
        head, comma, start = incomplete.rpartition(",") if commas else ("", "", incomplete)
        entries = [entry for kind in kinds for entry in getattr(catalog, kind)]
        # A full name is offered only to a user who has typed a slash; the short names come first in every list.
        names = [entry.full_name if "/" in start else entry.display_name for entry in entries]
        return [f"{head}{comma}{name}" for name in dict.fromkeys(names) if name.startswith(start)]

    return complete


def _quiet_catalog(context: click.Context) -> Catalog | None:
    """Return the catalog without a word on the terminal, or None where plugins cannot be loaded."""
    from zoo.errors import ZooError
    from zoo.loading import build_catalog

    nowhere = io.StringIO()
    with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        try:
            return build_catalog(session_of(context).sources())
        except ZooError:
            return None
