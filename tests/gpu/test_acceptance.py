"""The acceptance on a GPU, rehearsed on the CPU: on the day, nothing in the script itself is new."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

FAST = ("mission",)


def rehearse(
    root: Path, out: Path, *options: str, cache: Path | None = None, timeout: float = 280
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            root / "benchmarks/gpu/acceptance.py",
            "--out",
            out,
            "--rehearse",
            "--minutes",
            "20",
            *options,
        ],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "ZOO_CACHE": str(cache or out / "cache")},
    )


def results(out: Path) -> dict[str, dict[str, object]]:
    lines = (out / "results.jsonl").read_text().splitlines()
    return {each["item"]: each for each in map(json.loads, lines)}


@pytest.fixture(scope="module")
def items(root: Path) -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "benchmarks" / "gpu"))
        import items

        yield items
        for path in (root / "benchmarks" / "gpu").glob("*.py"):
            sys.modules.pop(path.stem, None)


def test_a_rehearsal_writes_a_line_for_each_item_and_a_page(
    root: Path, tmp_path: Path, make_cache: Callable[[], Path]
) -> None:
    done = rehearse(root, tmp_path, "--only", ",".join(FAST), cache=make_cache())
    assert done.returncode == 0, done.stdout + done.stderr
    found = results(tmp_path)
    assert {name: each["verdict"] for name, each in found.items()} == dict.fromkeys(FAST, "rehearsed"), found
    assert all(each["figure"] and each["seconds"] for each in found.values())
    page = (tmp_path / "report.md").read_text()
    assert "**This is a rehearsal on the CPU with tiny sizes. Its figures mean nothing.**" in page
    assert page.count("has not run") == page.count("\n| ") - 3 - len(FAST)  # two heads, and the machine
    assert "zoo bench --models lenet5,linear" in page


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_every_item_can_be_rehearsed_in_several_calls(root: Path, tmp_path: Path, items: ModuleType) -> None:
    names = [item.name for item in items.ITEMS]
    rehearse(root, tmp_path, "--part", "4", timeout=700)
    assert list(results(tmp_path)) == [item.name for item in items.ITEMS if item.part == 4]
    done = rehearse(root, tmp_path, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    found = results(tmp_path)
    assert {name: each["verdict"] for name, each in found.items()} == dict.fromkeys(names, "rehearsed"), found
    assert any(each["profile"] for each in found.values())
    assert "17 of 17 items have run; left: none" in done.stdout


def test_items_that_need_longer_than_there_is_are_left_for_the_next_call(root: Path, tmp_path: Path) -> None:
    done = rehearse(root, tmp_path, "--minutes", "0")
    assert done.returncode == 0, done.stderr
    assert "mission: left for the next call" in done.stdout
    assert "0 of 17 items have run" in done.stdout


def test_the_page_of_the_folder_names_every_item(root: Path, items: ModuleType) -> None:
    text = (root / "benchmarks" / "gpu" / "README.md").read_text()
    assert [item.name for item in items.ITEMS if f"\n| {item.name}" not in text] == []
    assert len({item.name for item in items.ITEMS}) == len(items.ITEMS)
    parts = [item.part for item in items.ITEMS]
    assert parts == sorted(parts), "in order of worth"


def test_without_data_or_with_an_unknown_item_it_says_so(root: Path, tmp_path: Path) -> None:
    script = root / "benchmarks/gpu/acceptance.py"
    done = subprocess.run([sys.executable, script, "--out", tmp_path], capture_output=True, text=True)
    assert done.returncode == 2
    assert "--data-root is needed: a folder that holds cifar10" in done.stderr
    done = rehearse(root, tmp_path, "--only", "mision")
    assert (done.returncode, "--only mision: there are mission, " in done.stderr) == (2, True)
