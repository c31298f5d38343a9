"""What a site holds, file by file; what it does in a browser is in test_site_browser."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from reports.site.folder import SUMS_FILE
from zoo.errors import StoreError

from .conftest import MakeSite, StoreMaker, block


def _content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_records_give_the_same_bytes(filled: StoreMaker, make_site: MakeSite, tmp_path: Path) -> None:
    first, _ = make_site(filled, "one")
    moved = tmp_path / "moved"
    shutil.copytree(filled.root, moved)
    filled.root = moved
    second, _ = make_site(filled, "two")
    assert _content(first) == _content(second)


def test_publishing_again_over_the_same_records_changes_nothing(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    before = _content(folder)
    _, summary = make_site(filled)
    assert _content(folder) == before
    assert summary.num_removed == 0


def test_every_row_dataset_and_model_has_a_page(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, summary = make_site(filled)
    assert len(list((folder / "rows").glob("*.html"))) == 11
    assert len(list((folder / "data").glob("*.html"))) == 2
    assert len(list((folder / "models").glob("*.html"))) == 10
    assert summary.num_pages == 1 + 11 + 2 + 10 + 1  # and one dataset has rows to compare


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


def test_every_link_leads_to_a_file_of_the_site(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    missing = []
    for page in folder.rglob("*.html"):
        links = _Links()
        links.feed(page.read_text(encoding="utf-8"))
        assert links.found
        missing += [
            link for link in links.found if link != "#" and link != "#main" and not (page.parent / link).is_file()
        ]
    assert missing == []


def test_no_page_names_another_machine(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    for path in folder.rglob("*"):
        if path.suffix in (".html", ".js", ".css"):
            addresses = set(re.findall(r"(?:https?:)?//[a-z][^\s\"'<>)]*", path.read_text(encoding="utf-8")))
            assert {each for each in addresses if "www.w3.org/2000/svg" not in each} == set(), path


def test_the_sums_are_those_of_all_files(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    listed = dict(
        reversed(line.split("  ", 1)) for line in (folder / SUMS_FILE).read_text(encoding="utf-8").splitlines()
    )
    content = _content(folder)
    assert set(listed) == set(content) - {SUMS_FILE}
    assert all(hashlib.sha256(content[name]).hexdigest() == digest for name, digest in listed.items())


def test_the_board_holds_each_row_once_with_its_rank(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    board = block(folder / "index.html", "board")
    data = json.loads((folder / "leaderboard.json").read_text(encoding="utf-8"))
    names = [row["cells"]["model"] for table in data["tables"] for row in table["rows"]]
    model = next(column for column in board["columns"] if column["key"] == "model")["plain"]["model"]
    model = model if isinstance(model, list) else [model["words"][place] for place in model["places"]]
    assert model == names
    assert sorted(row for table in board["tables"] for row in table["rows"]) == list(range(11))


def test_a_failed_seed_is_named_with_its_reason(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    (page,) = (folder / "rows").glob("broken_net--*.html")
    text = page.read_text(encoding="utf-8")
    assert text.count("plugin: it cannot take images [2, 1, 8, 8]") == 3
    assert "it cannot take images" in (folder / "index.html").read_text(encoding="utf-8")


def test_a_row_that_is_gone_takes_its_page_along(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    (folder / "CNAME").write_text("zoo.example\n")
    for path in filled.root.glob("net3--other--*"):
        shutil.rmtree(path)
    _, summary = make_site(filled)
    assert summary.num_removed == 2  # the row's page, and that of its dataset
    assert not list((folder / "rows").glob("net3--other--*"))
    assert (folder / "CNAME").is_file(), "what no publication wrote stays"


def test_a_file_that_no_publication_wrote_is_not_overwritten(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    own = folder.parent / "own"
    own.mkdir()
    (own / "index.html").write_text("mine")
    with pytest.raises(StoreError, match=r"index\.html exists and is not part of a site"):
        make_site(filled, "own")
    assert [path.name for path in own.iterdir()] == ["index.html"]


def test_the_changelog_says_what_moved_since_the_last_publication(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    changelog = folder / "CHANGELOG.md"
    assert "## 2026-03-01\n\n- First publication: 11 rows.\n" in changelog.read_text(encoding="utf-8")
    filled.add("newcomer", seed=0, skill=9.0, started_at="2026-04-02T08:00:00+00:00")
    for path in filled.root.glob("net8--toy--*"):
        shutil.rmtree(path)
    make_site(filled)
    text = changelog.read_text(encoding="utf-8")
    newer, older = text.split("## 2026-03-01")
    assert "## 2026-04-02" in newer
    assert "- **newcomer** on toy, sgd: new, rank 1" in newer
    assert "- **net8** on toy, sgd: removed." in newer
    assert "First publication" in older


def test_the_csv_and_the_json_say_the_same(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    rows = list(csv.DictReader(io.StringIO((folder / "leaderboard.csv").read_text(encoding="utf-8"))))
    data = json.loads((folder / "leaderboard.json").read_text(encoding="utf-8"))
    cells = [row["cells"] for table in data["tables"] for row in table["rows"]]
    assert [row["accuracy"] for row in rows] == ["" if c["accuracy"] is None else repr(c["accuracy"]) for c in cells]


def test_the_json_fits_the_schema_that_stands_beside_it(filled: StoreMaker, make_site: MakeSite) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    folder, _ = make_site(filled)
    schema = json.loads((folder / "leaderboard.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    data = json.loads((folder / "leaderboard.json").read_text(encoding="utf-8"))
    jsonschema.validate(data, schema)
    data["tables"][0]["rows"][0]["seeds"] = "three"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema)


def test_the_badge_is_a_picture_of_the_best_row(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    root = ElementTree.fromstring((folder / "badge.svg").read_text(encoding="utf-8"))
    assert root.get("aria-label", "").startswith("other: net3 "), "the first table has one row, which is its best"


def test_a_single_file_holds_every_page_and_the_hashes_of_what_may_run(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, summary = make_site(filled, single_file=True)
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert summary.num_pages == 1
    assert not (folder / "assets").exists()
    assert text.count("<template data-page=") == 25
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/=]+'; style-src 'sha256-", text)


def test_worst_pairs_and_scores_follow_from_the_predictions(store: StoreMaker, make_site: MakeSite) -> None:
    _, record = store.add("net", skill=1.0)
    folder, _ = make_site(store)
    (page,) = (folder / "rows").glob("*.html")
    matrix = block(page, "confusion")["matrix"]
    assert sum(map(sum, matrix)) == pytest.approx(120)
    assert sum(matrix[k][k] for k in range(3)) / 120 == pytest.approx(record.metrics["accuracy"].value, abs=1e-4)
    bins = block(page, "reliability")["bins"]
    total = sum(each["count"] for each in bins)
    gap = sum(each["count"] * abs(each["confidence"] - each["right"]) for each in bins) / total
    assert gap == pytest.approx(record.metrics["calibration_error"].value, abs=1e-4)


def test_damaged_predictions_cost_their_pictures_only(store: StoreMaker, make_site: MakeSite) -> None:
    path, _ = store.add("net")
    file = path / "predictions.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x99")
    folder, _ = make_site(store)
    (page,) = (folder / "rows").glob("*.html")
    text = page.read_text(encoding="utf-8")
    assert "does not match the checksum in its record" in text
    assert 'data-block="confusion"' not in text


def test_a_leaderboard_without_any_result_is_a_site_too(store: StoreMaker, make_site: MakeSite) -> None:
    store.add("net", failure="no")
    folder, _ = make_site(store)
    assert "no results yet" in (folder / "badge.svg").read_text(encoding="utf-8")


HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>{{7*7}}'\"\u202e\u2066\u2028\x1b[31m\x00`|=cmd"


def test_no_record_can_bring_markup_into_a_page(store: StoreMaker, make_site: MakeSite) -> None:
    """Ax#4985, allure3#227: markup in names ran in a report."""
    long = HOSTILE + "x" * 10_000
    store.add(
        HOSTILE,
        recipe=long,
        data=long,
        family=long,
        classes=(HOSTILE, long, "c"),
        notes=(long,),
        warnings=(long,),
        device=long,
        environment={"torch": long, "device_name": long, "driver": long, "threads": long, long: long},
        started_at=long,
    )
    store.add("other", data=long, recipe=long, failure=long)
    folder, _ = make_site(store, title=long)
    for page in folder.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "<img src=x" not in text
        assert "<script>alert" not in text
        assert "\u202e" not in text
        assert "\x1b" not in text
        assert "\x00" not in text
        assert "49'" not in text, "nothing of a record is a template"
        assert len(text) < 400_000
    assert "<img" not in (folder / "badge.svg").read_text(encoding="utf-8")
    ElementTree.fromstring((folder / "badge.svg").read_text(encoding="utf-8"))
