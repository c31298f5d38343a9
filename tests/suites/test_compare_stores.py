"""Which stores ``tox -e compare`` holds together."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from harness.planning.request import BenchRequest, load_suite

HERE = Path(__file__).parent


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compare_stores", HERE / "compare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_stores_go_by_version_each_with_the_next_and_the_first_with_the_last(
    script: ModuleType, tmp_path: Path
) -> None:
    for name in ("torch2.11", "torch2.9", "torch2.14", "benchmarks", "torch2.x", "torch3"):
        (tmp_path / name).mkdir()
    found = script.stores(tmp_path)
    assert [path.name for path in found] == ["torch2.9", "torch2.11", "torch2.14"]
    assert [(before.name, after.name) for before, after in script.pairs(found)] == [
        ("torch2.9", "torch2.11"),
        ("torch2.11", "torch2.14"),
        ("torch2.9", "torch2.14"),
    ]
    assert len(script.pairs(found[:2])) == 1


def test_fewer_than_two_stores_are_a_mistake(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert script.main([]) == 2
    assert "run tox -e suite211,suite212 first" in capsys.readouterr().err


def test_the_suite_is_valid_for_zoo_bench() -> None:
    request = BenchRequest.parse(load_suite(HERE / "versions.toml"), origin="versions.toml")
    assert request.data == ("digits",)
    assert request.seeds == 3
