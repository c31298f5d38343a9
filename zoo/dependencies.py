"""Dependencies: data files and libraries that a record declares, because its code does not import them."""

from __future__ import annotations

from pathlib import PurePath


def check_dependencies(files: object, libraries: object, owner: str) -> None:
    """Check what a record declares.

    Args:
        files: Paths relative to the plugin's file.
        libraries: Names of distributions.
        owner: The record in a sentence.

    Raises:
        ValueError: If either is not a tuple of strings, or a path is absolute.
    """
    for what, names in (("files", files), ("libraries", libraries)):
        if not isinstance(names, tuple) or not all(isinstance(name, str) and name for name in names):
            raise ValueError(f"{owner}: {what} must be a tuple of strings, got {names!r}")
        if what == "files" and (absolute := [name for name in names if PurePath(name).is_absolute()]):
            raise ValueError(f"{owner}: the path {absolute[0]!r} of a data file must be relative to the plugin's file")
