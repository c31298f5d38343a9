"""Finding: plugins are found without being imported; what is wrong with one shows when it is loaded."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from zoo.finding import Sources, find

ONLY_FILES = {"builtin": False, "entry_points": False}


def test_a_file_is_found_without_being_run(tmp_path: Path) -> None:
    path = tmp_path / "My Nets.py"
    path.write_text("raise RuntimeError('it was run')")
    (found,) = find(Sources(files=(str(path),), **ONLY_FILES))
    assert (found.provider.name, found.provider.origin, found.provider.namespace) == ("My Nets", "file", "my-nets")
    with pytest.raises(RuntimeError, match="it was run"):
        found.load()


def test_a_file_that_is_missing_is_found_and_fails_to_load(tmp_path: Path) -> None:
    (found,) = find(Sources(files=(str(tmp_path / "absent.py"),), **ONLY_FILES))
    with pytest.raises(FileNotFoundError, match=r"absent\.py"):
        found.load()


def test_an_edited_file_is_a_new_module_and_a_broken_one_leaves_none(tmp_path: Path) -> None:
    path = tmp_path / "nets.py"
    path.write_text("VALUE = 1")
    (found,) = find(Sources(files=(str(path),), **ONLY_FILES))
    first = found.load()
    assert found.load() is first
    path.write_text("VALUE = 2")
    assert (first.VALUE, found.load().VALUE) == (1, 2)
    path.write_text("1/0")
    before = set(sys.modules)
    with pytest.raises(ZeroDivisionError):
        found.load()
    assert set(sys.modules) == before


def test_built_ins_are_found_by_name_and_share_a_namespace() -> None:
    found = list(find(Sources(entry_points=False)))
    assert found
    assert {each.provider.namespace for each in found} == {"zoo"}
    assert {each.provider.distribution for each in found} == {"zoobench"}
