"""Imported modules are those of the distribution that a record names."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness.code.imported import check_copy, check_imported
from zoo.errors import PluginError


def test_what_was_imported_from_elsewhere_is_an_error(
    site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("lab-copy", {"lab_copy/__init__.py": ""}, version="1.5")
    monkeypatch.syspath_prepend(site.root)
    check_imported(["lab-copy"])  # not imported at all
    module = ModuleType("lab_copy")
    monkeypatch.setitem(sys.modules, "lab_copy", module)
    module.__file__ = str(site.root / "lab_copy" / "__init__.py")
    check_imported(["lab-copy", "no-such-distribution", "torch", "numpy", "pillow"])
    module.__file__ = str(tmp_path / "clone" / "lab_copy" / "__init__.py")
    with pytest.raises(PluginError) as caught:
        check_imported(["lab-copy"])
    assert str(caught.value) == (
        f"lab_copy is imported from {module.__file__}, but the record would name lab-copy 1.5, which is installed in "
        f"{site.root}/lab_copy/__init__.py; remove the other copy from PYTHONPATH, or install it with pip install -e"
    )


def test_a_link_to_the_same_file_is_the_same_copy(site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.install("lab-copy", {"lab_copy/__init__.py": ""})
    monkeypatch.syspath_prepend(site.root)
    (tmp_path / "link").symlink_to(site.root)
    check_copy("lab-copy", "lab_copy", tmp_path / "link" / "lab_copy" / "__init__.py")
