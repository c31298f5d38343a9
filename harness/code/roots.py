"""Roots: the modules with a record's functions, and the values that the functions were created with."""

from __future__ import annotations

import enum
import functools
import hashlib
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from harness.code.locating import FILE_PREFIX

_MOST_STEPS = 10_000
_DEEPEST = 20
_SIMPLE = (type(None), bool, int, float, complex, str, bytes)


@dataclass(kw_only=True, slots=True)
class Roots:
    """The starting points of a record's code."""

    modules: dict[str, frozenset[str]] = field(default_factory=dict)
    """Names of modules, each with the names of hook functions that define a function of the record inside."""
    arguments: Any = None
    """The record's functions by field, with their defaults, closures and bound arguments, as plain values."""


def roots_of(record: Any) -> Roots:
    """Return the starting points of a record's code: all its functions except those that yield hyperparameters.

    Hyperparameters are part of a result key by value. For instances of a plugin's class, the class counts.
    """
    roots = Roots()
    walk = _Walk(roots)
    functions: dict[str, Any] = {}
    for each in fields(record):
        value = getattr(record, each.name)
        if each.name == "hyperparameters":
            made = type(value())
            if made.__module__.partition(".")[0] != "zoo":
                functions[each.name] = walk.plain(made)
        elif callable(value):
            functions[each.name] = walk.plain(value)
    roots.arguments = functions
    return roots


class _Walk:
    """Turns functions and values into plain values, and collects the modules of their code."""

    def __init__(self, roots: Roots) -> None:
        self._roots = roots
        self._within: list[int] = []
        self._steps = 0

    def plain(self, value: Any) -> Any:
        """Return a value as plain JSON, equal in every process that creates it in the same way."""
        self._steps += 1
        if id(value) in self._within or len(self._within) > _DEEPEST or self._steps > _MOST_STEPS:
            return "…"
        self._within.append(id(value))
        try:
            return self._plain(value)
        except Exception:  # a plugin's object may answer anything; its class is what is known of it
            return f"{type(value).__module__}.{type(value).__qualname__}"
        finally:
            self._within.pop()

    def _plain(self, value: Any) -> Any:
        if isinstance(value, enum.Enum):
            return f"{type(value).__qualname__}.{value.name}"
        if isinstance(value, _SIMPLE):
            return repr(value)
        if isinstance(value, Path):
            return f"Path {value.name}"  # its path differs between machines
        if isinstance(value, functools.partial):
            return ["partial", self.plain(value.func), self.plain(value.args), self.plain(value.keywords)]
        if isinstance(value, Mapping):
            return {str(key): self.plain(value[key]) for key in sorted(value, key=str)}
        if isinstance(value, list | tuple):
            return [self.plain(each) for each in value]
        if isinstance(value, set | frozenset):
            return sorted(map(repr, value))
        return self._code(value)

    def _code(self, value: Any) -> Any:
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.MethodType):
            return ["method", self.plain(value.__func__), self.plain(value.__self__)]
        if isinstance(value, types.ModuleType):
            return self._named(value.__name__, "")
        if isinstance(value, type):
            return self._named(value.__module__, value.__qualname__)
        wrapped = getattr(value, "__wrapped__", None)
        if callable(wrapped):
            return self.plain(wrapped)
        if isinstance(value, types.BuiltinFunctionType):
            return self._named(getattr(value, "__module__", None) or "builtins", value.__qualname__)
        if hasattr(value, "tobytes") and hasattr(value, "dtype"):
            return [str(value.dtype), str(value.shape), hashlib.sha256(value.tobytes()).hexdigest()]
        return self._object(value)

    def _function(self, function: types.FunctionType) -> Any:
        # Where its code lies: a decorator gives its wrapper the module and name of what it wraps.
        name = function.__globals__.get("__name__") or function.__module__
        qualified = function.__code__.co_qualname
        hooks = frozenset(part for part in qualified.split(".") if part.startswith("zoo_"))
        called = self._named(name, qualified, hooks)
        cells = [cell for cell in function.__closure__ or () if _is_filled(cell)]
        parts = [
            self.plain(function.__defaults__),
            self.plain(function.__kwdefaults__),
            [self.plain(cell.cell_contents) for cell in cells],
            self.plain(getattr(function, "__wrapped__", None)),
        ]
        return [called, *parts] if any(part not in ("None", []) for part in parts) else called

    def _object(self, value: Any) -> Any:
        kind = type(value)
        called = self._named(kind.__module__, kind.__qualname__)
        slots = [name for each in kind.__mro__ for name in _names(getattr(each, "__slots__", ()))]
        state = {**getattr(value, "__dict__", {}), **{name: getattr(value, name, None) for name in slots}}
        state = {name: each for name, each in state.items() if name not in ("__weakref__", "__dict__")}
        return [called, self.plain(state)] if state else called

    def _named(self, module: str, name: str, hooks: frozenset[str] = frozenset()) -> str:
        self._roots.modules[module] = self._roots.modules.get(module, frozenset()) | hooks
        # The name of a file's module changes with the file; the file's own digest says so already.
        label = "" if module.startswith(FILE_PREFIX) else module
        return f"{label}.{name}"


def _names(slots: str | Iterable[str]) -> Iterable[str]:
    return (slots,) if isinstance(slots, str) else slots


def _is_filled(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True
