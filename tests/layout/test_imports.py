"""Imports point one way, and light commands stay light."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "torchvision", "timm")


@pytest.fixture(scope="module", autouse=True)
def _warm_cache() -> None:
    """The first catalog asks timm for its names, and ``zoo show`` for heads and sizes; this is about all later ones."""
    for arguments in (["-c", "from zoo import build_catalog; build_catalog()"], ["-m", "zoo", "show", "resnet18"]):
        subprocess.run([sys.executable, *arguments], check=True, timeout=120, stdout=subprocess.DEVNULL)


def test_the_contracts_between_packages_are_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlinter.application import use_cases
    from importlinter.configuration import configure

    monkeypatch.chdir(root)
    configure()
    assert use_cases.lint_imports(config_filename="pyproject.toml", cache_dir=None), "run lint-imports to see which"


def test_reports_of_a_broken_contract_fail_the_test_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard is itself guarded: a contract that is broken must not pass."""
    from importlinter.application import use_cases
    from importlinter.configuration import configure

    (tmp_path / "contract.toml").write_text(
        '[tool.importlinter]\nroot_packages = ["zoo"]\n'
        '[[tool.importlinter.contracts]]\nname = "broken"\ntype = "forbidden"\n'
        'source_modules = ["zoo.catalog"]\nforbidden_modules = ["zoo.errors"]\n'
    )
    monkeypatch.chdir(tmp_path)
    configure()
    assert not use_cases.lint_imports(config_filename="contract.toml", cache_dir=None)


def _loaded_by(code: str, *arguments: str | Path) -> set[str]:
    """Return the top-level and sub-modules that a fresh interpreter has after running *code*."""
    script = (
        f"import atexit, json, sys\natexit.register(lambda: print('\\n' + json.dumps(sorted(sys.modules))))\n{code}"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1"},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def _heavy(modules: set[str]) -> list[str]:
    return [name for name in (*HEAVY, "sklearn", "datasets") if name in modules]


def test_the_watch_sees_a_heavy_import() -> None:
    code = "import sys, types; sys.modules['torch'] = types.ModuleType('torch')"
    assert _heavy(_loaded_by(code)) == ["torch"]


@pytest.mark.parametrize(
    "code",
    [
        "import zoo",
        "import zoo; [getattr(zoo, name) for name in zoo.__all__]",
        "import zoo.events, zoo.hookspecs, zoo.loading",
        "import plugins, harness, reports",
        "from zoo import build_catalog; build_catalog()",
        "from zoo import build_catalog; from harness.code.identity import code_identity; "
        "[code_identity(entry) for entry in build_catalog().architectures]",
    ],
)
def test_importing_and_loading_plugins_never_loads_torch(code: str) -> None:
    assert _heavy(_loaded_by(code)) == []


def test_plugins_are_light_at_import() -> None:
    """Records build lazily: numpy, too, waits until something is really made."""
    loaded = _loaded_by("from zoo import build_catalog; build_catalog()")
    assert not {"numpy", "pandas", "PIL", "pyarrow", "pydantic", "scipy", "rich"} & loaded


def test_importing_zoo_is_cheap() -> None:
    loaded = _loaded_by("import zoo")
    assert not {"pydantic", "pluggy", "click", "importlib.metadata"} & loaded


PLAIN_COMMANDS = ["list models", "list data", "list recipes", "list metrics", "plugins", "show accuracy"]
"""They need not even compute."""
LIGHT_COMMANDS = [
    "--help",
    "--version",
    "list --help",
    "list models resnet*",
    "list listeners",
    "show resnet18",
    "show sgd_step",
    "show digits",
    "bench --help",
    "plan --help",
    "rank --help",
    "diff --help",
    "predict --help",
    "export --help",
    "serve --help",
    "import --help",
    "cache list",
    "cache clear --older-than 1000 --yes",
    "data check --help",
    "data check synthetic --limit-train 100",
]
RUN = """
import contextlib, io, json, sys
from zoo.cli.group import zoo
loaded = {}
for line in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            zoo.main(line.split(), prog_name="zoo")
        except SystemExit as error:
            assert error.code == 0, (line, error.code)
    loaded[line] = [name for name in json.loads(sys.argv[2]) if name in sys.modules]
print(json.dumps(loaded))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, list[str]]:
    """What is loaded after each of the commands, which run one after the other in one fresh interpreter."""
    lines, watched = [*PLAIN_COMMANDS, *LIGHT_COMMANDS], [*HEAVY, "sklearn", "datasets", "pandas", "scipy", "numpy"]
    arguments = (json.dumps(lines), json.dumps(watched))
    done = subprocess.run([sys.executable, "-c", RUN, *arguments], capture_output=True, encoding="utf-8", timeout=200)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("line", PLAIN_COMMANDS)
def test_a_plain_command_loads_nothing_that_computes(line: str, loaded: dict[str, list[str]]) -> None:
    assert loaded[line] == []


@pytest.mark.parametrize("line", LIGHT_COMMANDS)
def test_a_light_command_never_loads_torch(line: str, loaded: dict[str, list[str]]) -> None:
    """A command that loads it is the first that fails."""
    assert not {*HEAVY, "sklearn", "datasets"} & set(loaded[line])


def test_a_command_that_loads_a_heavy_library_is_seen() -> None:
    code = "import click, sys, types; import zoo.cli.group as group\n"
    code += "group.zoo = click.command()(lambda: sys.modules.update(torch=types.ModuleType('torch')))\n"
    arguments = (json.dumps([""]), json.dumps(["torch"]))
    done = subprocess.run([sys.executable, "-c", code + RUN, *arguments], capture_output=True, encoding="utf-8")
    assert json.loads(done.stdout) == {"": ["torch"]}, done.stderr


def test_reports_never_load_torch() -> None:
    """By way of the harness neither, which imports it inside functions only."""
    code = (
        "import importlib, pkgutil, reports\n"
        "for each in pkgutil.walk_packages(reports.__path__, 'reports.'): importlib.import_module(each.name)"
    )
    assert not set(HEAVY) & _loaded_by(code)


def own_names(path: Path) -> list[tuple[str, str]]:
    """Return the module and name of each import of zoo's packages."""
    return [
        (node.module, alias.name)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0
        if node.module.partition(".")[0] in ("zoo", "harness", "reports", "plugins")
        for alias in node.names
    ]


def exists(module: str, name: str) -> bool:
    found = importlib.import_module(module)
    is_package = hasattr(found, "__path__")
    return hasattr(found, name) or (is_package and importlib.util.find_spec(f"{module}.{name}") is not None)


def test_scripts_and_examples_import_what_there_is(root: Path) -> None:
    """Types are not checked there, and a name that was changed broke one item of the GPU's acceptance."""
    scripts = [path for folder in ("benchmarks", "examples") for path in sorted((root / folder).rglob("*.py"))]
    assert len(scripts) > 20
    named = {(path.relative_to(root).as_posix(), *found) for path in scripts for found in own_names(path)}
    assert len(named) > 50
    assert sorted(each for each in named if not exists(*each[1:])) == []
    assert not exists("zoo.architecture", "Preprocessing"), "the check can fail"
