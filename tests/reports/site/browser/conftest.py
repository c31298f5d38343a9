"""A published site, and a page of a browser that is watched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zoo import Catalog

from ..conftest import StoreMaker, fill, write
from .watching import Watched


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog, fast_disk: None) -> Path:
    root = tmp_path_factory.mktemp("board")
    store = fill(StoreMaker(root / "runs", catalog))
    return write(store.root, root / "site")[0]


@pytest.fixture
def watched(browser: Any) -> Iterator[Watched]:
    """A fresh page; in the end, nothing was complained of and nothing asked of another machine."""
    context = browser.new_context(viewport={"width": 1300, "height": 900}, accept_downloads=True)
    made = Watched(context.new_page())
    yield made
    made.check()
    context.close()
