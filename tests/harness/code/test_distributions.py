"""Distributions: which one a module belongs to, and its version without the device that it was built for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.code.distributions import import_names, normal, own_copy, owners, project_folder, version_of


@pytest.fixture
def on_path(site: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A site that this process imports from."""
    monkeypatch.syspath_prepend(site.root)
    return site


def test_names_are_compared_in_one_spelling() -> None:
    assert normal("Scikit_Learn") == normal("scikit.learn") == "scikit-learn"


@pytest.mark.parametrize(("version", "shown"), [("1.2+cpu", "1.2"), ("1.2+cu128", "1.2"), ("1.2+lab3", "1.2+lab3")])
def test_a_version_does_not_say_for_which_device_it_was_built(on_path: Any, version: str, shown: str) -> None:
    on_path.install("labnets", {"labnets.py": ""}, version=version)
    assert version_of("labnets") == shown
    on_path.install("labnets", {"labnets.py": ""}, version="9.9")
    assert version_of("labnets") == "9.9"


def test_a_distribution_that_is_not_installed_is_absent() -> None:
    assert version_of("no-such-distribution") == "absent"
    assert import_names("no-such-distribution") == ()
    assert own_copy("no-such-distribution", "no_such") is None


def test_a_module_belongs_to_the_distribution_that_holds_its_file(on_path: Any, tmp_path: Path) -> None:
    on_path.install("labnets", {"labnets/__init__.py": ""})
    file = on_path.root / "labnets" / "__init__.py"
    assert owners("labnets", file) == ("labnets",)
    assert own_copy("labnets", "labnets") == file
    assert owners("labnets", tmp_path / "clone" / "labnets" / "__init__.py") == ()
    assert owners("yaml", None) == ("pyyaml",)


def test_distributions_that_share_a_namespace_own_their_own_files(on_path: Any) -> None:
    on_path.install("lab-a", {"labspace/a.py": ""})
    on_path.install("lab-b", {"labspace/b.py": ""})
    assert owners("labspace", on_path.root / "labspace" / "a.py") == ("lab-a",)
    assert owners("labspace", on_path.root / "labspace" / "b.py") == ("lab-b",)


def test_a_distribution_in_development_mode_holds_no_files(on_path: Any, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "src" / "labdev").mkdir(parents=True)
    (project / "src" / "labdev" / "__init__.py").touch()
    on_path.install("labdev", {})
    link = {"url": project.as_uri(), "dir_info": {"editable": True}}
    (on_path.root / "labdev.dist-info" / "direct_url.json").write_text(json.dumps(link))
    assert project_folder("labdev") == project
    assert own_copy("labdev", "labdev") == project / "src" / "labdev" / "__init__.py"
    assert owners("labdev", project / "src" / "labdev" / "__init__.py") == ()
