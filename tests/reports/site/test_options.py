"""Options of a site take effect on its files."""

from __future__ import annotations

from .conftest import MakeSite, StoreMaker


def test_the_title_is_on_every_page(store: StoreMaker, make_site: MakeSite) -> None:
    store.add("net")
    folder, _ = make_site(store, title="Our <zoo>")
    pages = list(folder.rglob("*.html"))
    assert len(pages) == 4
    assert all("Our &lt;zoo&gt;" in page.read_text(encoding="utf-8") for page in pages)


def test_pages_are_separate_files_unless_a_single_file_is_requested(store: StoreMaker, make_site: MakeSite) -> None:
    store.add("net")
    many, summary = make_site(store, "many")
    one, single = make_site(store, "one", single_file=True)
    assert (summary.num_pages, single.num_pages) == (4, 1)
    assert (many / "assets" / "site.css").is_file()
    assert not (one / "assets").exists()
