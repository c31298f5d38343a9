"""Imported modules: a copy other than that of the distribution which a record names is an error.

A clone of a library on ``PYTHONPATH``, or a folder with its name, would be used while the record named the installed
version.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from harness.code.distributions import import_names, own_copy, version_of
from zoo.errors import PluginError


def check_imported(distributions: Iterable[str]) -> None:
    """Check that this process has imported the modules of each distribution from the distribution itself.

    Raises:
        PluginError: If it is another copy; both paths are named.
    """
    for distribution in distributions:
        for root in import_names(distribution):
            file = getattr(sys.modules.get(root), "__file__", None)
            if file:
                check_copy(distribution, root, Path(file))


def check_copy(distribution: str, root: str, file: Path) -> None:
    """Check that *file*, from which the top-level module *root* is imported, belongs to the distribution.

    Raises:
        PluginError: If it is another copy; both paths are named.
    """
    own = own_copy(distribution, root)
    if own is not None and own.resolve() != file.resolve():
        raise PluginError(
            f"{root} is imported from {file}, but the record would name {distribution} {version_of(distribution)}, "
            f"which is installed in {own}; remove the other copy from PYTHONPATH, or install it with pip install -e"
        )
