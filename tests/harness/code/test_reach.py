"""Reach: what is followed from import to import, and what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.code.locating import Owner
from harness.code.reach import Reach, reach


@pytest.fixture
def follow(site: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """Write a package ``lab`` and return what its module ``nets`` reaches."""
    monkeypatch.syspath_prepend(site.root)

    def run(**files: str) -> Reach:
        site.write({f"lab/{name.replace('__', '/')}.py": text for name, text in {"init": "", **files}.items()})
        (site.root / "lab" / "init.py").rename(site.root / "lab" / "__init__.py")
        return reach({"lab.nets": frozenset()}, Owner(distribution="lab"))

    return run


def names(found: Reach) -> set[str]:
    """Names of the modules below ``lab``."""
    return {name.removeprefix("lab.") for name in found.modules}


def test_imports_are_followed_also_within_functions_and_relative_ones(follow: Any) -> None:
    found = follow(
        nets="from lab.blocks import B\nfrom . import act\ndef build(r):\n    from .deep import x\n    B(act.f(x))",
        blocks="import numpy\nB = numpy.ones",
        act="def f(x):\n    import lab.far\n    return lab.far.y(x)",
        deep="x = 1",
        far="def y(x):\n    return x",
        apart="z = 1",
    )
    assert names(found) == {"nets", "blocks", "act", "deep", "far"}
    assert found.libraries == ("numpy",)


def test_an_init_that_only_gathers_names_brings_in_the_names_that_are_used(follow: Any) -> None:
    found = follow(
        init="from .blocks import Block\nfrom .listeners import Log\nfrom .more import *",
        nets="from lab import Block\ndef build(r):\n    return Block()",
        blocks="class Block:\n    pass",
        listeners="import mlflow\nclass Log:\n    pass",
        more="class Other:\n    pass",
    )
    assert names(found) == {"nets", "blocks", "more"}
    assert found.libraries == ()


def test_a_module_that_does_something_when_loaded_counts_though_no_name_of_it_is_used(follow: Any) -> None:
    found = follow(
        init="from . import patches, registered, quiet",
        nets="from lab.registry import NETS\ndef build(r):\n    return NETS['a']()",
        registry="NETS = {}",
        patches="import torch\ntorch.set_float32_matmul_precision('high')",
        registered="from lab.registry import NETS\n@NETS.register\ndef a():\n    pass",
        quiet="def f():\n    pass",
    )
    assert names(found) == {"nets", "registry", "patches", "registered"}


def test_a_module_is_used_by_its_attributes(follow: Any) -> None:
    found = follow(
        nets="import lab\nimport lab.blocks as b\ndef build(r):\n    return lab.sub.net.f, getattr(b, r)",
        blocks="from lab.parts import part",
        parts="part = 1",
        sub__net="def f():\n    pass",
        sub__other="",
    )
    assert names(found) == {"nets", "blocks", "parts", "sub.net"}


def test_an_import_by_a_computed_name_takes_in_the_whole_package(follow: Any) -> None:
    found = follow(
        nets="import importlib\ndef build(r):\n    return importlib.import_module(f'lab.{r}').build()",
        a="x = 1",
        b="x = 2",
    )
    assert {"nets", "a", "b"} <= names(found)


def test_a_circle_ends(follow: Any) -> None:
    assert names(follow(nets="from lab import a\nx = a.y", a="from lab import nets\ny = nets.x")) == {"nets", "a"}


def test_a_library_that_is_not_installed_is_named(follow: Any) -> None:
    found = follow(nets="try:\n    import no_such_library\nexcept ImportError:\n    no_such_library = None")
    assert found.libraries == ()  # nothing uses it
    found = follow(nets="try:\n    import no_such_library as n\nexcept ImportError:\n    n = None\nHAS = n is not None")
    assert found.libraries == ("no-such-library",)


def test_what_was_read_is_told(follow: Any, site: Any) -> None:
    found = follow(nets="from lab.a import x\ny = x", a="x = 1")
    assert found.files == {Path(site.root, "lab", f"{name}.py") for name in ("__init__", "nets", "a")}
