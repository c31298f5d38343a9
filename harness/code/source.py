"""Sources: the part of a module's source that counts, and its imports, read without running it.

Comments, docstrings, line breaks, ``if TYPE_CHECKING`` and ``if __name__ == "__main__"`` do not count. Neither do hook
functions, which only yield records, unless a record's function is defined inside one.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Chain = tuple[str, ...]
"""A name and the attributes read from it: ``models.nets.Net`` is ``("models", "nets", "Net")``."""

_UNCOUNTED_FIELDS = {"ctx", "type_comment", "kind", "type_ignores"}
# Decorators, base classes and calls of module-level code that define something and do nothing else.
_QUIET_DECORATORS = {
    "hookimpl", "dataclass", "cache", "lru_cache", "contextmanager", "total_ordering", "wraps", "no_grad",
    "inference_mode", "runtime_checkable", "final", "overload", "override", "deprecated",
}  # fmt: skip
_QUIET_BASES = {
    "object", "Module", "Exception", "ValueError", "RuntimeError", "TypeError", "Protocol", "NamedTuple", "TypedDict",
    "Enum", "StrEnum", "IntEnum", "ABC", "Generic", "Dataset", "Optimizer", "Hyperparameters", "BaseModel", "Thread",
}  # fmt: skip
_QUIET_CALLS = {
    "getLogger", "Path", "TypeVar", "ParamSpec", "frozenset", "set", "dict", "tuple", "list", "namedtuple", "compile",
    "partial", "ContextVar", "version", "Lock", "RLock", "Logger", "float", "int", "range", "object",
    "MappingProxyType",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Import:
    """One name that an import statement binds."""

    module: str
    """Absolute name of the module that is imported."""
    name: str = ""
    """Name that is imported from it; empty: the module itself; ``*``: everything."""
    bound: str = ""
    """Name that the module's code uses for it; empty if it is imported without a name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The part of a module that counts."""

    digest: str
    """SHA-256 of the code that counts, without imports that it does not use."""
    imports: tuple[Import, ...] = ()
    chains: frozenset[Chain] = frozenset()
    """Names that its code uses."""
    has_effects: bool = False
    """Whether importing it may do more than define names."""
    imports_computed_names: bool = False
    """Whether it imports modules whose names are only known when it runs."""
    uses_all: bool = False
    """Whether it looks names up in ``globals()``, so that any import may be used."""

    def uses(self, imported: Import) -> bool:
        """Return whether the module's own code uses this import."""
        return self.uses_all or not imported.bound or any(chain[0] == imported.bound for chain in self.chains)


def read_source(path: Path, *, module: str, is_package: bool, hooks: frozenset[str] = frozenset()) -> Source:
    """Read a module's file.

    Args:
        path: Its file; one that is not Python source counts byte for byte.
        module: Its name, from which relative imports start.
        is_package: Whether it is the ``__init__.py`` of a package.
        hooks: Names of the hook functions that count.
    """
    found = path.stat()
    return _read(path, found.st_mtime_ns, found.st_size, module if is_package else module.rpartition(".")[0], hooks)


@functools.cache
def _read(path: Path, _modified: int, _size: int, package: str, hooks: frozenset[str]) -> Source:
    # Cached, because a plan needs it for each trial; time and size distinguish an edited file.
    content = path.read_bytes()
    try:
        if path.suffix != ".py":
            raise ValueError("it is compiled")
        tree = _Cleaner(hooks).visit(ast.parse(content))
    except (SyntaxError, ValueError, RecursionError):
        return Source(digest=hashlib.sha256(content).hexdigest(), has_effects=True)
    reader = _Reader(package)
    reader.visit(tree)
    source = Source(
        digest="",
        imports=tuple(dict.fromkeys(reader.imports)),
        chains=frozenset(reader.chains),
        has_effects=_have_effects(tree.body),
        imports_computed_names=reader.computed,
        uses_all=bool({("globals",), ("__import__",)} & reader.chains),
    )
    used = {each.bound for each in source.imports if source.uses(each)}
    digest = hashlib.sha256(repr(_plain(tree, used)).encode()).hexdigest()
    return Source(
        digest=digest,
        imports=source.imports,
        chains=source.chains,
        has_effects=source.has_effects,
        imports_computed_names=source.imports_computed_names,
        uses_all=source.uses_all,
    )


