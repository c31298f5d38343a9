"""What a site does in a real browser, opened from a folder. Chromium is the system's: ``tox -e browser``."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zoo import Catalog

from .conftest import StoreMaker, fill, write

playwright = pytest.importorskip("playwright.sync_api", reason="the browser environment has it")
expect = playwright.expect

CHROMIUM = os.environ.get("ZOO_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: install it, or set ZOO_CHROMIUM"),
]

HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>'\"\u202e\u2066\u2028\x1b[31m\x00|=cmd"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog, fast_disk: None) -> Path:
    root = tmp_path_factory.mktemp("board")
    store = fill(StoreMaker(root / "runs", catalog))
    return write(store.root, root / "site")[0]


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog, fast_disk: None) -> Path:
    root = tmp_path_factory.mktemp("single")
    store = fill(StoreMaker(root / "runs", catalog))
    return write(store.root, root / "site", single_file=True)[0]


class Watched:
    """A page, with all that the browser complained of or asked for."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"a dialog opened: {dialog.message}"))
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, path: Path, state: str = "") -> Any:
        self.page.goto(f"{path.as_uri()}{state}")
        return self.page

    def check(self) -> None:
        assert self.complaints == []
        assert [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))] == []


@pytest.fixture
def watched(browser: Any) -> Iterator[Watched]:
    """A fresh page; in the end, nothing was complained of and nothing asked of another machine."""
    context = browser.new_context(viewport={"width": 1300, "height": 900}, accept_downloads=True)
    made = Watched(context.new_page())
    yield made
    made.check()
    context.close()


def _column(page: Any, key: str, table: str = "section[data-table^=toy]") -> list[str]:
    """Return the cells of a column of one table, as they are read."""
    return page.evaluate(
        """([table, key]) => {
            const grid = document.querySelector(`${table} table`);
            const place = [...grid.querySelectorAll('thead th')].findIndex((each) => each.dataset.key === key);
            return [...grid.querySelectorAll('tbody tr')].map((line) => line.children[place].innerText.trim());
        }""",
        [table, key],
    )


def _published(site: Path) -> list[str]:
    """Return the models of the larger table, as the leaderboard's file has them."""
    data = json.loads((site / "leaderboard.json").read_text(encoding="utf-8"))
    (table,) = (table for table in data["tables"] if table["data"] == "toy")
    return [row["cells"]["model"] for row in table["rows"]]


def _sort(page: Any, key: str) -> str:
    page.click(f"section[data-table^=toy] th[data-key={key}] button")
    return page.get_attribute(f"section[data-table^=toy] th[data-key={key}]", "aria-sort")


