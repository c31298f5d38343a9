"""Folders and the images in them."""

from __future__ import annotations

from pathlib import Path

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
