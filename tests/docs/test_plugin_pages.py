"""The page of hooks says what the specification says, and its examples are plugins."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path

import pytest

import zoo
from zoo import hookspecs
from zoo.loading import Sources, build_catalog

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "hooks.md"
HOOKS = {name: each for name, each in vars(hookspecs).items() if name.startswith("zoo_")}
SECTIONS = {
    text.partition("\n")[0].strip(): text
    for text in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.M)[1:]
}


def test_each_hook_has_a_section_in_the_order_of_the_specification() -> None:
    assert list(SECTIONS) == list(HOOKS)


@pytest.mark.parametrize("name", HOOKS)
def test_a_signature_and_what_a_hook_is_for_are_those_of_the_specification(name: str) -> None:
    signature = f"def {name}{inspect.signature(HOOKS[name])}".replace("'", "")
    assert signature in SECTIONS[name]
    assert (HOOKS[name].__doc__ or "").replace("``", "`") in SECTIONS[name]


@pytest.mark.parametrize("name", [name for name in HOOKS if name != "zoo_commands"])
def test_each_field_of_a_record_is_listed_and_no_other(name: str) -> None:
    record = re.findall(r"Iterable\[(\w+)\]", str(inspect.signature(HOOKS[name])))[0]
    listed = re.findall(r"^\| `(\w+)` \|", SECTIONS[name], re.MULTILINE)
    assert listed == [field.name for field in dataclasses.fields(getattr(zoo, record))]


@pytest.mark.parametrize("name", HOOKS)
def test_the_example_of_a_hook_is_a_plugin_that_yields_something(name: str, tmp_path: Path) -> None:
    path = tmp_path / "example.py"
    path.write_text(re.findall(r"```python\n(.*?)```", SECTIONS[name], re.DOTALL)[1], encoding="utf-8")
    (plugin,) = build_catalog(Sources(files=(str(path),), entry_points=False, builtin=False)).plugins
    assert plugin.state == "loaded", plugin.traceback
    assert plugin.hooks == (name,)
    assert plugin.provides