def test_a_board_opens_from_a_folder_in_the_order_of_ranks(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html")
    assert page.inner_text("[data-count]") == "11 rows"
    models = _column(page, "model")
    assert models == _published(site)
    assert models[-1] == "broken_net"
    assert page.get_attribute("section[data-table^=toy] th[data-key=rank]", "aria-sort") == "ascending"


def test_a_heading_sorts_best_first_then_worst_first_then_by_rank(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html")
    ranked = _column(page, "model")
    assert _sort(page, "params") == "ascending"
    assert _column(page, "model")[0] == "net0"
    assert _column(page, "model")[-1] == "broken_net", "what has no value stands last either way"
    assert _sort(page, "params") == "descending"
    assert _column(page, "model")[0] == "net8"
    assert _column(page, "model")[-1] == "broken_net"
    assert _sort(page, "params") == "none"
    assert _column(page, "model") == ranked
    assert _sort(page, "inference_speed") == "descending"
    assert _column(page, "model")[0] == "net0"


def test_a_heading_can_be_sorted_by_with_the_keyboard(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html")
    page.focus("section[data-table^=toy] th[data-key=params] button")
    page.keyboard.press("Enter")
    assert _column(page, "model")[0] == "net0"
    assert page.evaluate("document.activeElement.closest('th').dataset.key") == "params"


def test_search_and_filters_leave_the_rows_that_fit(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html")
    page.fill("[name=q]", "NET3 adam")
    expect(page.locator("[data-count]")).to_have_text("1 of 11 rows")
    assert page.is_hidden("section[data-table^=toy]")
    page.click("[data-clear]")
    page.select_option("[name=family]", "deep")
    expect(page.locator("[data-count]")).to_have_text("4 of 11 rows")
    page.fill("[name=least]", "10")
    expect(page.locator("[data-count]")).to_have_text("1 of 11 rows")
    assert _column(page, "model") == ["net7"]
    page.fill("[name=q]", "nothing is called so")
    page.wait_for_selector("[data-none]:not([hidden])")


def test_the_address_holds_what_is_shown(site: Path, watched: Watched, browser: Any) -> None:
    page = watched.open(site / "index.html")
    page.fill("[name=q]", "net")
    page.select_option("[name=family]", "deep")
    _sort(page, "params")
    page.click("details.columns summary")
    page.uncheck("[data-columns] input[value=macs]")
    expect(page).to_have_url(re.compile("q=net.*columns="))
    shown = _column(page, "model")
    other = browser.new_page()
    other.goto(page.url)
    assert _column(other, "model") == shown == ["net1", "net3", "net5", "net7"]
    assert other.locator("th[data-key=macs]").count() == 0
    assert other.input_value("[name=q]") == "net"
    other.close()


def test_an_address_of_nonsense_is_no_error(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html", "#sort=-nonsense&columns=x,y&family=none&q=%00&least=abc")
    expect(page.locator("[data-count]")).to_have_text("0 of 11 rows")


def test_downloads_hold_exactly_what_is_shown(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html", "#family=deep&sort=-params&columns=model,params,accuracy&data=toy")
    with page.expect_download() as download:
        page.click("[data-save=csv]")
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8"))))
    assert [row["model"] for row in rows] == _column(page, "model") == ["net7", "net5", "net3", "net1"]
    assert list(rows[0]) == ["table", "model", "small_images", "accuracy", "accuracy_sd", "params"]
    assert [int(row["params"]) for row in rows] == [10_000 * 3**index for index in (7, 5, 3, 1)]
    with page.expect_download() as download:
        page.click("[data-save=json]")
    data = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert [row["model"] for row in data["rows"]] == ["net7", "net5", "net3", "net1"]
    full = json.loads((site / "leaderboard.json").read_text(encoding="utf-8"))
    means = {row["cells"]["model"]: row["cells"]["accuracy"] for table in full["tables"] for row in table["rows"]}
    assert data["rows"][0]["accuracy"] == pytest.approx(means["net7"], rel=1e-5)


def test_a_mark_in_a_picture_says_what_it_is_and_leads_to_its_row(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html", "#data=toy")
    figure = page.locator("figure[data-board-chart=params]")
    figure.scroll_into_view_if_needed()
    figure.locator("circle").first.wait_for()
    assert figure.locator("circle").count() == 9
    assert figure.locator("path.front").count() == 1
    mark = figure.locator("a[aria-label^='net0 · toy · sgd: accuracy '] circle")
    mark.hover()
    expect(page.locator("#tip")).to_contain_text("net0 · toy · sgd")
    mark.click()
    page.wait_for_url("**/rows/net0--*")


def test_a_picture_shows_the_rows_that_the_table_shows(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html", "#data=toy")
    page.locator("figure[data-board-chart=params]").scroll_into_view_if_needed()
    page.locator("figure[data-board-chart=params] circle").first.wait_for()
    page.select_option("[name=family]", "deep")
    expect(page.locator("figure[data-board-chart=params] circle")).to_have_count(4)


def test_rows_that_cannot_be_told_apart_are_marked_at_the_pointer(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html", "#data=toy")
    ranks = _column(page, "rank")
    page.hover("section[data-table^=toy] tbody tr:first-child td.number")
    low, _, high = ranks[0].partition("–")
    tied = page.locator("section[data-table^=toy] tr.tied").count()
    assert tied >= int(high or low) - int(low)


def test_every_kind_of_page_draws_its_pictures(site: Path, watched: Watched) -> None:
    (row,) = (site / "rows").glob("net4--toy--*.html")
    page = watched.open(row)
    for figure in page.locator("figure.chart").all():
        figure.scroll_into_view_if_needed()
        figure.locator("svg").first.wait_for()
    assert (
        page.locator("figure[data-chart=lines] path.curve").count() == 12
    )  # train and validation of three seeds, twice
    assert page.locator("figure[data-chart=heatmap] rect").count() == 9
    assert "zoo bench --models zoo/net4" in page.inner_text("pre")
    page.locator("figure[data-chart=heatmap] rect").nth(1).hover()
    assert "cat predicted as dog" in page.inner_text("#tip")


def test_two_rows_are_compared_image_by_image(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html", "#data=toy")
    page.check("section[data-table^=toy] tbody tr:nth-child(1) input")
    page.check("section[data-table^=toy] tbody tr:nth-child(9) input")
    models = _column(page, "model")
    first, second = models[0], models[8]
    page.click("[data-compare] a")
    page.wait_for_url("**/compare/*rows=*")
    assert f"Disagreements: {first} and {second}" in page.inner_text("[data-result]")
    rows = page.locator("[data-result] table").nth(1).locator("tr").all_inner_texts()
    shares = [float(row.split("\t")[1].removesuffix(" %")) for row in rows]
    assert sum(shares) == pytest.approx(100, abs=0.3)
    full = json.loads((site / "leaderboard.json").read_text(encoding="utf-8"))
    means = {row["cells"]["model"]: row["cells"]["accuracy"] for t in full["tables"] for row in t["rows"]}
    assert shares[1] - shares[2] == pytest.approx(100 * (means[first] - means[second]), abs=0.2)
    page.check("[data-choice] input >> nth=2")
    assert page.locator("[data-result] thead th").count() == 5


def test_names_can_be_copied(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html", "#data=toy")
    page.click("section[data-table^=toy] tbody tr:first-child button.copy")
    expect(page.locator("#said")).to_have_text(f"Copied zoo/{_published(site)[0]}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_a_phone(site: Path, browser: Any, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 375, "height": 700}, color_scheme=scheme)
    watched = Watched(context.new_page())
    for path in _one_of_each(site):
        page = watched.open(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, path
    watched.check()
    context.close()


def _one_of_each(site: Path) -> list[Path]:
    kinds = ("rows/net4--toy--*", "rows/broken_net--*", "data/toy*", "models/*", "compare/*")
    return [site / "index.html", *(sorted(site.glob(f"{kind}.html"))[0] for kind in kinds)]


def test_on_paper_the_tables_are_whole_and_the_controls_are_gone(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html")
    page.emulate_media(media="print")
    assert page.is_hidden("form.controls")
    assert page.evaluate("getComputedStyle(document.querySelector('[data-grid]')).overflowX") == "visible"


def test_one_file_does_what_the_folder_does(single: Path, watched: Watched) -> None:
    page = watched.open(single / "index.html")
    assert page.inner_text("[data-count]") == "11 rows"
    page.select_option("[name=family]", "deep")
    expect(page).to_have_url(re.compile(r"#/index\.html\?family=deep$"))
    first = _column(page, "model")[0]
    page.click("section[data-table^=toy] tbody tr:first-child th a")
    expect(page).to_have_url(re.compile(f"#/rows/{first}--"))
    assert page.inner_text("h1") == first
    page.locator("figure[data-chart=heatmap] rect").first.wait_for()
    page.go_back()
    expect(page.locator("[data-count]")).to_have_text("4 of 11 rows")
    page.goto(f"{(single / 'index.html').as_uri()}#/compare/nothing-of-that-name.html")
    assert [url for url in watched.requests if url.startswith("file:")] == [(single / "index.html").as_uri()] * len(
        [url for url in watched.requests if url.startswith("file:")]
    ), "nothing but the file itself is read"


@pytest.mark.parametrize("single_file", [False, True])
def test_a_hostile_record_does_no_harm(
    tmp_path: Path, catalog: Catalog, fast_disk: None, watched: Watched, single_file: bool
) -> None:
    """Ax#4985, allure3#227: markup in names ran in a report."""
    long = HOSTILE + "x" * 10_000
    store = StoreMaker(tmp_path / "runs", catalog)
    for seed in range(2):
        store.add(
            HOSTILE,
            seed=seed,
            recipe=long,
            data=long,
            family=long,
            classes=(HOSTILE, long, "c"),
            notes=(long,),
            warnings=(long,),
            device=long,
            environment={"torch": "2.11.0", "device_name": long, "driver": long, "threads": 1, long: long},
            started_at=long,
        )
    store.add("other", data=long, recipe=long)
    store.add("__proto__", data=long, recipe="constructor", failure=long)
    site, _ = write(store.root, tmp_path / "site", single_file=single_file, title=long)
    page = watched.open(site / "index.html")
    assert page.locator("main img, main script:not([type='application/json'])").count() == 0
    assert "<img src=x onerror=alert(1)>" in page.inner_text("main")
    links = page.locator("section tbody th a").evaluate_all("nodes => nodes.map((node) => node.href)")
    assert len(links) == 3
    for address in [*links, *page.locator("header a").evaluate_all("nodes => nodes.map((node) => node.href)")]:
        page.goto(address)
        page.wait_for_selector("main h1")
        assert page.locator("main img, main script:not([type='application/json'])").count() == 0
        for figure in page.locator("figure.chart:visible").all():
            figure.scroll_into_view_if_needed()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1300


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
    assert page.locator("section tbody tr").count() == 1000
    start = time.monotonic()
    page.click("th[data-key=params] button")
    page.evaluate("document.body.offsetHeight")
    sorting = time.monotonic() - start
    print(f"written in {written:.1f} s, {size:,} bytes, opened in {took:.0f} ms, sorted in {1000 * sorting:.0f} ms")
    assert size < 1_000_000
    assert took < 1000
    assert sorting < 1


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """axe-core's script, from npm; $ZOO_AXE says where it lies already."""
    given = os.environ.get("ZOO_AXE")
    if given:
        return Path(given).read_text(encoding="utf-8")
    if shutil.which("npm") is None:
        pytest.skip("axe-core comes from npm, which is not here")
    folder = tmp_path_factory.mktemp("axe")
    done = subprocess.run(["npm", "pack", "axe-core@4.10.3"], cwd=folder, capture_output=True, timeout=120)
    if done.returncode:
        pytest.skip("npm cannot fetch axe-core")
    shutil.unpack_archive(next(folder.glob("*.tgz")), folder)
    return (folder / "package" / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(site: Path, browser: Any, axe: str, scheme: str) -> None:
    # The checker is put in from outside, which a page's own policy rightly forbids.
    context = browser.new_context(viewport={"width": 1300, "height": 900}, color_scheme=scheme, bypass_csp=True)
    found = []
    for path in _one_of_each(site):
        page = context.new_page()
        page.goto(path.as_uri())
        for figure in page.locator("figure.chart:visible").all():
            figure.scroll_into_view_if_needed()
        page.evaluate(axe)
        result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found += [
            f"{path.parent.name}/{path.name[:20]}: {each['id']}: {each['nodes'][0]['html'][:160]} "
            f"{each['nodes'][0]['failureSummary'][:300]}"
            for each in result["violations"]
            if each["impact"] in ("serious", "critical")
        ]
        page.close()
    context.close()
    assert found == []
