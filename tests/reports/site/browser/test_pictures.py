"""Pictures of a site in a real browser, and the comparison image by image."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from reports.comparison.explanation import pairs_of
from reports.leaderboard.building import build_leaderboard
from reports.site.entries import entries_of
from reports.statistics.sample import Sample
from reports.trials.evidence import read_evidence
from reports.trials.reading import read_trials
from zoo import Catalog

from ..conftest import StoreMaker, block, write
from .watching import Watched, column

playwright = pytest.importorskip("playwright.sync_api", reason="the browser environment has it")
expect = playwright.expect
pytestmark = pytest.mark.slow


def test_a_mark_in_a_chart_has_a_tooltip_and_leads_to_its_row(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html", "#data=toy")
    page.select_option("[name=x]", "params")
    figure = page.locator("figure[data-board-chart=explore]")
    figure.scroll_into_view_if_needed()
    figure.locator("circle").first.wait_for()
    assert figure.locator("circle").count() == 9
    assert figure.locator("path.front").count() == 1
    mark = figure.locator("a[aria-label^='net0 · toy: accuracy '] circle")
    mark.hover()
    expect(page.locator("#tip")).to_contain_text("net0 · toy")
    mark.click()
    page.wait_for_url("**/rows/net0--*")


def test_a_picture_shows_the_rows_that_the_table_shows(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html", "#data=toy")
    page.locator("figure[data-board-chart=explore]").scroll_into_view_if_needed()
    page.locator("figure[data-board-chart=explore] circle").first.wait_for()
    page.select_option("[name=family]", "deep")
    expect(page.locator("figure[data-board-chart=explore] circle")).to_have_count(4)


def test_a_limit_on_a_cost_is_a_line_in_the_chart(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html", "#data=toy&max_params=0.5")
    figure = page.locator("figure[data-board-chart=explore]")
    figure.locator("circle.ring").wait_for()
    assert page.input_value("[name=x]") == "params"
    assert figure.locator("line.guide").count() == 1
    page.fill("[name=q]", "net?")
    page.select_option("[name=x]", "inference_speed")
    expect(page).to_have_url(re.compile("x=inference_speed"))
    assert page.input_value("[name=x]") == "inference_speed"


def test_axes_and_colours_can_be_chosen_and_stay_in_the_address(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html", "#data=toy")
    page.select_option("[name=x]", "macs")
    page.select_option("[name=y]", "macro_f1")
    page.select_option("[name=colour]", "family")
    page.uncheck("[name=logarithmic]")
    expect(page).to_have_url(re.compile("x=macs&y=macro_f1&linear=1"))
    figure = page.locator("figure[data-board-chart=explore]")
    expect(figure.locator("svg")).to_have_attribute("aria-label", "macro F1 % vs. MACs, 9 rows")
    assert figure.locator("circle.c0").count() == 5
    assert figure.locator("circle.c1").count() == 4
    assert [key.removeprefix("● ") for key in figure.locator(".key").all_inner_texts()] == ["plain", "deep"]
    # Points on the front have the colour of their family, too.
    fill = "points => [...new Set(points.map(point => getComputedStyle(point).fill))]"
    plain, deep = (figure.locator(f"circle.{name}:not(.hollow)").evaluate_all(fill) for name in ("c0", "c1"))
    assert (len(plain), len(deep)) == (1, 1)
    assert plain != deep


def test_a_brush_keeps_the_rows_inside_it(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html", "#data=toy&x=params")
    figure = page.locator("figure[data-board-chart=explore] svg")
    figure.scroll_into_view_if_needed()
    box = figure.bounding_box()
    page.mouse.move(box["x"] + 52, box["y"] + 14)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.54 * box["width"], box["y"] + box["height"] - 41)
    page.mouse.up()
    expect(page).to_have_url(re.compile("min_params=.*max_params="))
    expect(page.locator("[data-count]")).to_have_text("5 of 11 rows")
    # The chart is drawn in the next frame.
    expect(page.locator("figure[data-board-chart=explore] circle:not(.ring)")).to_have_count(5)
    page.click("[data-unzoom]")
    expect(page.locator("[data-count]")).to_have_text("10 of 11 rows")
    expect(page.locator("figure[data-board-chart=explore] circle")).to_have_count(9)


def test_a_chart_is_saved_with_its_colours(site: Path, watched: Watched) -> None:
    page = watched.open(site / "index.html", "#data=toy")
    page.locator("figure[data-board-chart=explore] circle").first.wait_for()
    with page.expect_download() as download:
        page.click("[data-picture=svg]")
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert 'xmlns="http://www.w3.org/2000/svg"' in text.split(">", 1)[0]
    assert 'fill="rgb(' in text
    assert "class=" not in text.split(">", 1)[1]
    with page.expect_download() as download:
        page.click("[data-picture=png]")
    assert Path(download.value.path()).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_rows_that_are_not_comparable_are_hollow_and_on_no_front(
    tmp_path: Path, catalog: Catalog, fast_disk: None, watched: Watched
) -> None:
    store = StoreMaker(tmp_path / "runs", catalog)
    for index in range(4):
        store.add(f"net{index}", skill=index, speed=100.0 * (4 - index))
    store.add("elsewhere", skill=4.0, speed=1e6, measurement_key="e" * 64)
    site, _ = write(store.root, tmp_path / "site")
    page = watched.open(site / "index.html")
    figure = page.locator("figure[data-board-chart=explore]")
    figure.locator("circle").first.wait_for()
    assert figure.locator("circle.hollow").count() == 1
    assert "not comparable" in figure.locator("a:has(circle.hollow)").get_attribute("aria-label")
    assert figure.locator("circle.on-front.hollow").count() == 0
    assert figure.locator("circle.on-front").count() == 4
    page.select_option("[name=x]", "wall_time")
    expect(figure.locator("circle.hollow")).to_have_count(0)


def test_rows_of_the_same_costs_are_drawn_over_what_sets_them_apart(
    tmp_path: Path, catalog: Catalog, fast_disk: None, watched: Watched
) -> None:
    store = StoreMaker(tmp_path / "runs", catalog)
    for recipe in ("sgd", "adam"):
        store.add("net", recipe=recipe, skill=2.0 if recipe == "sgd" else 1.0)
    site, _ = write(store.root, tmp_path / "site")
    page = watched.open(site / "index.html")
    figure = page.locator("figure[data-board-chart=explore]")
    expect(figure.locator("circle")).to_have_count(2)
    assert page.input_value("[name=x]") == "calibration_error"
    assert len(set(figure.locator("circle").evaluate_all("all => all.map((each) => each.getAttribute('cx'))"))) == 2


def test_every_kind_of_page_draws_its_pictures(site: Path, watched: Watched) -> None:
    (row,) = (site / "rows").glob("net4--toy--*.html")
    page = watched.open(row)
    for figure in page.locator("figure.chart").all():
        figure.scroll_into_view_if_needed()
        figure.locator("svg").first.wait_for()
    assert page.locator("figure[data-chart=lines] path.curve").count() == 4, "train and validation, twice"
    assert page.locator("figure[data-chart=heatmap] rect").count() == 9
    assert any("zoo bench --models zoo/net4" in text for text in page.locator("pre").all_inner_texts())
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


def test_rows_far_down_a_table_can_be_compared(
    tmp_path: Path, catalog: Catalog, fast_disk: None, watched: Watched
) -> None:
    """Beyond the first hundred, the page opened two other rows and wrote them into the address."""
    store = StoreMaker(tmp_path / "runs", catalog)
    for index in range(130):
        store.add(f"net{index}", skill=0.02 * index, num_epochs=1)
    site, _ = write(store.root, tmp_path / "site")
    (path,) = (site / "compare").glob("*.html")
    rows = [row["id"] for row in block(path, "comparison")["rows"]]
    page = watched.open(path, f"#rows={rows[110]},{rows[125]},gone--toy")
    labels = page.locator("[data-result] tbody th a").all_inner_texts()[:2]
    assert labels == [rows[110].split("--")[0], rows[125].split("--")[0]]
    assert "gone--toy is not a row of this dataset" in page.inner_text("[data-result]")
    assert page.evaluate("location.hash") == f"#rows={rows[110]}%2C{rows[125]}%2Cgone--toy"
    page.fill("[data-find]", rows[60].split("--")[0])
    page.check(f"[data-choice] input[value='{rows[60]}']")
    assert page.locator("[data-result] tbody tr").count() == 3


def test_intervals_of_differences_are_those_of_the_statistics(site: Path, watched: Watched) -> None:
    (path,) = (site / "compare").glob("toy*.html")
    page = watched.open(path)
    cells = page.locator("[data-result] table >> nth=0 >> tbody tr >> nth=0 >> td >> nth=2").inner_text()
    trials, _ = read_trials([site.parent / "runs"])
    entries = [entry for entry in entries_of(build_leaderboard(trials), trials) if entry.row.data == "toy"][:9]
    evidence = [read_evidence(entry.done) for entry in entries]
    pair = pairs_of([Sample.of(each.correct_SN) for each in evidence if not isinstance(each, str)])[0]
    shown = [float(part.replace("−", "-")) for part in re.findall(r"[+−]?\d+\.\d", cells)]
    assert shown == pytest.approx([100 * pair.difference, 100 * pair.low, 100 * pair.high], abs=0.051)


def test_learning_curves_have_bands_and_logarithmic_axes(site: Path, watched: Watched) -> None:
    (row,) = (site / "rows").glob("net4--toy--*.html")
    page = watched.open(row)
    figure = page.locator("figure[data-block=loss]")
    figure.scroll_into_view_if_needed()
    figure.locator("path.band").first.wait_for()
    assert figure.locator("path.band").count() == 2
    assert figure.locator("path.curve").count() == 2
    before = figure.locator("path.curve >> nth=0").get_attribute("d")
    figure.locator("[data-scale=y]").check()
    assert "loss (log)" in figure.locator("svg").text_content()
    assert figure.locator("path.curve >> nth=0").get_attribute("d") != before
    assert page.evaluate("document.activeElement.dataset.scale") == "y"
    figure.locator("[data-scale=x]").check()
    assert "epoch (log)" in figure.locator("svg").text_content()
    figure.locator("circle.dot >> nth=1").hover()
    expect(page.locator("#tip")).to_contain_text("over 3 seeds")


def test_learning_curves_of_compared_rows_lie_over_each_other(site: Path, watched: Watched) -> None:
    (path,) = (site / "compare").glob("toy*.html")
    page = watched.open(path)
    page.check("[data-choice] input >> nth=2")
    figures = page.locator("[data-result] figure.chart")
    assert figures.count() == 2
    figures.nth(0).scroll_into_view_if_needed()
    figures.nth(0).locator("path.curve").first.wait_for()
    assert figures.nth(0).locator("path.curve").count() == 3
    figures.nth(1).scroll_into_view_if_needed()
    figures.nth(1).locator("path.curve").first.wait_for()
    assert figures.nth(1).locator("path.curve.dashed").count() == 3
