"""Publications: how rows stood in each publication, and what moved with the newest one."""

from __future__ import annotations

import json
import shutil

import pytest

from reports.leaderboard.building import build_leaderboard
from reports.site.entries import entries_of
from reports.site.publications import (
    MOST_KEPT,
    Publication,
    Publications,
    courses,
    moved,
    read_publications,
    row_history,
    with_current,
)

from .conftest import MakeSite, StoreMaker, block


def entries(trials):
    return entries_of(build_leaderboard(trials), trials)


def published(*states):
    """Return publications, one a day, of rows with an accuracy and a rank each."""
    return Publications(
        publications=tuple(
            Publication(
                date=f"2026-03-{day:02}", rows={row: each and (each[0], each[1], each[1]) for row, each in state}
            )
            for day, state in enumerate((list(state.items()) for state in states), start=1)
        )
    )


def test_the_first_publication_lists_all_rows_and_the_next_only_what_changed(make_trials):
    one = make_trials("a", accuracy=0.9)
    first = with_current(Publications(), entries(one), "2026-03-01")
    ((row, standing),) = first.publications[0].rows.items()
    assert (row.split("--")[0], standing) == ("a", (pytest.approx(0.9), 1, 1))
    both = entries([*one, *make_trials("b", accuracy=0.5)])
    second = with_current(first, both, "2026-03-02")
    assert [len(each.rows) for each in second.publications] == [1, 1]
    assert next(iter(second.publications[1].rows)).startswith("b--")


def test_what_did_not_change_is_no_publication(make_trials):
    rows = entries([*make_trials("a", accuracy=0.9)])
    first = with_current(Publications(), rows, "2026-03-01")
    assert with_current(first, rows, "2026-03-09") is first


def test_a_removed_row_ends(make_trials):
    first = published({"a": (0.9, 1), "b": (0.8, 2)}, {"b": None})
    assert [sorted(state) for state in first.states()] == [["a", "b"], ["a"]]
    assert courses(first) == {"dates": ["2026-03-01", "2026-03-02"], "rows": {"a": [0.9, 0.9]}}
    assert row_history(first, "b") == [
        {"date": "2026-03-02", "rank": "–", "accuracy": "–"},
        {"date": "2026-03-01", "rank": "2", "accuracy": "80.0"},
    ]


def test_one_publication_has_no_history():
    first = published({"a": (0.9, 1)})
    assert courses(first) is None
    assert moved(first, []) is None
    assert row_history(first, "a") == []


def test_what_moved_furthest_comes_first():
    found = moved(
        published(
            {"a": (0.9, 1), "b": (0.8, 2), "c": (0.7, 3)}, {"a": (0.6, 4), "c": (0.85, 2), "b": None, "d": (0.99, 1)}
        ),
        [],
    )
    assert found["summary"] == "1 new, 2 moved, 1 removed"
    assert [(line["name"], line["kind"]) for line in found["lines"]] == [
        ("b", "removed"),
        ("d", "new"),
        ("a", "moved"),
        ("c", "moved"),
    ]
    assert (found["lines"][2]["before"]["rank"], found["lines"][2]["now"]["rank"]) == ("1", "4")


def test_the_oldest_publications_are_merged_once_there_are_too_many(make_trials):
    rows = entries([*make_trials("a", accuracy=0.9)])
    many = published(*({"z": (0.001 * day, 1)} for day in range(1, 29)))
    many = Publications(publications=many.publications * 4)
    before = many.states()[-1]
    kept = with_current(many, rows, "2026-05-01")
    assert len(kept.publications) == MOST_KEPT
    assert kept.publications[-1].rows.keys() == {"z", next(iter(rows)).id}
    assert kept.states()[-2] == before


@pytest.mark.parametrize("content", ["", "{", "[]", '{"publications": [{"date": 1}]}', '{"publications": [], "x": 1}'])
def test_a_file_that_is_no_list_of_publications_is_a_first_publication(tmp_path, content):
    path = tmp_path / "publications.json"
    path.write_text(content)
    assert read_publications(path) == read_publications(None) == Publications()


def test_a_site_tells_its_history(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    assert "history" not in block(folder / "index.html", "board")
    assert "Since the publication" not in (folder / "index.html").read_text(encoding="utf-8")
    filled.add("newcomer", seed=0, skill=9.0, started_at="2026-04-02T08:00:00+00:00")
    for path in filled.root.glob("net8--toy--*"):
        shutil.rmtree(path)
    make_site(filled)
    saved = json.loads((folder / "publications.json").read_text(encoding="utf-8"))
    assert [each["date"] for each in saved["publications"]] == ["2026-03-01", "2026-04-02"]
    data = block(folder / "index.html", "board")
    assert data["history"]["dates"] == ["2026-03-01", "2026-04-02"]
    course = dict(zip(data["rows"]["id"], data["history"]["rows"], strict=True))
    assert next(course[row] for row in course if row.startswith("newcomer"))[0] is None
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert "Since the publication of 2026-03-01: 1 new, " in text
    assert "1 removed" in text
    (page,) = (folder / "rows").glob("newcomer--*.html")
    assert "In earlier publications" in page.read_text(encoding="utf-8")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    make_site(filled)
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
