"""A site on a phone, on paper, as one file and with a thousand rows, in a real browser."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from zoo import Catalog

from ..conftest import StoreMaker, fill, write
from .watching import Watched, column, one_of_each

playwright = pytest.importorskip("playwright.sync_api", reason="the browser environment has it")
expect = playwright.expect
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog, fast_disk: None) -> Path:
    root = tmp_path_factory.mktemp("single")
    store = fill(StoreMaker(root / "runs", catalog))
    return write(store.root, root / "site", single_file=True)[0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_a_phone(site: Path, browser: Any, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 375, "height": 700}, color_scheme=scheme)
    watched = Watched(context.new_page())
    for path in one_of_each(site):
        page = watched.open(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, path
    watched.check()
    context.close()


def test_a_phone_shows_rank_model_and_accuracy_with_interval_first(
    tmp_path: Path, catalog: Catalog, browser: Any, fast_disk: None
) -> None:
    """Above the fold stood mean ranks without any accuracy, if there were several datasets."""
    store = StoreMaker(tmp_path / "runs", catalog)
    for seed in range(2):
        for index in range(12):
            store.add(f"network_{index:02}_with_a_longer_name", seed=seed, skill=2.5 - 0.2 * index)
            store.add(f"network_{index:02}_with_a_longer_name", seed=seed, skill=2.5 - 0.2 * index, data="other_photos")
    folder, _ = write(store.root, tmp_path / "site")
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = Watched(context.new_page()).open(folder / "index.html")
    leader = page.locator(".overall-table tbody tr").first
    boxes = {
        name: leader.locator(name).first.bounding_box() for name in (".model", ".number", ".on-each", ".on-each small")
    }
    assert all(box and box["x"] + box["width"] <= 390 and box["y"] + box["height"] <= 844 for box in boxes.values())
    name = leader.locator(".model bdi").first.inner_text()
    accuracies = {row["cells"]["accuracy"] for row in _rows(folder) if row["cells"]["model"] == name}
    assert len(accuracies) == 2
    shown = [each.split("\n") for each in leader.locator(".on-each").all_inner_texts()]
    assert {text.split(" ±")[0] for text, _ in shown} == {f"{100 * share:.1f}" for share in accuracies}
    assert all(interval.startswith("[") for _, interval in shown)
    page.set_viewport_size({"width": 1300, "height": 900})
    assert not page.locator(".overall-table .on-each").first.is_visible(), "the heat map is in sight there"
    context.close()


def _rows(folder: Path) -> list[dict[str, Any]]:
    data = json.loads((folder / "leaderboard.json").read_text(encoding="utf-8"))
    return [row for table in data["tables"] for row in table["rows"]]


@pytest.mark.parametrize("width", [375, 1300])
def test_a_shaded_row_is_shaded_from_end_to_end(site: Path, browser: Any, width: int) -> None:
    """The names, which stay in sight when a table is scrolled on a phone, were white in shaded rows."""
    context = browser.new_context(viewport={"width": width, "height": 700})
    page = Watched(context.new_page()).open(site / "index.html")
    colours = page.eval_on_selector_all(
        ".board tr.shaded",
        "rows => rows.map(row => [...row.children].map(cell => getComputedStyle(cell).backgroundColor))",
    )
    assert len(colours) > 1
    assert all(len(set(row)) == 1 for row in colours)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper not in {colour for row in colours for colour in row}
    context.close()


def test_on_paper_the_tables_are_whole_and_the_controls_are_gone(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html")
    page.emulate_media(media="print")
    assert page.is_hidden("form.controls")
    assert page.evaluate("getComputedStyle(document.querySelector('[data-grid]')).overflowX") == "visible"


def test_a_long_table_is_printed_whole_and_folded_again(
    tmp_path: Path, catalog: Catalog, fast_disk: None, watched: Watched
) -> None:
    store = StoreMaker(tmp_path / "runs", catalog)
    for index in range(180):
        store.add(f"net{index}", skill=0.02 * index, num_epochs=1, num_test=30)
    store.add("broken", failure="no")
    site, _ = write(store.root, tmp_path / "site")
    page = watched.open(site / "index.html")
    page.evaluate("""() => { window.counts = []; window.addEventListener("beforeprint", () =>
        window.counts.push(document.querySelectorAll("tr[data-row]").length)); }""")
    content = page.pdf(format="A4")
    assert content[:5] == b"%PDF-"
    assert page.evaluate("window.counts") == [181]
    assert page.locator("tr[data-row]").count() == 50


def test_a_wide_table_is_printed_as_several_that_fit(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html", "#data=toy")
    for box in page.locator("[data-columns] input").all():
        box.evaluate("each => each.checked || each.click()")
    page.evaluate("""() => { window.heads = []; window.addEventListener("beforeprint", () => {
        const grids = [...document.querySelectorAll("section[data-table^=toy] table.board")];
        const heads = grids.map((grid) => [...grid.querySelectorAll("th[data-key]")]);
        window.heads = heads.map((head) => head.map((each) => each.dataset.key)); }); }""")
    page.pdf(format="A4")
    heads = page.evaluate("window.heads")
    assert len(heads) > 1
    assert all(head[:2] == ["rank", "model"] for head in heads)
    further = [key for head in heads for key in head[2:]]
    assert len(further) == len(set(further)), "each column stands once"
    assert ["rank", "model", *further] == page.evaluate(
        "[...document.querySelectorAll('section[data-table^=toy] th[data-key]')].map((head) => head.dataset.key)"
    )
    assert page.locator("section[data-table^=toy] table.board").count() == 1


def test_one_file_does_what_the_folder_does(single: Path, watched: Watched) -> None:
    page = watched.open(single / "index.html")
    assert page.inner_text("[data-count]") == "11 rows"
    page.select_option("[name=family]", "deep")
    expect(page).to_have_url(re.compile(r"#/index\.html\?family=deep$"))
    first = column(page, "model")[0]
    page.click("section[data-table^=toy] tbody tr:first-child th a")
    expect(page).to_have_url(re.compile(f"#/rows/{first}--"))
    expect(page.locator("main h1")).to_have_text(first)
    page.locator("figure[data-chart=heatmap]").scroll_into_view_if_needed()
    page.locator("figure[data-chart=heatmap] rect").first.wait_for()
    page.go_back()
    expect(page.locator("[data-count]")).to_have_text("4 of 11 rows")
    page.goto(f"{(single / 'index.html').as_uri()}#/compare/nothing-of-that-name.html")
    assert [url for url in watched.requests if url.startswith("file:")] == [(single / "index.html").as_uri()] * len(
        [url for url in watched.requests if url.startswith("file:")]
    ), "nothing but the file itself is read"


def test_a_thousand_rows_open_in_under_a_second(
    tmp_path: Path, catalog: Catalog, fast_disk: None, watched: Watched
) -> None:
    store = StoreMaker(tmp_path / "runs", catalog)
    for index in range(1000):
        store.add(
            f"family{index % 17}_variant{index}_of_a_network",
            skill=0.002 * index,
            family=f"family{index % 17}",
            params=10_000 + 1_234 * index,
            speed=100.0 + index,
            recipe=f"recipe_{index % 3}",
            num_epochs=1,
        )
    start = time.monotonic()
    site, _ = write(store.root, tmp_path / "site")
    written = time.monotonic() - start
    size = (site / "index.html").stat().st_size
    page = watched.open(site / "index.html")
    took = page.evaluate(
        """() => {
            const [navigation] = performance.getEntriesByType('navigation');
            return navigation.loadEventEnd - navigation.startTime;
        }"""
    )
    assert page.locator("section tbody tr").count() == 50
    stops = page.evaluate(TAB_STOPS)
    times = page.evaluate(ACTIONS)
    page.click("[data-more] button")
    expect(page.locator("table.board")).to_have_attribute("aria-rowcount", "1001")
    whole = page.evaluate(ACTIONS)
    stops_of_all = page.evaluate(TAB_STOPS)
    _scroll_through(page)
    print(
        f"written in {written:.1f} s, {size:,} bytes, opened in {took:.0f} ms, {stops} tab stops; of 50 rows, ms: "
        f"{times}; of all: {whole}"
    )
    assert size < 1_500_000
    assert took < 1000
    assert stops < 200
    assert max(times.values()) < 100
    assert max(whole.values()) < 100
    assert stops_of_all < 200


def _scroll_through(page: Any) -> None:
    """Scroll to the end of the table in steps, and back: each row comes by once, and in order."""
    seen: list[int] = []
    box = page.locator("[data-grid]")
    for _ in range(200):
        rows = page.eval_on_selector_all("tr[data-row]", "rows => rows.map(row => Number(row.dataset.row))")
        assert len(rows) < 150
        assert rows == sorted(rows)
        seen += [row for row in rows if not seen or row > seen[-1]]
        if box.evaluate("box => box.scrollTop + box.clientHeight >= box.scrollHeight - 2"):
            break
        box.evaluate("box => { box.scrollTop += box.clientHeight; }")
        page.wait_for_timeout(20)
    assert seen == list(range(1000))
    box.evaluate("box => { box.scrollTop = 0; }")
    expect(page.locator("tr[data-row] >> nth=0")).to_have_attribute("data-row", "0")


TAB_STOPS = """() => [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')]
    .filter((node) => node.tabIndex >= 0 && !node.disabled && node.checkVisibility()).length"""


ACTIONS = """() => {
    const time = (act) => {
        const start = performance.now();
        act();
        document.body.offsetHeight;
        return Math.round(performance.now() - start);
    };
    const family = document.querySelector('[name=family]');
    const hover = (line) => line.dispatchEvent(new PointerEvent('pointerover', { bubbles: true }));
    const found = {
        sort: time(() => document.querySelector('th[data-key=params] button').click()),
        back: time(() => document.querySelector('th[data-key=rank] button').click()),
        hover: time(() => hover(document.querySelectorAll('section tbody tr[data-row]')[5])),
        filter: time(() => { family.value = 'family3'; family.dispatchEvent(new Event('input', { bubbles: true })); }),
        all: time(() => { family.value = ''; family.dispatchEvent(new Event('input', { bubbles: true })); }),
    };
    location.hash = '';
    return found;
}"""
"""What a reader does, each with its time to the next layout in milliseconds."""
