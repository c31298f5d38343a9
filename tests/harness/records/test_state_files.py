"""State files: named by epoch and content, found newest first."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.records.state_files import is_state_name, is_whole, newest_state, state_files, state_name


def test_a_name_shows_whether_the_content_is_intact() -> None:
    name = state_name(3, b"content")
    assert name.startswith("state-000003-")
    assert is_state_name(name)
    assert is_whole(name, b"content")
    assert not is_whole(name, b"damaged")
    assert not is_whole("record.json", b"content")


@pytest.mark.parametrize("name", ["state-old.safetensors", "record.json", f"../{state_name(1, b'')}", "state-1-x"])
def test_other_names_are_no_states(name: str) -> None:
    assert not is_state_name(name)


def test_the_newest_epoch_comes_first(tmp_path: Path) -> None:
    assert newest_state(tmp_path) is None
    names = [state_name(epoch, b"") for epoch in (1_000_000, 12, 2)]
    for name in [*names[::-1], "state-old.safetensors", "record.json"]:
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in state_files(tmp_path)] == names
    assert newest_state(tmp_path) == tmp_path / names[0]
