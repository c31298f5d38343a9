"""Listings of folders: what is in them, in one process and in several."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from zoo.files import folder_listing
from zoo.files.folder_listing import Listing, list_folder, list_folders

ENDINGS = (".jpg", ".png")


def write(path: Path, size: int = 0, time_ns: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, ns=(time_ns, time_ns))
    return path


def test_wanted_files_have_their_sizes_and_times_and_everything_else_its_name(tmp_path: Path) -> None:
    write(tmp_path / "b.jpg", 3, 5_000_000_000)
    write(tmp_path / "a.png", 0, 7_000_000_000)
    write(tmp_path / ".hidden.jpg")
    write(tmp_path / "notes.txt")
    (tmp_path / "folder.jpg").mkdir()
    assert list_folder(str(tmp_path), ENDINGS) == Listing(
        ["a.png", "b.jpg"], b"0 7000000000\n3 5000000000\n", [".hidden.jpg", "folder.jpg", "notes.txt"]
    )


def test_a_link_has_the_size_and_time_of_its_file_and_a_link_to_nothing_is_among_the_others(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere/1.jpg", 4, 9_000_000_000)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link.jpg").symlink_to(tmp_path / "elsewhere/1.jpg")
    (folder / "broken.jpg").symlink_to(tmp_path / "nowhere")
    (folder / "inner").symlink_to(tmp_path / "elsewhere")
    assert list_folder(str(folder), ENDINGS) == Listing(["link.jpg"], b"4 9000000000\n", ["broken.jpg", "inner"])


def test_several_processes_find_what_one_finds(tmp_path: Path) -> None:
    names = ["plain", "with space", "Größe", "new\nline", "empty"]
    for number, name in enumerate(names[:-1]):
        write(tmp_path / name / f"{name} 1.jpg", number, number)
        write(tmp_path / name / "2.txt")
    (tmp_path / "empty").mkdir()
    paths = [str(tmp_path / name) for name in names]
    found = list_folders(paths, ENDINGS)
    assert found == {path: list_folder(path, ENDINGS) for path in paths}
    assert found[paths[3]].files == ["new\nline 1.jpg"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not have names of arbitrary bytes")
def test_names_that_are_no_text_arrive_as_they_are(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.jpg")
    write(tmp_path / name)
    assert list_folders([str(tmp_path)], ENDINGS)[str(tmp_path)].files == [name]


def test_folders_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    write(tmp_path / "a/1.jpg")
    write(tmp_path / "file")
    paths = [str(tmp_path / name) for name in ("missing", "a", "file")]
    assert list(list_folders(paths, ENDINGS)) == [paths[1]]


@pytest.mark.parametrize("program", ["/nowhere/python", "/bin/false", ""])
def test_nothing_is_found_where_no_process_answers(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "1.jpg")
    monkeypatch.setattr(folder_listing.sys, "executable", program)
    assert list_folders([str(tmp_path)], ENDINGS) == {}


def test_no_folders_take_no_process() -> None:
    assert list_folders([], ENDINGS) == {}
