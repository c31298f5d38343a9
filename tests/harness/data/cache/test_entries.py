"""The cache: what is ours is listed and removed, what is used or foreign stays, and no link is followed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from harness.data.cache.clearing import clear
from harness.data.cache.entries import CacheEntry, list_cache
from harness.data.cache_layout import lock_of, using
from harness.data.images import PreparedData
from harness.data.prepare import prepare_data
from harness.data.settings import DataSettings
from harness.records.spec import DatasetSpec, ProviderSpec
from harness.records.trial_lock import LOCK_FILE
from zoo.dataset import Dataset, Split, Splits
from zoo.errors import DataError


def prepared(root: Path, name: str = "dots", *, count: int = 20) -> PreparedData:
    images = np.random.default_rng(0).integers(0, 256, (count, 4, 4, 1), dtype=np.uint8)
    split = Split(images=images, labels=np.arange(count) % 2)
    dataset = Dataset(name=name, load=lambda request: Splits(classes=("a", "b"), train=split))
    spec = DatasetSpec(full_name=f"t/{name}", display_name=name, provider=ProviderSpec(plugin="t"))
    return prepare_data(dataset, spec, DataSettings(data_root=root, cache=root / "decoded"), report=lambda *_: None)


def entries(root: Path) -> list[CacheEntry]:
    return list_cache(root, now=time.time())


def write(path: Path, size: int = 10, *, age: float = 0.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def everything(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() and path.suffix != ".lock"}


def test_a_decoded_data_set_is_listed_with_its_size_and_images(tmp_path: Path) -> None:
    folder = Path(prepared(tmp_path).folder)
    (entry,) = entries(tmp_path)
    assert (entry.name, entry.kind, entry.title, entry.num_images) == (folder.name, "decoded", "dots", 20)
    assert entry.path == folder
    assert entry.num_bytes == sum(path.stat().st_size for path in folder.iterdir())
    assert time.time() - entry.last_used < 60
    assert not entry.in_use


def test_using_a_data_set_again_is_remembered(tmp_path: Path) -> None:
    facts = Path(prepared(tmp_path).folder) / "data.json"
    os.utime(facts, (1e9, 1e9))
    assert entries(tmp_path)[0].last_used == 1e9
    prepared(tmp_path)
    assert time.time() - entries(tmp_path)[0].last_used < 60


def test_each_kind_is_listed_and_cleared_by_itself(tmp_path: Path) -> None:
    prepared(tmp_path)
    write(tmp_path / "timm-1.0-models-2.json")
    write(tmp_path / "torchvision-0.29.2+cu132-models-2.json")
    write(tmp_path / "tuning" / f"{'a' * 32}.json", 30)
    write(tmp_path / "tar" / f"{'b' * 20}.json", 40)
    write(tmp_path / "compiled" / "ab" / "kernel.so", 50)
    write(tmp_path / "tuning" / ".tmp-x.json", 60, age=7200)
    write(tmp_path / "data" / "cifar10" / "train.bin", 70)
    found = {entry.name: entry for entry in entries(tmp_path) if entry.kind != "decoded"}
    assert {name: entry.num_bytes for name, entry in found.items()} == {
        "models": 20, "tuning": 30, "tar": 40, "compile": 50, "leftovers": 60, "downloads": 70
    }  # fmt: skip
    for name, entry in found.items():
        before = everything(tmp_path)
        done = clear(entry)
        gone = before - everything(tmp_path)
        if name == "downloads":
            assert (gone, done.num_bytes, "not made by zoo" in done.left_because) == (set(), 0, True)
        else:
            assert (len(gone), done.num_bytes, done.left_because) == (2 if name == "models" else 1, entry.num_bytes, "")


def test_cleared_entries_are_made_again(tmp_path: Path) -> None:
    first = prepared(tmp_path)
    size = entries(tmp_path)[0].num_bytes
    assert clear(entries(tmp_path)[0]).num_bytes == size
    assert entries(tmp_path) == []
    assert everything(tmp_path) == set()
    assert prepared(tmp_path) == first


def test_entries_in_use_are_reported_and_kept(tmp_path: Path) -> None:
    folder = Path(prepared(tmp_path).folder)
    with using([folder]), using([folder, folder]):
        assert entries(tmp_path)[0].in_use
        assert clear(entries(tmp_path)[0]).left_because == "it is in use"
    assert not entries(tmp_path)[0].in_use
    with FileLock(lock_of(folder)):
        assert entries(tmp_path)[0].in_use
        assert clear(entries(tmp_path)[0]).left_because == "it is in use"
    assert folder.is_dir()
    assert not list(tmp_path.rglob("*.use-*"))
    assert clear(entries(tmp_path)[0]).left_because == ""


def test_a_user_that_was_killed_keeps_nothing_in_use(tmp_path: Path) -> None:
    folder = Path(prepared(tmp_path).folder)
    program = f"""
