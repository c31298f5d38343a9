"""Pictures of a site in a real browser, and the comparison image by image."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .watching import Watched, column

playwright = pytest.importorskip("playwright.sync_api", reason="the browser environment has it")
expect = playwright.expect
pytestmark = pytest.mark.slow


def test_a_mark_in_a_chart_has_a_tooltip_and_leads_to_its_row(site: Path, watched: Watched) -> None:
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
    models = column(page, "model")
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
