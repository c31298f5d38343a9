"""Wrong imports: files that stand in the way of Python's own modules, of a library or of zoo.

A folder on ``PYTHONPATH`` comes before the libraries, and an empty entry there is the working folder: a ``random.py``
or an old clone of timm in it is imported by whatever asks for the library.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

_HOME = Path(__file__).resolve().parents[3]
_OWN = ("zoo", "harness", "plugins", "reports")


def wrong_package() -> str:
    """Say which package of zoo would be imported from elsewhere, as :func:`wrong_import` does; empty if none."""
    for name in _OWN:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin and _is_not_own(name, Path(spec.origin).resolve()):
            return _sentence(spec.origin, "zoo's package", name)
    return ""


def wrong_import(error: BaseException) -> str:
    """Say which file was imported in place of another if *error* may come from that, with the remedy; else empty."""
    try:
        found = [(name, file, Path(file).resolve()) for name, file in (*_modules_in(error), *_loaded())]
        for name, file, path in found:
            if _is_not_own(name, path):
                return _sentence(file, "zoo's package", name)
            if _is_not_standard(name, path):
                return _sentence(file, "Python's module", name)
        for name, file, path in found:  # last, as it imports more
            if _is_not_the_library(name, path):
                return _sentence(file, "the library", name)
    except Exception:  # whatever it is, it stands in the way of this, too
        pass
    return ""


def _sentence(file: str, whose: str, name: str) -> str:
    return (
        f"{file} is imported in place of {whose} {name!r}: rename it, or take its folder out of PYTHONPATH, where an "
        "empty entry is the working folder"
    )


def _modules_in(error: BaseException | None) -> Iterator[tuple[str, str]]:
    """Yield the top-level modules, with their files, whose code *error* and what led to it came through."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        trace = error.__traceback__
        while trace is not None:
            name, file = str(trace.tb_frame.f_globals.get("__name__", "")), trace.tb_frame.f_code.co_filename
            if Path(file).name in (f"{name}.py", "__init__.py") and "." not in name:
                yield name, file
            trace = trace.tb_next
        error = error.__cause__ or error.__context__


def _loaded() -> Iterator[tuple[str, str]]:
    """Yield the top-level modules that are loaded, with their files."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if "." not in name and isinstance(file, str):
            yield name, file


def _is_not_own(name: str, path: Path) -> bool:
    return name in _OWN and path.parent.parent != _HOME


def _is_not_standard(name: str, path: Path) -> bool:
    import sysconfig

    folders = {Path(sysconfig.get_path(each)).resolve() for each in ("stdlib", "platstdlib")}
    return name in sys.stdlib_module_names and not _is_installed(path) and folders.isdisjoint(path.parents)


def _is_not_the_library(name: str, path: Path) -> bool:
    from harness.code.distributions import claimants, own_copy

    if name in _OWN or name in sys.stdlib_module_names or _is_installed(path):
        return False
    copies = [own_copy(distribution, name) for distribution in claimants(name)]
    return any(copy is not None and copy.resolve() != path for copy in copies)


def _is_installed(path: Path) -> bool:
    return not {"site-packages", "dist-packages"}.isdisjoint(path.parts)
