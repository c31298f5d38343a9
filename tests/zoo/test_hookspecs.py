"""The extension surface: what is specified is what is collected, and its own example works."""

from __future__ import annotations

import inspect
import textwrap
from pathlib import Path

import pytest

from zoo import hookspecs
from zoo.loading import Sources, build_catalog

HOOKS = {name: each for name, each in vars(hookspecs).items() if name.startswith("zoo_")}


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_takes_nothing_yields_records_and_says_what_they_are_for(name: str) -> None:
    hook = HOOKS[name]
    assert not inspect.signature(hook).parameters
    assert hook.__annotations__["return"].startswith("Iterable[")
    assert (hook.__doc__ or "").startswith("Yield ")


@pytest.mark.parametrize("name", HOOKS)
def test_each_hook_that_is_specified_is_called(name: str, tmp_path: Path) -> None:
    path = tmp_path / "nothing.py"
    path.write_text(f"from zoo import hookimpl\n@hookimpl\ndef {name}():\n    raise LookupError('called')\n")
    (plugin,) = build_catalog(Sources(files=(str(path),), entry_points=False, builtin=False)).plugins
    assert plugin.problem == "LookupError: called"


def test_the_example_is_a_plugin(tmp_path: Path) -> None:
    example = textwrap.dedent((hookspecs.__doc__ or "").partition("::")[2])
    path = tmp_path / "example.py"
    path.write_text(f"def build_my_net(request): ...\n{example}")
    catalog = build_catalog(Sources(files=(str(path),), entry_points=False, builtin=False))
    assert [entry.full_name for entry in catalog.architectures] == ["example/my_net"]


def test_the_whole_surface_fits_on_one_screen() -> None:
    assert len(inspect.getsource(hookspecs).splitlines()) < 80
