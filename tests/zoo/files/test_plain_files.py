"""Plain files: what is read, and what is refused before it can hang a process or fill its memory."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from pathlib import Path

import pytest

from zoo.files.plain_files import Kind, copy_file, digest_of, open_plain, read_bytes, read_rest, read_text

KIND = Kind("a note", 1000)

pytestmark = pytest.mark.timeout(20)


def test_a_plain_file_is_read_whole_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "note"
    path.write_bytes(b"x" * 1000)
    assert read_bytes(path, KIND) == b"x" * 1000
    path.write_text("é", encoding="utf-8")
    assert read_text(path, KIND) == "é"


def test_a_larger_file_is_refused_with_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "note"
    path.write_bytes(b"x" * 1001)
    with pytest.raises(OSError, match="a note may have up to 1 kB"):
        read_bytes(path, KIND)


def test_a_sparse_file_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "note"
    with path.open("wb") as file:
        file.truncate(30 * 10**9)
    with pytest.raises(OSError, match="may have up to"):
        read_bytes(path, KIND)


def test_a_file_that_grows_after_it_was_opened_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "note"
    path.write_bytes(b"x" * 1000)
    with open_plain(path, KIND) as file:
        with path.open("ab") as more:
            more.write(b"x")
        with pytest.raises(OSError, match="may have up to"):
            read_rest(file, path, KIND)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("follow", [True, False])
def test_a_pipe_is_refused_at_once(tmp_path: Path, follow: bool) -> None:
    os.mkfifo(tmp_path / "note")
    with pytest.raises(OSError, match="it is not a plain file"):
        read_bytes(tmp_path / "note", KIND, follow=follow)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_a_device_is_refused_also_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "note").symlink_to("/dev/zero")
    for path in (Path("/dev/zero"), tmp_path / "note"):
        with pytest.raises(OSError, match="it is not a plain file"):
            read_bytes(path, KIND)


def test_a_link_is_followed_only_if_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"content")
    (tmp_path / "note").symlink_to("target")
    assert read_bytes(tmp_path / "note", KIND) == b"content"
    with pytest.raises(OSError, match="it is a link"):
        read_bytes(tmp_path / "note", KIND, follow=False)


def test_folders_and_absent_files_keep_their_errors(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        read_bytes(tmp_path, KIND)
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "absent", KIND)


def test_reading_a_small_file_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "note"
    path.write_bytes(b"small")
    tracemalloc.start()
    try:
        assert read_bytes(path, Kind("a large note", 10**11)) == b"small"
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()


def test_a_copy_has_the_content_and_never_replaces_a_file(tmp_path: Path) -> None:
    (tmp_path / "note").write_bytes(b"x" * 1000)
    digest = hashlib.sha256(b"x" * 1000).hexdigest()
    assert copy_file(tmp_path / "note", tmp_path / "copy", KIND) == digest == digest_of(tmp_path / "copy", KIND)
    with pytest.raises(FileExistsError):
        copy_file(tmp_path / "note", tmp_path / "copy", KIND)
    with pytest.raises(OSError, match="may have up to 10 bytes"):
        digest_of(tmp_path / "note", Kind("a note", 10))
