"""The scaffold: a new plugin as an installable distribution with tests, written from templates."""

from __future__ import annotations

import importlib.metadata
import keyword
import re
import shutil
import sys
import tempfile
from pathlib import Path

from zoo._version import __version__
from zoo.errors import StoreError, UsageError

_FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "tox.ini": "tox.ini",
    ".gitignore": "gitignore",
    ".github/workflows/ci.yml": "ci.yml",
    "src/{module}/__init__.py": "init.py",
    "src/{module}/plugin.py": "plugin.py",
    "src/{module}/network.py": "network.py",
    "src/{module}/shapes.py": "shapes.py",
    "src/{module}/py.typed": "",
    "tests/test_conforms.py": "test_conforms.py",
    "tests/test_plugin.py": "test_plugin.py",
}
"""Name of the template for each file, without its suffix; empty for an empty file."""

_MAX_NAME = 60
_OWN = ("harness", "plugins", "reports", "zoo")


def module_name(name: str) -> str:
    """Return the import name of a plugin distribution: ``my_models`` for ``my-models``.

    Raises:
        UsageError: If *name* is not a valid name of a distribution, or its module would hide another one.
    """
    if len(name) > _MAX_NAME or not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name, re.ASCII):
        shown = repr(name) if len(name) <= _MAX_NAME else repr(name[:_MAX_NAME] + "…")
        raise UsageError(
            f"{shown} is not a valid plugin name: expected up to {_MAX_NAME} of a-z, 0-9 and single hyphens, starting "
            f"with a letter{_suggestion(name)}"
        )
    module = name.replace("-", "_")
    if keyword.iskeyword(module) or keyword.issoftkeyword(module):
        raise UsageError(f"{name!r} is not a valid plugin name: it is a Python keyword")
    if module in sys.stdlib_module_names or module in _OWN:
        owner = "zoo" if module in _OWN else "Python"
        raise UsageError(f"{name!r} is not a valid plugin name: {owner} has a module called {module}")
    for owner in importlib.metadata.packages_distributions().get(module, ()):
        if owner.lower().replace("_", "-") != name:
            raise UsageError(f"{name!r} is not a valid plugin name: {owner} has a module called {module}")
    return module


def _suggestion(name: str) -> str:
    better = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")[:_MAX_NAME].rstrip("-")
    return f", such as {better}" if better and better != name else ""


def write_plugin(name: str, into: Path) -> Path:
    """Write a plugin distribution called *name* into the folder *into*, and return its folder.

    It is written completely or not at all, and never overwrites anything.

    Raises:
        UsageError: For an invalid name, or a folder that exists already.
        StoreError: If it cannot be written.
    """
    module = module_name(name)
    folder = into / name
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} already exists; choose another name or --into")
    texts = {target.format(module=module): text for target, text in _render(name, module).items()}
    temporary = None
    try:
        into.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=into))
        for target, text in texts.items():
            path = temporary / target
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        temporary.chmod(0o755)  # as mkdir would have made it; mkdtemp keeps others out
        temporary.rename(folder)
    except OSError as error:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        raise StoreError(f"{folder} cannot be written: {error.strerror or error}") from error
    return folder


def _render(name: str, module: str) -> dict[str, str]:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("zoo", "templates/plugin"),
        autoescape=False,  # what is written is code, and its names are letters, digits and hyphens
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    values = {"distribution": name, "module": module, "plugin": name, "version": __version__}
    return {
        target: environment.get_template(f"{template}.jinja").render(values) if template else ""
        for target, template in _FILES.items()
    }
