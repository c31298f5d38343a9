"""Building a site: the same records give the same files."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

from .conftest import MakeSite, StoreMaker


def _content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_records_give_the_same_bytes(filled: StoreMaker, make_site: MakeSite, tmp_path: Path) -> None:
    first, _ = make_site(filled, "one")
    moved = tmp_path / "moved"
    shutil.copytree(filled.root, moved)
    filled.root = moved
    second, _ = make_site(filled, "two")
    assert _content(first) == _content(second)


def test_the_csv_and_the_json_say_the_same(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    rows = list(csv.DictReader(io.StringIO((folder / "leaderboard.csv").read_text(encoding="utf-8"))))
    data = json.loads((folder / "leaderboard.json").read_text(encoding="utf-8"))
    cells = [row["cells"] for table in data["tables"] for row in table["rows"]]
    assert [row["accuracy"] for row in rows] == ["" if c["accuracy"] is None else repr(c["accuracy"]) for c in cells]


def test_the_badge_is_a_picture_of_the_best_row(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    root = ElementTree.fromstring((folder / "badge.svg").read_text(encoding="utf-8"))
    assert root.get("aria-label", "").startswith("other: net3 "), "the first table has one row, which is its best"


def test_a_leaderboard_without_any_result_is_a_site_too(store: StoreMaker, make_site: MakeSite) -> None:
    store.add("net", failure="no")
    folder, _ = make_site(store)
    assert "no results yet" in (folder / "badge.svg").read_text(encoding="utf-8")
