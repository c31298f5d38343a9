"""Siblings: what the code of a plugin's file can import beside it, and what a module there must not hide."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from zoo import siblings
from zoo.finding import Sources, find


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave no module, folder or finder to other tests."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "meta_path", [each for each in sys.meta_path if each is not siblings._FINDER])
    for name, empty in (("_FOLDERS", []), ("_LOADED", {}), ("_EDITS", {})):
        monkeypatch.setattr(siblings, name, empty)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def lab(tmp_path: Path) -> Any:
    """Write files to a folder, and return what importing its ``lab.py`` gives."""

    def load(files: dict[str, str], folder: str = "lab") -> ModuleType:
        for name, text in files.items():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (found,) = find(Sources(files=(str(tmp_path / folder / "lab.py"),), builtin=False, entry_points=False))
        module: ModuleType = found.load()
        return module

    return load


def test_a_module_and_a_package_beside_a_plugin_file_are_imported_also_later_and_by_each_other(lab: Any) -> None:
    """As ``torch.hub`` users expect of files beside ``hubconf.py`` (pytorch#43622)."""
    code = "from lab_helper import ONE\ndef build():\n    from lab_nets.deep import DEPTH\n    return ONE, DEPTH\n"
    files = {"lab_helper.py": "from lab_nets import ONE", "lab_nets/__init__.py": "ONE = 1"}
    module = lab({"lab.py": code, **files, "lab_nets/deep.py": "import lab_helper\nDEPTH = lab_helper.ONE + 1"})
    assert module.build() == (1, 2)


def test_a_sibling_hides_neither_python_nor_an_installed_library(lab: Any) -> None:
    files = {"json.py": "raise SystemExit", "numpy.py": "raise SystemExit", "pluggy/__init__.py": "raise SystemExit"}
    module = lab({"lab.py": "import json, numpy, pluggy", **files})
    assert (module.json, module.numpy.__name__) == (json, "numpy")


def test_only_code_beside_a_sibling_finds_it(lab: Any) -> None:
    lab({"lab.py": "import os", "absent_library.py": ""})
    assert importlib.util.find_spec("absent_library") is None
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("absent_library")


def test_an_environment_in_the_same_folder_does_not_find_it(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    library = {
        "venv/site/some_library.py": "try:\n    import fast_kernels\nexcept ImportError:\n    fast_kernels = None"
    }
    load = {"lab.py": "import some_library", "fast_kernels.py": "", **library}
    with pytest.raises(ModuleNotFoundError, match="some_library"):
        lab(load)
    monkeypatch.syspath_prepend(str(Path(siblings._FOLDERS[0]) / "venv" / "site"))
    assert lab(load).some_library.fast_kernels is None


def test_an_edited_sibling_is_imported_anew_with_the_plugin(lab: Any) -> None:
    first = lab({"lab.py": "from lab_helper import VALUE", "lab_helper.py": "VALUE = 1"})
    assert lab({}) is first
    second = lab({"lab_helper.py": "VALUE = 2"})  # of the same length, within the same second
    assert (first.VALUE, second.VALUE) == (1, 2)
    assert lab({}) is second


@pytest.mark.parametrize("is_lazy", [False, True])
def test_one_name_beside_two_plugin_files_is_an_error_with_both_paths(lab: Any, tmp_path: Path, is_lazy: bool) -> None:
    code = "import lab_helper"
    first = {"lab.py": f"def build():\n    {code}" if is_lazy else code, "lab_helper.py": "VALUE = 1"}
    lab(first, "first")
    with pytest.raises(ImportError, match="rename one of them") as caught:
        lab({"lab.py": code, "lab_helper.py": "VALUE = 2"}, "second")
    assert all(str(tmp_path / folder / "lab_helper.py") in str(caught.value) for folder in ("first", "second"))


def test_two_plugin_files_may_have_the_same_helper(lab: Any) -> None:
    for folder in ("first", "second"):
        assert lab({"lab.py": "import lab_helper", "lab_helper.py": "VALUE = 1"}, folder).lab_helper.VALUE == 1


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("import lab_absent", "install it, or put lab_absent.py beside lab.py"),
        ("import lab_folder", "the folder lab_folder beside lab.py needs a file __init__.py"),
        ("from json import net", "json.py is not used, since Python or an installed library has that name: rename it"),
        ("from .lab_helper import net", "write 'import helper' for helper.py beside it"),
        ("import lab_helper", "install it, or put lab_absent.py beside lab.py"),
    ],
)
def test_an_import_that_fails_says_what_helps(lab: Any, code: str, remedy: str) -> None:
    files = {"lab_folder/nets.py": "", "json.py": "net = 1", "lab_helper.py": "import lab_absent"}
    with pytest.raises(ImportError) as caught:
        lab({"lab.py": code, **files})
    assert remedy in str(caught.value)


def test_an_import_that_fails_within_a_library_is_left_as_it_is(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    library = {"../site/some_library.py": "import absent_library"}
    with pytest.raises(ModuleNotFoundError, match="some_library"):
        lab({"lab.py": "import some_library", **library})
    monkeypatch.syspath_prepend(str(siblings._FOLDERS[0].parent / "site"))
    with pytest.raises(ModuleNotFoundError) as caught:
        lab({})
    assert str(caught.value) == "No module named 'absent_library'"
