"""Tables of a site in a real browser: sorting, filters, addresses, downloads."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.records.spec import PretrainingSpec
from zoo import Catalog

from ..conftest import StoreMaker, block, write
from .watching import Watched, column, published, sort

playwright = pytest.importorskip("playwright.sync_api", reason="the browser environment has it")
expect = playwright.expect
pytestmark = pytest.mark.slow


def test_a_board_opens_from_a_folder_in_the_order_of_ranks(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html")
    assert page.inner_text("[data-count]") == "11 rows"
    models = column(page, "model")
    assert models == published(site)[:-1], "rows without a result are folded"
    page.click("section[data-table^=toy] tr.fold button")
    assert column(page, "model") == published(site)
    assert column(page, "model")[-1] == "broken_net"
    assert page.get_attribute("section[data-table^=toy] th[data-key=rank]", "aria-sort") == "ascending"


def test_a_heading_sorts_best_first_then_worst_first_then_by_rank(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html")
    page.click("section[data-table^=toy] tr.fold button")
    ranked = column(page, "model")
    assert sort(page, "params") == "ascending"
    assert column(page, "model")[0] == "net0"
    assert column(page, "model")[-1] == "broken_net", "what has no value stands last either way"
    assert sort(page, "params") == "descending"
    assert column(page, "model")[0] == "net8"
    assert column(page, "model")[-1] == "broken_net"
    assert sort(page, "params") == "none"
    assert column(page, "model") == ranked
    assert sort(page, "inference_speed") == "descending"
    assert column(page, "model")[0] == "net0"


def test_a_heading_can_be_sorted_by_with_the_keyboard(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html")
    page.focus("section[data-table^=toy] th[data-key=params] button")
    page.keyboard.press("Enter")
    assert column(page, "model")[0] == "net0"
    assert page.evaluate("document.activeElement.closest('th').dataset.key") == "params"


def test_search_and_filters_leave_the_rows_that_fit(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html")
    page.fill("[name=q]", "NET3 adam")
    expect(page.locator("[data-count]")).to_have_text("1 of 11 rows")
    assert page.is_hidden("section[data-table^=toy]")
    page.click("[data-clear]")
    page.select_option("[name=family]", "deep")
    expect(page.locator("[data-count]")).to_have_text("4 of 11 rows")
    page.click("details.ranges summary")
    page.fill("[name=min_params]", "10")
    expect(page.locator("[data-count]")).to_have_text("1 of 11 rows")
    assert column(page, "model") == ["net7"]
    page.fill("[name=q]", "nothing is called so")
    page.wait_for_selector("[data-none]:not([hidden])")


def test_a_search_takes_patterns_and_alternatives(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html")
    for text, count in (("net?", 10), ("net1, net2", 2), ("*net*", 11), ("net1*,broken*", 2), ("et1", 1), ("et1*", 0)):
        page.fill("[name=q]", text)
        expect(page.locator("[data-count]")).to_have_text(f"{count} of 11 rows" if count < 11 else "11 rows")


def test_an_empty_result_names_the_filter_to_loosen(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html", "#family=deep&min_params=1000&q=net")
    assert page.inner_text("[data-none]") == "No row matches. Without params at least 1000 M, 4 rows would."
    page.click("[data-none] button")
    expect(page.locator("[data-count]")).to_have_text("4 of 11 rows")
    page.click("[data-active] button >> nth=0")
    expect(page.locator("[data-count]")).to_have_text("4 of 11 rows")
    page.click("[data-active] button >> nth=0")
    expect(page.locator("[data-count]")).to_have_text("11 rows")


def test_rows_are_filtered_by_whether_their_weights_saw_the_test_images(
    tmp_path: Path, catalog: Catalog, watched: Watched
) -> None:
    store = StoreMaker(tmp_path / "runs", catalog)
    store.add("scratch")
    store.add("saw", pretraining=PretrainingSpec(collections=("toy",), test_images=("toy",)))
    store.add("did_not", pretraining=PretrainingSpec(collections=("imagenet",), test_images=("toy",)))
    store.add("silent", pretraining=PretrainingSpec())
    folder, _ = write(store.root, tmp_path / "site")
    page = watched.open(folder / "index.html")
    for answer, names in (("yes", ["saw"]), ("no", ["did_not"]), ("unknown", ["silent"])):
        page.select_option("[name=seen]", answer)
        assert column(page, "model") == names
    expect(page).to_have_url(re.compile("seen=unknown"))
    assert page.inner_text("[data-active]") == "test images seen: unknown ×"
    page.select_option("[name=seen]", "")
    assert len(column(page, "model")) == 4


def test_a_speed_shows_the_range_of_its_windows(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html", "#data=other")
    cell = page.locator("section[data-table^=other] td:has(small.spread)").first
    assert cell.locator("small").inner_text() == "[900, 1,100]"
    assert "middle 95 %" in cell.get_attribute("title")


def test_the_best_row_within_limits_is_named(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html", "#data=toy&max_params=1")
    assert column(page, "model") == published(site)[-6:-1]
    best = page.locator("tr:has(.badge.best) th.model a").inner_text()
    assert best == published(site)[-6]
    assert page.locator("figure[data-board-chart=explore]").locator("circle.ring").count() == 1


def test_only_rows_of_a_front_can_be_shown(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html", "#data=toy")
    full = json.loads((site / "leaderboard.json").read_text(encoding="utf-8"))
    front = [
        row["cells"]["model"]
        for table in full["tables"]
        for row in table["rows"]
        if table["data"] == "toy" and row["cells"]["on_front_params"]
    ]
    page.select_option("[name=front]", "params")
    assert column(page, "model") == front


def test_what_all_rows_share_stands_above_the_table(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html", "#data=toy")
    assert page.inner_text("section[data-table^=toy] [data-common]") == "all rows: recipe sgd · seeds 3"
    assert page.locator("section[data-table^=toy] th[data-key=recipe]").count() == 0


def test_a_table_without_scripts_is_plain(site: Path, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "index.html").as_uri())
    rows = page.locator("section[data-table^=toy] noscript table tbody tr")
    assert rows.count() == 10
    assert published(site)[0] in rows.first.inner_text()
    rows.first.locator("a").click()
    assert page.inner_text("h1") == published(site)[0]
    context.close()


def test_the_address_holds_what_is_shown(site: Path, watched: Watched, browser: Any) -> None:
    page = watched.open(site / "index.html")
    page.fill("[name=q]", "net")
    page.select_option("[name=family]", "deep")
    sort(page, "inference_speed")
    page.click("details.columns summary")
    page.check("[data-columns] input[value=macs]")
    page.uncheck("[data-columns] input[value=params]")
    expect(page).to_have_url(re.compile("q=net.*columns="))
    shown = column(page, "model")
    other = browser.new_page()
    other.goto(page.url)
    assert column(other, "model") == shown == ["net1", "net3", "net5", "net7"]
    assert other.locator("th[data-key=macs]").count() > 0
    assert other.locator("th[data-key=params]").count() == 0
    assert other.input_value("[name=q]") == "net"
    other.close()


def test_a_nonsensical_address_is_not_an_error(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html", "#sort=-nonsense&columns=x,y&family=none&q=%00&min_params=abc")
    expect(page.locator("[data-count]")).to_have_text("0 of 11 rows")


def test_downloads_hold_exactly_what_is_shown(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html", "#family=deep&sort=-params&columns=model,params,accuracy&data=toy")
    with page.expect_download() as download:
        page.click("[data-save=csv]")
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8"))))
    assert [row["model"] for row in rows] == column(page, "model") == ["net7", "net5", "net3", "net1"]
    assert list(rows[0]) == ["table", "model", "small_images", "accuracy", "accuracy_sd", "params"]
    assert [int(row["params"]) for row in rows] == [10_000 * 3**index for index in (7, 5, 3, 1)]
    with page.expect_download() as download:
        page.click("[data-save=json]")
    data = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert [row["model"] for row in data["rows"]] == ["net7", "net5", "net3", "net1"]
    full = json.loads((site / "leaderboard.json").read_text(encoding="utf-8"))
    means = {row["cells"]["model"]: row["cells"]["accuracy"] for table in full["tables"] for row in table["rows"]}
    assert data["rows"][0]["accuracy"] == pytest.approx(means["net7"], rel=1e-5)


def test_inseparable_rows_are_marked_at_the_pointer(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html", "#data=toy")
    for place in (0, 4, 8):
        page.hover(f"section[data-table^=toy] tbody tr >> nth={place} >> td.number >> nth=1")
        marked = page.locator("section[data-table^=toy] tr.tied th.model a").all_inner_texts()
        names = column(page, "model")
        # The page that compares them says the same of each pair.
        (compare,) = (site / "compare").glob("toy*.html")
        rows = block(compare, "comparison")["rows"]
        runs = rows[place]["tied"]
        tied = [row["label"] for row in rows if any(first <= row["place"] <= last for first, last in runs)]
        assert sorted([*marked, names[place]]) == sorted(tied)


def test_names_can_be_copied(site: Path, watched: Watched) -> None:
    (row,) = (site / "rows").glob(f"{published(site)[0]}--toy--*.html")
    page = watched.open(row)
    page.click("p.lead button.copy")
    expect(page.locator("#said")).to_have_text(f"Copied zoo/{published(site)[0]}")


def test_links_and_frames_show_what_is_shown(site: Path, watched: Watched, browser: Any) -> None:
    page = watched.open(site / "index.html", "#data=toy&family=deep")
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.click("[data-link]")
    assert page.evaluate("window.copied") == page.url
    assert page.url.endswith("#data=toy&family=deep")
    page.click("[data-embed]")
    frame = page.evaluate("window.copied")
    assert frame.startswith('<iframe src="file://')
    assert "#data=toy&amp;family=deep&amp;embed=1" in frame
    other = browser.new_page()
    other.goto(f"{page.url}&embed=1")
    assert column(other, "model") == column(page, "model")
    assert other.is_hidden("form.controls")
    assert other.is_hidden("header.site")
    other.click("section[data-table^=toy] th[data-key=params] button")
    assert "embed=1" in other.url
    other.close()


def test_a_board_with_a_past_shows_how_its_rows_moved(
    tmp_path: Path, catalog: Catalog, fast_disk: None, watched: Watched
) -> None:
    store = StoreMaker(tmp_path / "runs", catalog)
    for index in range(3):
        store.add(f"net{index}", skill=0.5 * index)
    site, _ = write(store.root, tmp_path / "site")
    assert watched.open(site / "index.html").locator("th[data-key=history]").count() == 0
    store.add("net0", seed=1, skill=3.0, started_at="2026-04-01T10:00:00+00:00")
    store.add("net9", skill=3.5, started_at="2026-04-01T10:00:00+00:00")
    write(store.root, site)
    page = watched.open(site / "index.html")
    moves = dict(zip(column(page, "model"), column(page, "history"), strict=True))
    assert moves["net9"] == "new"
    assert moves["net0"].startswith("+")
    assert moves["net1"] == moves["net2"] == "±0.0"
    assert page.locator("svg.spark").count() == 3
    page.click("details.moved summary")
    lines = page.locator("details.moved tbody tr").all_inner_texts()
    assert lines[0].startswith("net9 on toy\tnew")
