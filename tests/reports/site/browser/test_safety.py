"""What a site in a real browser does with hostile records."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo import Catalog

from ..conftest import StoreMaker, write
from .watching import Watched

pytestmark = pytest.mark.slow

HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>'\"\u202e\u2066\u2028\x1b[31m\x00|=cmd"


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
    page.click("tr.fold button")
    links = page.locator("section tbody th a").evaluate_all("nodes => nodes.map((node) => node.href)")
    assert len(links) == 3
    for address in [*links, *page.locator("header a").evaluate_all("nodes => nodes.map((node) => node.href)")]:
        page.goto(address)
        page.wait_for_selector("main h1")
        assert page.locator("main img, main script:not([type='application/json'])").count() == 0
        for figure in page.locator("figure.chart:visible").all():
            figure.scroll_into_view_if_needed()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1300
