"""The pages of a site: one for each row, dataset and model."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from .conftest import MakeSite, StoreMaker


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


def test_every_row_dataset_and_model_has_a_page(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, summary = make_site(filled)
    assert len(list((folder / "rows").glob("*.html"))) == 11
    assert len(list((folder / "data").glob("*.html"))) == 2
    assert len(list((folder / "models").glob("*.html"))) == 10
    assert summary.num_pages == 1 + 11 + 2 + 10 + 1  # and one dataset has rows to compare


def test_every_link_leads_to_a_file_of_the_site(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    missing = []
    for page in folder.rglob("*.html"):
        links = _Links()
        links.feed(page.read_text(encoding="utf-8"))
        assert links.found
        files = [link.partition("#")[0] for link in links.found]
        missing += [name for name in files if name and not (page.parent / name).is_file()]
    assert missing == []


def test_no_page_names_another_machine(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    for path in folder.rglob("*"):
        if path.suffix in (".html", ".js", ".css"):
            addresses = set(re.findall(r"(?:https?:)?//[a-z][^\s\"'<>)]*", path.read_text(encoding="utf-8")))
            assert {each for each in addresses if "www.w3.org/2000/svg" not in each} == set(), path


def test_the_page_of_a_model_holds_for_all_its_rows(store: StoreMaker, make_site: MakeSite) -> None:
    store.add("net", data="toy", params=1_000)
    store.add("net", data="other", params=2_000)
    folder, _ = make_site(store)
    (page,) = (folder / "models").glob("net*.html")
    text = page.read_text(encoding="utf-8")
    assert "1,000 or 2,000" in text or "2,000 or 1,000" in text, "the head differs with the classes"
    assert "Intervals of the shown rows" not in text, "there is one row of each dataset"
    assert "Intervals of the shown rows" not in (folder / "index.html").read_text(encoding="utf-8")


def test_a_chart_of_intervals_needs_two_rows_of_a_dataset(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    assert "Intervals of the shown rows" in (folder / "index.html").read_text(encoding="utf-8")
