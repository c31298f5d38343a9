"""Parts: the files beside a plugin's file that it needs on another machine: its modules and declared data files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.code.locating import FILE_PREFIX, Owner
from harness.code.reach import all_files
from zoo.catalog import Catalog


def parts_of(file: str, catalog: Catalog) -> Mapping[str, Path]:
    """Return the files that a plugin's file needs, by their paths in its folder, without itself.

    Modules count whether they are used or only imported, as importing the plugin fails without them. What lies outside
    its folder is left out. A plugin that could not be imported has none.

    Args:
        file: Path of the plugin's file, as in :attr:`zoo.loading.Sources.files`.
        catalog: The catalog with its records, which declare data files.
    """
    file = os.path.abspath(file)  # as in the catalog
    folder = Path(file).parent.resolve()
    found = {path.resolve() for path in (*_modules(file), *_declared(file, catalog))} - {Path(file).resolve()}
    within = sorted(path for path in found if path.is_relative_to(folder) and path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in within}


def _modules(file: str) -> Iterator[Path]:
    own = [name for name, module in sys.modules.items() if getattr(module, "__file__", None) == file]
    for name in [name for name in own if name.startswith(FILE_PREFIX)][-1:]:  # the last, if it was edited in between
        yield from all_files(name, Owner(folder=Path(file).parent))


def _declared(file: str, catalog: Catalog) -> Iterator[Path]:
    """Yield the data files that its records declare; of a folder, all files."""
    for registry in (catalog.architectures, catalog.datasets, catalog.recipes):
        for entry in registry:
            if entry.provider.origin == "file" and entry.provider.source == file:
                for name in entry.record.files:
                    path = Path(file).parent / name
                    yield from path.rglob("*") if path.is_dir() else (path,)
