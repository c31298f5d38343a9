"""Accessibility of a site, as axe finds it in a real browser."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .watching import one_of_each

pytestmark = pytest.mark.slow


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
    for path in one_of_each(site):
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