import sys, time
from pathlib import Path
from harness.data.cache_layout import using
with using([Path({str(folder)!r})]):
    print("holds", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert entries(tmp_path)[0].in_use
        holder.kill()
    assert list(tmp_path.rglob("*.use-*"))
    assert not entries(tmp_path)[0].in_use
    assert not list(tmp_path.rglob("*.use-*"))


def test_using_what_has_been_removed_is_an_error_and_not_a_failed_trial(tmp_path: Path) -> None:
    folder = Path(prepared(tmp_path).folder)
    clear(entries(tmp_path)[0])
    with pytest.raises(DataError, match="the same command prepares it again"), using([folder]):
        pass


def test_leftovers_of_dead_processes_are_cleared_and_files_of_live_ones_are_not(tmp_path: Path) -> None:
    folder = Path(prepared(tmp_path).folder)
    left = folder.parent / f".tmp-{folder.name}-abcdef"
    write(left / "train-images.npy", 500)
    with FileLock(lock_of(folder)):
        assert {entry.kind for entry in entries(tmp_path)} == {"decoded"}
    (entry,) = (entry for entry in entries(tmp_path) if entry.kind == "leftovers")
    with using([folder]):  # of what was prepared after it
        assert clear(entry).num_bytes == 500
    assert not left.exists()
    assert folder.is_dir()
    write(tmp_path / ".tmp-young.json")
    assert {entry.kind for entry in entries(tmp_path)} == {"decoded"}


Foreign = Callable[[Path, Path], None]


def add_file(folder: Path, outside: Path) -> None:
    write(folder / "thesis.txt")


def add_folder(folder: Path, outside: Path) -> None:
    write(folder / "train-images.npy.d" / "thesis.txt")


def add_link(folder: Path, outside: Path) -> None:
    (folder / "val-encoded.bin").symlink_to(outside / "thesis.txt")


@pytest.mark.parametrize("add", [add_file, add_folder, add_link])
def test_a_folder_with_something_foreign_in_it_is_left_as_it_is(tmp_path: Path, add: Foreign) -> None:
    outside = tmp_path / "outside"
    write(outside / "thesis.txt")
    folder = Path(prepared(tmp_path / "cache").folder)
    add(folder, outside)
    before = everything(tmp_path)
    done = clear(entries(tmp_path / "cache")[0])
    assert done.left_because.startswith("it holds files that are not of zoo: ")
    assert done.num_bytes == 0
    assert everything(tmp_path) == before


def test_links_are_neither_listed_nor_followed(tmp_path: Path) -> None:
    elsewhere, root = tmp_path / "elsewhere", tmp_path / "cache"
    folder = Path(prepared(elsewhere).folder)
    root.mkdir()
    (root / "decoded").symlink_to(elsewhere / "decoded")
    (root / "compiled").symlink_to(elsewhere)
    assert entries(root) == []
    (root / "decoded").unlink()
    (root / "compiled").unlink()
    (root / "decoded").mkdir()
    (root / "decoded" / folder.name).symlink_to(folder)
    (root / "timm-1-models-2.json").symlink_to(folder / "data.json")
    assert entries(root) == []
    write(root / "compiled" / "own")
    (root / "compiled" / "link").symlink_to(elsewhere)
    before = everything(elsewhere)
    assert clear(entries(root)[0]).left_because == ""
    assert everything(elsewhere) == before
    assert not (root / "compiled").exists()


def test_unknown_files_are_neither_listed_nor_touched(tmp_path: Path) -> None:
    for name in ("notes.json", "decoded/mine.txt", "decoded/my-data/train-images.npy", "tuning/mine.json", "x/y"):
        write(tmp_path / name)
    assert entries(tmp_path) == []
    assert list_cache(tmp_path / "absent", now=0) == []


def test_leftovers_of_a_remote_bench_are_cleared_unless_one_of_its_trials_is_running(tmp_path: Path) -> None:
    for bench in ("a" * 20, "b" * 20):
        folder = tmp_path / "remote" / bench / "net--s0"
        folder.mkdir(parents=True)
        (folder / "checkpoint.safetensors").write_bytes(b"x" * 1000)
        (folder / LOCK_FILE).touch()
    (tmp_path / "remote" / "plugins").mkdir()  # a bench that runs may need them
    with FileLock(tmp_path / "remote" / ("b" * 20) / "net--s0" / LOCK_FILE):
        entries = [entry for entry in list_cache(tmp_path, now=time.time()) if entry.kind == "remote"]
        assert [(entry.name, entry.num_bytes, entry.in_use) for entry in entries] == [
            ("a" * 20, 1000, False),
            ("b" * 20, 1000, True),
        ]
        free, used = (clear(entry) for entry in entries)
    assert (free.num_bytes, free.left_because) == (1000, "")
    assert used.left_because == "it is in use"
    assert sorted(path.name for path in (tmp_path / "remote").iterdir()) == ["b" * 20, "plugins"]


def given(root: Path, name: str = f"plants-{'a' * 16}") -> Path:
    write(root / "given" / name / "train.parquet", 70)
    write(root / "given" / name / "notes.json", 30)
    return root / "given" / name


def test_images_given_in_python_are_listed_under_the_name_of_their_dataset_and_cleared(tmp_path: Path) -> None:
    folder = given(tmp_path)
    write(tmp_path / "given" / "mine" / "train.parquet")
    (entry,) = entries(tmp_path)
    assert (entry.name, entry.kind, entry.title, entry.num_bytes) == (folder.name, "given", f"given:{folder.name}", 100)
    done = clear(entry)
    assert (done.num_bytes, done.left_because) == (100, "")
    assert everything(tmp_path) == {"given/mine/train.parquet"}


def test_images_given_in_python_stay_while_trials_use_what_was_prepared_of_them(tmp_path: Path) -> None:
    folder = given(tmp_path)
    data = prepared(tmp_path, f"given-{folder.name}")
    with using([Path(data.folder)]):
        (entry,) = (each for each in entries(tmp_path) if each.kind == "given")
        assert (entry.in_use, clear(entry).left_because) == (True, "it is in use")
    (entry,) = (each for each in entries(tmp_path) if each.kind == "given")
    assert not entry.in_use


def test_given_images_beside_something_foreign_are_kept(tmp_path: Path) -> None:
    folder = given(tmp_path)
    write(folder / "thesis.txt")
    (entry,) = entries(tmp_path)
    assert "'thesis.txt'" in clear(entry).left_because
    assert (folder / "train.parquet").exists()


def test_what_a_killed_process_was_given_is_left_over_after_an_hour(tmp_path: Path) -> None:
    old, young = tmp_path / "given" / ".tmp-old", tmp_path / "given" / ".tmp-young"
    for folder, age in ((old, 7200), (young, 0)):
        write(folder / "train.parquet", age=age)
        os.utime(folder, (time.time() - age, time.time() - age))
    (entry,) = entries(tmp_path)
    assert (entry.path, entry.kind, clear(entry).left_because) == (old, "leftovers", "")
    assert everything(tmp_path) == {"given/.tmp-young/train.parquet"}


def test_data_with_ids_and_groups_are_cleared_as_a_whole(tmp_path: Path) -> None:
    prepared(tmp_path)
    write(next((tmp_path / "decoded").glob("dots-*/")) / "test-groups.npy")
    assert any(name.endswith("test-ids.npy") for name in everything(tmp_path))
    assert clear(entries(tmp_path)[0]).left_because == ""
    assert everything(tmp_path) == set()
