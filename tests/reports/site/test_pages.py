"""Pages: markup in names is text, and a single file holds all pages."""

from __future__ import annotations

import base64
import json
import re
import zlib
from xml.etree import ElementTree

from .conftest import MakeSite, StoreMaker, block

HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>{{7*7}}'\"\u202e\u2066\u2028\x1b[31m\x00`|=cmd"


def test_a_single_file_holds_every_page_and_the_hashes_of_what_may_run(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, summary = make_site(filled, single_file=True)
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert summary.num_pages == 1
    assert not (folder / "assets").exists()
    pages = block(folder / "index.html", "pages")
    assert (pages["first"], len(pages["chunks"])) == ("index.html", 24)
    chunk = re.search(r'data-chunk="0">([^<]+)<', text)
    assert chunk is not None
    held = json.loads(zlib.decompress(base64.urlsafe_b64decode(chunk.group(1))))
    assert [path for path, _, _ in held] == list(pages["chunks"])
    assert all(html.count("<h1>") == 1 for _, _, html in held)
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/=]+'; style-src 'sha256-", text)


def test_no_record_can_bring_markup_into_a_page(store: StoreMaker, make_site: MakeSite) -> None:
    """Ax#4985, allure3#227: markup in names ran in a report."""
    long = HOSTILE + "x" * 10_000
    store.add(
        HOSTILE,
        recipe=long,
        data=long,
        family=long,
        classes=(HOSTILE, long, "c"),
        notes=(long,),
        warnings=(long,),
        device=long,
        environment={"torch": long, "device_name": long, "driver": long, "threads": long, long: long},
        started_at=long,
    )
    store.add("other", data=long, recipe=long, failure=long)
    folder, _ = make_site(store, title=long)
    pages = list(folder.rglob("*.html"))
    assert len(pages) > 4
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "<img src=x" not in text
        assert "<script>alert" not in text
        assert "\u202e" not in text
        assert "\x1b" not in text
        assert "\x00" not in text
        assert "49'" not in text, "nothing of a record is a template"
        assert len(text) < 400_000
    assert "<img" not in (folder / "badge.svg").read_text(encoding="utf-8")
    ElementTree.fromstring((folder / "badge.svg").read_text(encoding="utf-8"))