class _Cleaner(ast.NodeTransformer):
    """Removes the parts that do not count."""

    def __init__(self, hooks: frozenset[str]) -> None:
        self._hooks = hooks

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_If(self, node: ast.If) -> Any:
        if _is_for_types_only(node.test) or _is_main_test(node.test):
            return [kept for each in node.orelse for kept in _listed(self.visit(each))]
        return self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        return None if names == ["__all__"] else self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | None:
        is_hook = node.name.startswith("zoo_") and any(_last_name(each) == "hookimpl" for each in node.decorator_list)
        return None if is_hook and node.name not in self._hooks else self.generic_visit(node)


class _Reader(ast.NodeVisitor):
    """Collects imports, and the names that code uses."""

    def __init__(self, package: str) -> None:
        self._package = package
        self.imports: list[Import] = []
        self.chains: set[Chain] = set()
        self.computed = False

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.asname:
                self.imports.append(Import(module=alias.name, bound=alias.asname))
            else:
                self.imports.append(Import(module=alias.name, bound=alias.name.partition(".")[0]))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = self._absolute(node.module or "", node.level)
        for alias in node.names if module != "__future__" else ():
            self.imports.append(Import(module=module, name=alias.name, bound=alias.asname or alias.name))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        names = [node.attr]
        value = node.value
        while isinstance(value, ast.Attribute):
            names.append(value.attr)
            value = value.value
        if isinstance(value, ast.Name):
            self.chains.add((value.id, *reversed(names)))
        else:
            self.visit(value)

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Store):
            self.chains.add((node.id,))

    def visit_Call(self, node: ast.Call) -> None:
        if _last_name(node.func) in ("import_module", "__import__") and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                plain = name.value.lstrip(".")
                self.imports.append(Import(module=self._absolute(plain, len(name.value) - len(plain))))
            else:
                self.computed = True
        self.generic_visit(node)

    def _absolute(self, module: str, level: int) -> str:
        if not level:
            return module
        parts = self._package.split(".")
        parts = parts[: len(parts) - level + 1]
        return ".".join([*parts, module] if module else parts)


def _have_effects(body: Sequence[ast.stmt]) -> bool:
    return any(map(_has_effects, body))


def _has_effects(node: ast.stmt) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Pass():
            return False
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return not all(_last_name(each) in _QUIET_DECORATORS for each in node.decorator_list)
        case ast.ClassDef():
            is_quiet = all(_last_name(each) in _QUIET_DECORATORS for each in node.decorator_list)
            is_quiet = is_quiet and all(_last_name(each) in _QUIET_BASES for each in node.bases)
            return not is_quiet or bool(node.keywords) or _have_effects(node.body)
        case ast.Assign() | ast.AnnAssign():
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            calls = (each for each in ast.walk(node) if isinstance(each, ast.Call))
            return not all(isinstance(target, ast.Name) for target in targets) or any(
                _last_name(call.func) not in _QUIET_CALLS for call in calls
            )
        case ast.If():
            return _have_effects(node.body) or _have_effects(node.orelse)
        case ast.Try():
            handlers = [each for handler in node.handlers for each in handler.body]
            return any(map(_have_effects, (node.body, handlers, node.orelse, node.finalbody)))
    return True


def _plain(value: Any, used: set[str]) -> Any:
    """Return a syntax tree as tuples that are the same in every version of Python that reads the same code."""
    if isinstance(value, ast.Import | ast.ImportFrom):
        names = [each for each in value.names if _bound(value, each) in used]
        if not names:
            return ()
        level, module = (value.level, value.module) if isinstance(value, ast.ImportFrom) else (0, "")
        return (type(value).__name__, module, level, *((each.name, each.asname) for each in names))
    if isinstance(value, ast.AST):
        fields = ((name, each) for name, each in ast.iter_fields(value) if name not in _UNCOUNTED_FIELDS)
        kept = tuple((name, _plain(each, used)) for name, each in fields if each is not None and each != [])
        return (type(value).__name__, *kept)
    if isinstance(value, list):
        return tuple(filter(None, (_plain(each, used) for each in value)))
    return (type(value).__name__, repr(value))


def _bound(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> str:
    return alias.asname or (alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name)


def _last_name(node: ast.expr) -> str:
    """Return ``c`` for ``c``, ``a.b.c`` and calls and subscripts of them."""
    while isinstance(node, ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _is_for_types_only(test: ast.expr) -> bool:
    return _last_name(test) == "TYPE_CHECKING"


def _is_main_test(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


def _listed(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value
    elif value is not None:
        yield value
