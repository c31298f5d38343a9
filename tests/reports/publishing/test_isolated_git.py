"""Isolated git: which of the user's settings it keeps."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from reports.publishing.isolated_git import IsolatedGit
from zoo.errors import StoreError
from zoo.files.plain_files import Kind


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """An empty folder."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def _remote(folder: Path) -> str:
    subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], check=True)
    return str(folder)


def test_credential_helpers_and_the_name_of_the_user_are_kept_and_nothing_else(
    scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "settings"
    settings.write_text(
        '[credential]\n\thelper = store\n[credential "https://x.example"]\n\tusername = me\n[user]\n'
        "\tname = Some One\n\temail = some@zoo.example\n[core]\n"
        '\tpager = evil\n\tsshCommand = evil\n[url "x"]\n\tinsteadOf = evil\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{who}_NAME", raising=False)
        monkeypatch.delenv(f"GIT_{who}_EMAIL", raising=False)
    address = _remote(tmp_path / "remote.git")
    git = IsolatedGit(scratch)
    kept = (scratch / "settings").read_text()
    assert "helper = store" in kept
    assert "username = me" in kept
    assert "evil" not in kept
    assert git.fetch(address, "pages") is None
    git.push(git.commit(None, {"a/b": b"1"}, (), "a message"), "pages")
    said = subprocess.run(
        ["git", "log", "-1", "--format=%an <%ae> %s", "pages"], cwd=address, capture_output=True, encoding="utf-8"
    )
    assert said.stdout.strip() == "Some One <some@zoo.example> a message"


def test_files_are_read_and_written_without_a_work_tree(
    scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "A Person")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "person@zoo.example")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    address = _remote(tmp_path / "remote.git")
    first = IsolatedGit(scratch)
    assert first.fetch(address, "pages") is None
    first.push(first.commit(None, {"a/b": b"1\r\n", "c": b"22", "d": b"3"}, (), "first"), "pages")
    (tmp_path / "again").mkdir()
    git = IsolatedGit(tmp_path / "again")
    base = git.fetch(address, "pages")
    assert base is not None
    git.push(git.commit(base, {"c": b"changed"}, ("d",), "second"), "pages")
    entries = git.entries(git.fetch(address, "pages") or "")
    assert {name: entry.mode for name, entry in entries.items()} == {"a": "040000", "a/b": "100644", "c": "100644"}
    identities = [entry.object for entry in entries.values() if entry.is_file]
    assert list(git.contents(identities, Kind("a file", 10)).values()) == [b"1\r\n", b"changed"]
    with pytest.raises(StoreError, match="a file may have up to 5 bytes"):
        git.contents(identities, Kind("a file", 5))
    assert not list((tmp_path / "again").rglob("index.lock"))
