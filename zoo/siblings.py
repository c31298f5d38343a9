"""Siblings: modules beside a plugin's file, which the code in that folder may import by their names.

Python looks beside the script that it runs, and lets what lies there hide any library. Here a sibling is found after
everything else, so that ``json.py`` beside a plugin hides nothing; only code in the plugin's own folder finds it, so
that ``onnx.py`` there is not taken for an installed library by others; and one name is never two files.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

from zoo.files.plain_files import CODE, read_bytes

_IMPORTERS = ("importlib", "importlib._bootstrap", "importlib._bootstrap_external", __name__)
"""Modules whose frames lie between the code that imports and the finder."""
_FOLDERS: list[Path] = []
"""Folders of the plugin files that this process has imported."""
_LOADED: dict[str, tuple[Path, str]] = {}
"""File and digest of each module that was found here, by name."""
_EDITS: dict[Path, int] = {}
"""How many times siblings of a folder were found edited."""


def sibling_file(name: str, folder: Path) -> Path | None:
    """Return the file of the top-level module *name* in a folder: that of a package before that of a module."""
    candidates = (folder / name / "__init__.py", folder / f"{name}.py")
    return next((path for path in candidates if path.is_file()), None)


@contextmanager
def siblings_of(path: Path) -> Iterator[int]:
    """Let the code in the folder of a plugin's file import its siblings, in the body and afterwards.

    Yields:
        How many times siblings in the folder were found edited; they are imported anew, and the plugin must be as well.

    Raises:
        ImportError: If a sibling has the name of another plugin's sibling that was imported, or if the body raises it;
            then with a remedy where one is known.
    """
    folder = path.parent
    if _FINDER not in sys.meta_path:
        sys.meta_path.append(_FINDER)
    if folder not in _FOLDERS:
        _FOLDERS.append(folder)
    _forget_edited(folder)
    for name, (file, _) in _LOADED.items():
        _check_single(name, file, folder)
    try:
        yield _EDITS.get(folder, 0)
    except ImportError as error:
        remedy = _remedy(error, path)
        if not remedy:
            raise
        kind = ModuleNotFoundError if isinstance(error, ModuleNotFoundError) else ImportError
        raise kind(f"{error}; {remedy}", name=error.name, path=error.path) from error


class _Finder:
    """Finds siblings, for the code beside them only."""

    def find_spec(self, name: str, path: Any = None, _target: ModuleType | None = None) -> ModuleSpec | None:
        folder = _folder_of_importer() if path is None else None  # a submodule is looked for in its package
        file = None if folder is None else sibling_file(name, folder)
        if file is None:
            return None
        for other in _FOLDERS:
            _check_single(name, file, other)
        return spec_from_file_location(name, file, loader=_Loader(name, str(file)))


class _Loader(SourceFileLoader):
    """Loads a sibling from its source: cached byte code is compared by whole seconds only."""

    def get_code(self, fullname: str) -> CodeType:
        content = read_bytes(Path(self.path), CODE)
        _LOADED[fullname] = (Path(self.path), hashlib.sha256(content).hexdigest())
        return compile(content, self.path, "exec", dont_inherit=True)


_FINDER = _Finder()


def _folder_of_importer() -> Path | None:
    """Return the folder of plugin files in which the code lies that is importing; None if it lies elsewhere."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") in _IMPORTERS:
        frame = frame.f_back
    file = None if frame is None else frame.f_globals.get("__file__")
    return _folder_of(file) if isinstance(file, str) else None


def _folder_of(file: str) -> Path | None:
    path = Path(file)
    for folder in _FOLDERS:
        # An environment may lie in the folder too, such as that of a home folder; only packages beside the file count.
        if path.parent == folder or (
            path.is_relative_to(folder) and (folder / path.relative_to(folder).parts[0] / "__init__.py").is_file()
        ):
            return folder
    return None


def _check_single(name: str, file: Path, folder: Path) -> None:
    """Check that *folder* has no other module of this name.

    Raises:
        ImportError: If it has, since Python knows one module of each name.
    """
    other = sibling_file(name, folder)
    if other is None or other == file or _digest(other) == _digest(file):
        return
    raise ImportError(
        f"{file} and {other} are two modules called {name!r} beside two plugin files; rename one of them, "
        "or use the plugins one at a time"
    )


def _forget_edited(folder: Path) -> None:
    loaded = {name: found for name, found in _LOADED.items() if sibling_file(name, folder) == found[0]}
    if all(_digest(file) == digest for file, digest in loaded.values()):
        return
    _EDITS[folder] = _EDITS.get(folder, 0) + 1
    for name in loaded:
        del _LOADED[name]
        for module in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
            del sys.modules[module]


def _digest(file: Path) -> str:
    with suppress(OSError):
        return hashlib.sha256(read_bytes(file, CODE)).hexdigest()
    return ""


def _remedy(error: ImportError, path: Path) -> str:
    """Return what helps against an error of code beside a plugin's file; empty if nothing is known to."""
    folder = path.parent
    if "relative import" in str(error) and error.name is None:
        return "a plugin file is not part of a package: write 'import helper' for helper.py beside it"
    if not error.name or not _is_raised_in(error, folder):
        return ""
    name = error.name.partition(".")[0]
    beside = sibling_file(name, folder)
    if not isinstance(error, ModuleNotFoundError):
        file = getattr(sys.modules.get(name), "__file__", None)
        is_hidden = beside is not None and file != str(beside)
        return (
            f"{beside} is not used, since Python or an installed library has that name: rename it" if is_hidden else ""
        )
    if error.name != name:
        return ""
    if (folder / name).is_dir():
        return f"the folder {name} beside {path.name} needs a file __init__.py, which may be empty, to be imported"
    return f"install it, or put {name}.py beside {path.name}"


def _is_raised_in(error: ImportError, folder: Path) -> bool:
    """Return whether the statement that failed lies in the folder, not in a library that it imports."""
    trace, last = error.__traceback__, ""
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") not in _IMPORTERS:
            last = trace.tb_frame.f_code.co_filename
        trace = trace.tb_next
    return Path(last).is_relative_to(folder)
