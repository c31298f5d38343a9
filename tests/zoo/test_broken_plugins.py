"""Broken plugins: each costs itself only, and is listed with its cause."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from zoo.errors import PluginError

from .plugin_toys import hook, load_files, only_plugin, write_plugin

BROKEN = {
    "raises at import": ("1 / 0", "ZeroDivisionError: division by zero"),
    "does not parse": ("def (", "SyntaxError: invalid syntax"),
    "imports what is not there": ("import not_installed_at_all", "No module named 'not_installed_at_all'"),
    "exits": ("import sys; sys.exit(0)", r"called sys.exit\(0\) while loading"),
    "raises what cannot be printed": (
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E",
        "^E$",
    ),
    "raises a base exception": ("raise BaseException('out')", "BaseException: out"),
    "recurses without end": ("def f(): f()\nf()", "RecursionError"),
    "has no hook": ("x = 1", "no function marked with @hookimpl"),
    "is empty": ("", "no function marked with @hookimpl"),
    "misspells a hook": (
        hook("return []", "zoo_architecture"),
        "unknown hook 'zoo_architecture'.*zoo_architectures",
    ),
    "asks for an argument": (
        "from zoo import hookimpl\n@hookimpl\ndef zoo_architectures(x): return []",
        "PluginValidationError",
    ),
    "yields a string": (hook("yield 'resnet18'"), "zoo_architectures yielded str, not Architecture"),
    "yields another kind": (
        hook("yield Metric(name='m', compute=len)"),
        "zoo_architectures yielded Metric, not Architecture",
    ),
    "yields nothing callable": (hook("yield Architecture(name='x', build=3)"), "build must be callable"),
    "returns nothing": (hook("return None"), "zoo_architectures returned NoneType, not records"),
    "returns a string": (hook("return 'resnet18'"), "zoo_architectures returned str, not records"),
    "returns one record": (
        hook("return Architecture(name='x', build=len)"),
        "returned Architecture, not records",
    ),
    "yields the same twice": (
        hook("yield Architecture(name='x', build=len)\nyield Architecture(name='x', build=len)"),
        "yielded 'plugin/x' twice",
    ),
    "yields without end": (
        hook("record = Architecture(name='x', build=len)\nwhile True: yield record"),
        "yielded more than 100,000 records",
    ),
    "breaks half-way": (
        hook("yield Architecture(name='x', build=len)\nraise KeyError('later')"),
        "KeyError: 'later'",
    ),
    "yields a traversing name": (
        hook("yield Architecture(name='../../x', build=len)"),
        "architecture name '../../x'",
    ),
    "yields a command that is none": (
        hook("yield 'cmd'", "zoo_commands"),
        "zoo_commands yielded str, not Command",
    ),
}


@pytest.mark.parametrize(("code", "cause"), BROKEN.values(), ids=BROKEN)
def test_a_plugin_that(code: str, cause: str, tmp_path: Path) -> None:
    """It costs itself only, and is listed as broken with its cause (llm#1280)."""
    good = write_plugin(tmp_path / "good.py")
    catalog = load_files(write_plugin(tmp_path / "plugin.py", code), good)
    broken, loaded = catalog.plugins
    assert (broken.state, loaded.state) == ("broken", "loaded")
    assert re.search(cause, broken.problem), broken.problem
    assert "\n" not in broken.problem
    assert broken.traceback
    assert [entry.full_name for entry in catalog.architectures] == ["good/net"]
    assert len(catalog.metrics) == 0
    assert not catalog.commands


def test_ctrl_c_while_a_plugin_loads_is_the_users_and_not_the_plugins(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        load_files(write_plugin(tmp_path / "plugin.py", "raise KeyboardInterrupt"))


@pytest.mark.parametrize("name", ["absent.py", "a_folder", "not_python.txt", "nul\0.py", "loop.py"])
def test_a_file_that_cannot_be_a_plugin_is_a_broken_plugin(name: str, tmp_path: Path) -> None:
    (tmp_path / "a_folder").mkdir()
    write_plugin(tmp_path / "not_python.txt")
    (tmp_path / "loop.py").symlink_to(tmp_path / "loop.py")
    assert only_plugin(load_files(f"{tmp_path}/{name}")).state == "broken"


def test_strict_makes_a_broken_plugin_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"1 broken plugin\(s\): plugin: ZeroDivisionError"):
        load_files(write_plugin(tmp_path / "good.py"), write_plugin(tmp_path / "plugin.py", "1 / 0"), strict=True)
