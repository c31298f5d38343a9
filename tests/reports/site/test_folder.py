"""The folder of a site: what a new publication overwrites, removes and leaves alone."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from reports.site.folder import SUMS_FILE
from zoo.errors import StoreError

from .conftest import MakeSite, StoreMaker


def _content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_publishing_again_over_the_same_records_changes_nothing(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    before = _content(folder)
    _, summary = make_site(filled)
    assert _content(folder) == before
    assert summary.num_removed == 0


def test_the_sums_are_those_of_all_files(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    listed = dict(
        reversed(line.split("  ", 1)) for line in (folder / SUMS_FILE).read_text(encoding="utf-8").splitlines()
    )
    content = _content(folder)
    assert set(listed) == set(content) - {SUMS_FILE}
    assert all(hashlib.sha256(content[name]).hexdigest() == digest for name, digest in listed.items())


def test_a_row_that_is_gone_takes_its_page_along(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    (folder / "CNAME").write_text("zoo.example\n")
    for path in filled.root.glob("net3--other--*"):
        shutil.rmtree(path)
    _, summary = make_site(filled)
    assert summary.num_removed == 2  # the row's page, and that of its dataset
    assert not list((folder / "rows").glob("net3--other--*"))
    assert (folder / "CNAME").is_file(), "what no publication wrote stays"


def test_a_file_that_no_publication_wrote_is_not_overwritten(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    own = folder.parent / "own"
    own.mkdir()
    (own / "index.html").write_text("mine")
    with pytest.raises(StoreError, match=r"index\.html exists and is not part of a site"):
        make_site(filled, "own")
    assert [path.name for path in own.iterdir()] == ["index.html"]
