"""Folders and the images in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zoo.files import image_tree
from zoo.files.image_files import walk_images
from zoo.files.image_tree import ImageTree


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def test_folders_and_images_are_listed_by_name_without_junk(tmp_path: Path) -> None:
    touch(tmp_path, "b/1.jpg", "a/1.jpg", "@eaDir/1.jpg", "10.png", "2.PNG", "notes.txt", "Thumbs.db", ".hidden.jpg")
    found = ImageTree().read(tmp_path)
    assert (found.folders, found.images) == (("a", "b"), ("10.png", "2.PNG"))
    assert found.left_out.others == {".txt": 1}


def test_folders_below_come_after_the_folder_that_holds_them(tmp_path: Path) -> None:
    touch(tmp_path, "z/1.jpg", "a/b/1.jpg", "a/1.jpg")
    assert [each.path for each in ImageTree().below(tmp_path)] == [
        tmp_path, tmp_path / "a", tmp_path / "a/b", tmp_path / "z",
    ]  # fmt: skip


def test_a_loop_of_links_ends_and_links_to_folders_and_files_are_followed(tmp_path: Path) -> None:
    touch(tmp_path, "data/a/1.jpg", "elsewhere/2.jpg")
    (tmp_path / "data/a/up").symlink_to(tmp_path / "data")
    (tmp_path / "data/b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data/a/linked.jpg").symlink_to(tmp_path / "elsewhere/2.jpg")
    (tmp_path / "data/a/broken.jpg").symlink_to(tmp_path / "nowhere")
    found = {each.path.name: each.images for each in ImageTree().below(tmp_path / "data")}
    assert found == {"data": (), "a": ("1.jpg", "broken.jpg", "linked.jpg"), "b": ("2.jpg",)}


def test_a_link_to_a_folder_above_the_first_is_not_followed(tmp_path: Path) -> None:
    """Otherwise a class would hold the images of the others, which are then wrongly labelled."""
    touch(tmp_path, "data/a/1.jpg", "data/b/2.jpg", "elsewhere/c/3.jpg", "elsewhere/d/4.jpg")
    (tmp_path / "data/a/up").symlink_to(tmp_path / "data")
    (tmp_path / "data/a/more").symlink_to(tmp_path / "elsewhere/c")
    (tmp_path / "elsewhere/c/up").symlink_to(tmp_path / "elsewhere")
    tree = {name for each in ImageTree().below(tmp_path / "data/a") for name in each.images}
    assert tree == {path.name for path in walk_images(tmp_path / "data/a")} == {"1.jpg", "3.jpg"}


def test_a_folder_is_read_from_the_disk_once(tmp_path: Path) -> None:
    tree = ImageTree()
    touch(tmp_path, "a/1.jpg")
    assert tree.holds_images(tmp_path)
    touch(tmp_path, "a/2.jpg")
    assert tree.images(tmp_path / "a") == [tmp_path / "a/1.jpg"]


def test_a_folder_whose_only_images_cannot_be_read_here_holds_images(tmp_path: Path) -> None:
    touch(tmp_path, "a/b/notes.txt")
    assert not ImageTree().holds_images(tmp_path)
    (tmp_path / "a/b/photo.nef").write_bytes(b"II*\0")
    assert ImageTree().holds_images(tmp_path)


def test_images_have_a_line_with_size_and_time_unless_some_are_known_by_their_content_only(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "b/1.jpg", "b/2.Jpg", "c/notes.txt")
    os.utime(tmp_path / "a/1.jpg", ns=(0, 3_000_000_000))
    found = {each.path.name: each.states for each in ImageTree().below(tmp_path) if each.images}
    assert found == {"a": b"0 3000000000\n", "b": None}


def test_folders_beside_one_with_many_images_are_read_by_other_processes_and_found_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.Jpg", "b/notes.txt", "c/inner/1.png", "d/.hidden.jpg")
    (tmp_path / "d" / "broken.jpg").symlink_to(tmp_path / "nowhere")

    def found() -> list[tuple[object, ...]]:
        return [
            (each.path, each.folders, each.images, each.states, each.left_out) for each in ImageTree().below(tmp_path)
        ]

    expected = found()
    asked: list[str] = []

    def listed(paths: list[str], endings: tuple[str, ...]) -> dict[str, image_tree.Listing]:
        asked.extend(paths)
        return original(paths, endings)

    original = image_tree.list_folders
    monkeypatch.setattr(image_tree, "list_folders", listed)
    assert found() == expected
    assert asked == []
    monkeypatch.setattr(image_tree, "MANY_IMAGES", 8)  # four folders with two images in the first
    assert found() == expected
    assert asked == [str(tmp_path / name) for name in "bcd"]


def test_folders_that_other_processes_do_not_find_are_read_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a/1.jpg", "b/1.jpg")
    monkeypatch.setattr(image_tree, "MANY_IMAGES", 1)
    monkeypatch.setattr(image_tree, "list_folders", lambda paths, endings: {})
    assert [each.images for each in ImageTree().below(tmp_path)] == [(), ("1.jpg",), ("1.jpg",)]
