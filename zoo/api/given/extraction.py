"""Extraction: the source that a function or class needs, from scripts and notebooks, as one piece of text.

The text is what the result depends on: it is written into a plugin file, whose code is part of the result key.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import linecache
import sysconfig
import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

_LITERALS = (bool, int, float, complex, str, bytes, type(None), tuple, list, dict, set, frozenset)


class NoSourceError(Exception):
    """Something has no source that could be written down; the message says what."""


def extract(value: object, name: str) -> str:
    """Return source that defines *name* as *value*, with everything that it needs.

    Installed modules are imported; functions, classes and literals of scripts, notebooks and local modules are copied.

    Raises:
        NoSourceError: If anything that it needs has no source, such as an object in a global variable.
    """
    found = _Extraction()
    found.need(name, value)
    return "\n\n".join([*sorted(found.imports), *found.pieces.values()]) + "\n"


def is_installed(module: ModuleType | None) -> bool:
    """Tell whether a module comes from Python or an installed distribution, so that other processes can import it."""
    if module is None or module.__name__ == "__main__":
        return False
    file = getattr(module, "__file__", None)
    if file is None:
        return module.__name__.partition(".")[0] in _BUILT_IN or bool(getattr(module, "__path__", None))
    paths = {Path(path).resolve() for path in sysconfig.get_paths().values()}
    return any(path in Path(file).resolve().parents for path in paths) or _is_in_site_packages(Path(file))


def _is_in_site_packages(file: Path) -> bool:
    return bool({"site-packages", "dist-packages"} & set(file.parts))


def _built_in_names() -> frozenset[str]:
    import sys

    return frozenset(sys.builtin_module_names) | sys.stdlib_module_names


_BUILT_IN = _built_in_names()


class _Extraction:
    """What has been found so far."""

    def __init__(self) -> None:
        self.imports: dict[str, None] = {}
        self.pieces: dict[str, str] = {}
        self._values: dict[str, Any] = {}

    def need(self, name: str, value: Any) -> None:
        """Add what defines *name* as *value*."""
        if name in self._values:
            if self._values[name] is not value and self._values[name] != value:
                raise NoSourceError(f"two different things are called {name}")
            return
        self._values[name] = value
        if isinstance(value, ModuleType):
            self._import_module(name, value)
        elif isinstance(value, functools.partial):
            self._add_partial(name, value)
        elif inspect.isclass(value) or isinstance(value, FunctionType) or inspect.isbuiltin(value):
            self._add_definition(name, value)
        elif isinstance(value, _LITERALS) and _is_literal(value):
            self.pieces[name] = f"{name} = {value!r}"
        else:
            raise NoSourceError(f"{name} is an object of type {type(value).__name__}, which has no source")

    def _import_module(self, name: str, module: ModuleType) -> None:
        if not is_installed(module):
            raise NoSourceError(f"{name} is a module that is not installed")
        self.imports[f"import {module.__name__}" + ("" if name == module.__name__ else f" as {name}")] = None

    def _add_partial(self, name: str, value: functools.partial[Any]) -> None:
        inner = f"_{name}_function"
        if not _is_literal([value.args, value.keywords]):
            raise NoSourceError(f"{name} is a partial with arguments that are no literals")
        self.need(inner, value.func)
        given = [*map(repr, value.args), *(f"{key}={each!r}" for key, each in value.keywords.items())]
        self.imports["import functools"] = None
        self.pieces[name] = f"{name} = functools.partial({', '.join([inner, *given])})"

    def _add_definition(self, name: str, value: Any) -> None:
        module = inspect.getmodule(value)
        qualified = getattr(value, "__qualname__", "")
        if is_installed(module) and "." not in qualified and "<" not in qualified:
            assert module is not None
            self.imports[f"from {module.__name__} import {qualified} as {name}"] = None
            return
        source, own_name = _source_of(value)
        if own_name not in ("", name):
            self.need(own_name, value)
            self.pieces[name] = f"{name} = {own_name}"
            return
        for used, needed in _used(source, value).items():
            if used != own_name:
                self.need(used, needed)
        self.pieces[name] = source if own_name else f"{name} = {source}"


def _is_literal(value: Any) -> bool:
    try:
        return bool(ast.literal_eval(repr(value)) == value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False


def _used(source: str, value: Any) -> Mapping[str, Any]:
    """Return the global and enclosing names that a definition uses, with their values."""
    functions = _functions_of(value)
    known: dict[str, Any] = {}
    for function in functions:
        known.update(function.__globals__)
    for function in functions:
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for variable, cell in cells:
            if variable != "__class__":
                try:
                    known[variable] = cell.cell_contents
                except ValueError as error:
                    raise NoSourceError(f"{variable} has no value yet") from error
    if inspect.isclass(value) and not functions:
        known.update(vars(inspect.getmodule(value) or builtins))
    names = dict.fromkeys(
        node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name) and node.id in known
    )
    return {used: known[used] for used in names}


def _functions_of(value: Any) -> list[FunctionType]:
    if isinstance(value, FunctionType):
        return [value]
    members = vars(value).values() if inspect.isclass(value) else ()
    return [each for each in members if isinstance(each, FunctionType)]


def _source_of(value: Any) -> tuple[str, str]:
    """Return the source of a function or class, and the name that it defines; empty for a lambda."""
    functions = _functions_of(value)
    if not functions:
        raise NoSourceError(f"{getattr(value, '__name__', value)} has no source")
    code = functions[0].__code__
    # Not inspect.getsource: it does not find classes of notebooks.
    text = "".join(linecache.getlines(code.co_filename))
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise NoSourceError(f"{value.__name__} comes from text that is no Python") from error
    for node in ast.walk(tree):
        if inspect.isclass(value):
            if isinstance(node, ast.ClassDef) and node.name == value.__name__ and _spans(node, code.co_firstlineno):
                return _text_of(text, node), node.name
        elif isinstance(node, ast.FunctionDef) and _begins(node, code.co_name, code.co_firstlineno):
            return _text_of(text, node), node.name
    if value.__name__ == "<lambda>":
        found = [each for each in ast.walk(tree) if isinstance(each, ast.Lambda)]
        lambdas = [each for each in found if each.lineno == code.co_firstlineno]
        if len(lambdas) == 1:
            return ast.unparse(lambdas[0]), ""
        raise NoSourceError(
            "there are several lambdas in one line" if lambdas else "the source of the lambda is not there any more"
        )
    raise NoSourceError(f"the source of {value.__name__} is not there any more")


def _spans(node: ast.ClassDef, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or 0)


def _begins(node: ast.FunctionDef, name: str, line: int) -> bool:
    return node.name == name and _first_line(node) == line


def _first_line(node: ast.ClassDef | ast.FunctionDef) -> int:
    return min([node.lineno, *(each.lineno for each in node.decorator_list)])


def _text_of(text: str, node: ast.ClassDef | ast.FunctionDef) -> str:
    return textwrap.dedent("\n".join(text.splitlines()[_first_line(node) - 1 : node.end_lineno]))
