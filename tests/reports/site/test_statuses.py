"""Statuses: how far the numbers of a row have been verified."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from harness.records.store import read_record, write_record

from .conftest import MakeSite, StoreMaker

RunZoo = Callable[..., Result]


@pytest.fixture
def zoo() -> RunZoo:
    """Run the command line in this process, without installed plugins."""
    from click.testing import CliRunner

    from zoo.cli.group import zoo as group

    return lambda *args: CliRunner().invoke(group, ["--no-plugins", *map(str, args)], prog_name="zoo")


def _change(folder: Path, **fields: object) -> None:
    record = read_record(folder / "record.json")
    write_record(folder, record.model_copy(update=fields))


def test_rows_show_who_has_checked_them(store: StoreMaker, make_site: MakeSite, zoo: RunZoo) -> None:
    first, _ = store.add("net", seed=0)
    store.add("net", seed=1)
    folder, _ = make_site(store)
    (page,) = (folder / "rows").glob("*.html")
    assert '<span class="badge self-reported">self-reported</span>' in page.read_text(encoding="utf-8")
    zoo("verify", store.root)
    make_site(store)
    assert '<span class="badge recomputed">recomputed</span>' in page.read_text(encoding="utf-8")
    path = store.root / "verification.json"
    path.write_text(path.read_text().replace("recomputed", "reproduced", 1))
    make_site(store)
    assert '<span class="badge reproduced">reproduced</span>' in page.read_text(encoding="utf-8")
    _change(first, warnings=("changed since",))
    make_site(store)
    assert '<span class="badge self-reported">self-reported</span>' in page.read_text(encoding="utf-8")
