"""Texts that no file and no terminal can hold, in a stranger's record."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from harness.records.record import Record
from harness.records.store import RECORD_FILE, read_record, write_record
from reports.publishing.publishing import read_site
from zoo.cli.group import zoo

STORE = Path(__file__).parents[1] / "fixtures" / "store-v1"


def test_lone_surrogates_in_the_texts_of_a_record_stop_nothing(tmp_path: Path) -> None:
    """JSON may hold them, and no file or terminal can: each text of a record that may be one is one here."""
    store = Path(shutil.copytree(STORE, tmp_path / "runs"))
    folder = min(path for path in store.iterdir() if path.is_dir())
    content = read_record(folder / RECORD_FILE).model_dump(mode="json")
    num_texts = sum(_spoil(content, owner, key) for owner, key in list(_texts(content)))
    assert num_texts > 20
    write_record(folder, Record.model_validate(content))
    assert repr("\ud800") in str(read_record(folder / RECORD_FILE).model_dump())
    for arguments in (("rank",), ("verify",), ("report", "-o", str(tmp_path / "site"))):
        result = CliRunner().invoke(zoo, ["--no-plugins", arguments[0], str(store), *arguments[1:]], prog_name="zoo")
        assert result.exit_code in (0, 1), result.output
        assert "a bug in zoo" not in result.output
    assert read_site(tmp_path / "site")


def _texts(content: Any) -> Iterator[tuple[Any, Any]]:
    """Yield where each text in JSON is."""
    for key, value in content.items() if isinstance(content, dict) else enumerate(content):
        if isinstance(value, str):
            yield content, key
        elif isinstance(value, (dict, list)):
            yield from _texts(value)


def _spoil(content: Any, owner: Any, key: Any) -> bool:
    """Put a surrogate in the place of a text, and return whether the record may have it there."""
    before, owner[key] = owner[key], "\ud800"
    try:
        Record.model_validate(content)
    except ValueError:
        owner[key] = before
        return False
    return True
