"""Locating: whose a module is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from harness.code.locating import Owner, find_spec, locate
from zoo.errors import PluginError


def test_python_zoo_torch_and_libraries_that_compute_nothing_do_not_count() -> None:
    for name in ("json", "os.path", "zoo.recipe", "harness.records", "torch.nn", "tqdm", "pydantic"):
        assert locate(name, Owner()) is None


def test_a_library_is_found_by_its_distribution() -> None:
    found = locate("PIL.Image", Owner())
    assert found is not None
    assert (found.libraries, found.file) == (("pillow",), None)
    absent = locate("no_such_library.part", Owner())
    assert absent is not None
    assert absent.libraries == ("no-such-library",)
    assert locate("PIL.Image.open", Owner()) is None  # a function, not a module


def test_a_file_beside_the_plugin_or_on_the_path_is_its_own(
    site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.write({"lab_on_path.py": ""})
    monkeypatch.syspath_prepend(site.root)
    (tmp_path / "lab_beside.py").touch()
    for name, file in (("lab_on_path", site.root / "lab_on_path.py"), ("lab_beside", tmp_path / "lab_beside.py")):
        found = locate(name, Owner(folder=tmp_path))
        assert found is not None
        assert (found.file, found.libraries, found.label) == (file, (), name)


def test_nothing_is_imported_to_find_a_module(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write({"lab_loud/__init__.py": "raise SystemExit", "lab_loud/part.py": "raise SystemExit"})
    monkeypatch.syspath_prepend(site.root)
    spec = find_spec("lab_loud.part")
    assert spec is not None
    assert spec.origin == str(site.root / "lab_loud" / "part.py")
    assert "lab_loud" not in sys.modules


def test_a_clone_that_hides_an_installed_library_is_an_error_with_both_paths(
    site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 15, item 1: a clone of timm was trained while the record named the installed version."""
    site.install("labhidden", {"labhidden/__init__.py": ""}, version="1.5")
    clone = tmp_path / "clone" / "labhidden"
    clone.mkdir(parents=True)
    (clone / "__init__.py").touch()
    monkeypatch.syspath_prepend(site.root)
    assert locate("labhidden", Owner()).libraries == ("labhidden",)  # type: ignore[union-attr]
    monkeypatch.syspath_prepend(clone.parent)
    with pytest.raises(PluginError) as caught:
        locate("labhidden", Owner())
    assert str(clone) in str(caught.value)
    assert f"labhidden 1.5, which is installed in {site.root / 'labhidden'}" in str(caught.value)
    own = locate("labhidden", Owner(folder=tmp_path))  # the plugin's own folder may use any name
    assert own is not None
    assert own.file == clone / "__init__.py"


def test_a_clone_in_the_working_folder_hides_nothing_as_trials_never_look_there(
    site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("labhome", {"labhome/__init__.py": ""})
    monkeypatch.syspath_prepend(site.root)
    (tmp_path / "labhome").mkdir()
    (tmp_path / "labhome" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    # After ``python -m``, unless paths are safe, when the folder would have been asked for; and in a notebook.
    for start in ("",) if sys.flags.safe_path else (str(tmp_path), ""):
        monkeypatch.setattr(sys, "path", [start, *sys.path])
        found = locate("labhome", Owner())
        assert found is not None
        assert found.libraries == ("labhome",)
        monkeypatch.setattr(sys, "path", sys.path[1:])
