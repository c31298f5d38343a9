"""Images decoded anew in each epoch: the same batches, fingerprint and statistics as from the cache, bit for bit."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from harness.batches.device_copy import PlainCopier
from harness.batches.device_images import DeviceImages, batch_sizes, epoch_order
from harness.data.audits.auditing import audit_dataset
from harness.data.images import PreparedData
from harness.data.prepare import prepare_data
from harness.data.settings import DataSettings
from harness.faults.errors import TrialError
from harness.records.spec import DatasetSpec, ProviderSpec
from zoo.dataset import Dataset, FilePart, Split, Splits

CPU = torch.device("cpu")
NUM_TRAIN, NUM_TEST = 240, 20


def photo(seed: int, form: str) -> bytes:
    """An image of some size, as another file than its neighbour."""
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(9, 30)), int(rng.integers(9, 30)), 3)
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(buffer, form)
    return buffer.getvalue()


FILES = {
    name: [photo(seed + offset, "JPEG" if seed % 3 else "PNG") for seed in range(count)]
    for name, count, offset in (("train", NUM_TRAIN, 0), ("test", NUM_TEST, 10_000))
}
FILES["train"][17] = b"neither a JPEG nor anything else"
"""One training image is left out of every path."""


def as_bytes(name: str, folder: Path) -> list[Any]:
    return FILES[name]


def as_paths(name: str, folder: Path) -> list[Any]:
    (folder / name).mkdir()
    paths = [folder / name / f"{number}.img" for number in range(len(FILES[name]))]
    for path, content in zip(paths, FILES[name], strict=True):
        path.write_bytes(content)
    return list(paths)


def as_parts(name: str, folder: Path) -> list[Any]:
    """Two tar files, the images in turn."""
    places = []
    with ExitStack() as opened:
        archives = [
            opened.enter_context(tarfile.open(folder / f"{name}-{shard}.tar", "w"))  # the stack closes it
            for shard in range(2)
        ]
        for number, content in enumerate(FILES[name]):
            archive = archives[number % 2]
            info = tarfile.TarInfo(f"{number}.img")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
            places.append((number % 2, archive.offset - -(-len(content) // 512) * 512, len(content)))
    return [FilePart(path=folder / f"{name}-{shard}.tar", start=start, size=size) for shard, start, size in places]


SOURCES: dict[str, Callable[[str, Path], list[Any]]] = {"bytes": as_bytes, "paths": as_paths, "parts": as_parts}


@pytest.fixture
def prepare(tmp_path: Path) -> Callable[..., PreparedData]:
    """Prepare the images above from one kind of source; ``cache_limit=0`` keeps none of them decoded."""

    def run(
        source: str = "paths",
        *,
        cache: str = "cache",
        cache_limit: int | None = None,
        workers: int = 2,
        report: Callable[..., Any] = lambda *_: None,
    ) -> PreparedData:
        folder = tmp_path / source
        if not folder.exists():
            folder.mkdir()
            made.update({(source, name): SOURCES[source](name, folder) for name in FILES})
        given = {
            name: Split(
                encoded=made[source, name],
                labels=np.arange(len(FILES[name])) % 3,
                ids=[f"{name}/{number}" for number in range(len(FILES[name]))],
            )
            for name in FILES
        }
        splits = Splits(classes=("a", "b", "c"), train=given["train"], test=given["test"])
        dataset = Dataset(name="photos", load=lambda request: splits)
        settings = DataSettings(data_root=tmp_path, cache=tmp_path / cache, cache_limit=cache_limit)
        return prepare_data(dataset, SPEC, settings, report=report, num_workers=workers)

    made: dict[tuple[str, str], list[Any]] = {}
    return run


SPEC = DatasetSpec(full_name="t/photos", display_name="photos", provider=ProviderSpec(plugin="t"), image_size=12)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("workers", [1, 3])
def test_all_paths_give_the_same_batches_bit_for_bit(prepare, source, workers):
    """Resident, prefetched from the decoded file, and decoded anew, over shuffled epochs."""
    kept = prepare(source, workers=workers)
    streamed = prepare(source, workers=workers, cache_limit=0, cache="streamed")
    assert (kept.streamed, streamed.streamed) == (False, True)
    for name, batch in (("train", 32), ("val", 7), ("test", 20)):
        images, again = kept.load(name), streamed.load(name)
        paths = {
            "resident": DeviceImages(images, CPU, resident=True),
            "prefetched": DeviceImages(images, CPU, resident=False, copier=PlainCopier(CPU)),
            "decoded": DeviceImages(again, CPU, num_workers=workers),
            "decoded once": DeviceImages(again, CPU, resident=True, num_workers=workers),
        }
        assert [path.resident for path in paths.values()] == [True, False, False, True]
        sizes = batch_sizes(len(images), batch)
        for epoch in (1, 2):
            order_N = epoch_order(images.labels_N, "shuffle", seed=3, epoch=epoch)
            served = {path: list(data.batches(order_N, sizes)) for path, data in paths.items()}
            for path, found in served.items():
                for (one_BCHW, one_B), (other_BCHW, other_B) in zip(served["resident"], found, strict=True):
                    assert torch.equal(one_BCHW, other_BCHW), (name, path)
                    assert torch.equal(one_B, other_B), (name, path)
                    assert other_BCHW.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("source", SOURCES)
def test_facts_about_images_do_not_depend_on_their_location(prepare, source):
    kept, streamed = prepare(source), prepare(source, cache_limit=0, cache="streamed")
    assert kept.num_train == streamed.num_train == NUM_TRAIN - 1 - kept.num_val
    different = {"folder", "streamed", "notes"}
    assert kept.model_dump(exclude=different) == streamed.model_dump(exclude=different)
    assert set(kept.notes) < set(streamed.notes)
    (note,) = set(streamed.notes) - set(kept.notes)
    assert note == "images are decoded again in each epoch: decoded they take 112 kB, more than the limit of 0 bytes"
    for name in ("train", "val", "test"):
        assert np.array_equal(kept.load(name).samples_N, streamed.load(name).samples_N)


def test_files_in_a_tar_or_in_memory_have_the_fingerprint_of_files_in_a_folder(prepare):
    assert len({prepare(source).fingerprint for source in SOURCES}) == 1


def test_no_pixels_are_kept(prepare):
    streamed = prepare("paths", cache_limit=0)
    names = {path.name for path in Path(streamed.folder).iterdir()}
    assert not any("images" in name or "encoded" in name for name in names)
    assert "train-encoded.bin" in {path.name for path in Path(prepare("bytes", cache_limit=0).folder).iterdir()}


def test_too_little_space_is_a_reason_to_decode_in_each_epoch(prepare, monkeypatch):
    monkeypatch.setattr("harness.data.prepare.shutil.disk_usage", lambda path: type("Usage", (), {"free": 50_000})())
    said = []
    prepared = prepare(report=lambda message, share: said.append(message))
    assert prepared.streamed
    assert any("decoded they take 112 kB, but only 50 kB are free in" in sentence for sentence in said)


def test_the_size_on_the_disk_is_reported(prepare):
    said = []
    prepare(report=lambda message, share: said.append(message))
    assert "photos: decoding images, 112 kB in the cache" in said


def test_images_are_read_once_and_then_found(prepare, monkeypatch):
    first = prepare(cache_limit=0)
    monkeypatch.setattr("harness.data.prepare.read_images", lambda *_, **__: pytest.fail("read again"))
    assert prepare(cache_limit=0) == first


def test_decoded_images_in_the_cache_are_used_regardless_of_the_limit(prepare):
    assert prepare(cache_limit=0).streamed
    kept = prepare()
    assert not kept.streamed
    assert prepare(cache_limit=0) == kept


def test_a_file_that_changes_after_it_was_prepared_ends_the_trial_and_is_named(prepare, tmp_path):
    data = DeviceImages(prepare(cache_limit=0).load("test"), CPU)
    changed = tmp_path / "paths" / "test" / "3.img"
    changed.write_bytes(FILES["test"][4])
    with pytest.raises(TrialError, match=r"image 3 in .*3\.img could be read .* has changed since") as caught:
        list(data.batches(torch.arange(NUM_TEST), [NUM_TEST]))
    assert caught.value.kind == "data"
    changed.unlink()
    with pytest.raises(TrialError, match=r"3\.img .* No such file"):
        list(data.batches(torch.arange(NUM_TEST), [NUM_TEST]))


def test_a_moved_cache_still_finds_its_packed_images(prepare, tmp_path):
    prepare("bytes", cache_limit=0)
    (tmp_path / "cache").rename(tmp_path / "moved")
    packed = list((tmp_path / "moved").rglob("*.bin"))
    assert packed
    for path in packed:
        os.utime(path, ns=(1, 1))
    moved = prepare("bytes", cache_limit=0, cache="moved")
    assert len(next(DeviceImages(moved.load("train"), CPU).batches(torch.arange(9), [9]))[0]) == 9


def test_a_path_of_odd_bytes_is_read(tmp_path):
    odd = tmp_path / os.fsdecode(b"line\nfeed \xff.jpg")
    odd.write_bytes(FILES["train"][0])
    from harness.data.streaming_index import EncodedIndex, write_index

    write_index(tmp_path, "train", [b"first", odd, FilePart(path=odd, start=2, size=5), b"", b"last"])
    index = EncodedIndex(tmp_path, "train")
    content = FILES["train"][0]
    assert [index.read(number) for number in range(5)] == [b"first", content, content[2:7], b"", b"last"]
    assert index.path(1) == odd


def test_one_image_and_a_slice_are_arrays(prepare):
    kept, streamed = (prepare(cache_limit=limit, cache=str(limit)).load("test").images_NHWC for limit in (None, 0))
    for places in (0, 7, -1, -NUM_TEST, slice(3, 9), slice(-3, None), slice(None, None, 5)):
        assert np.array_equal(kept[places], streamed[places])


def test_an_audit_is_the_same_where_no_pixels_are_kept(prepare, tmp_path, monkeypatch):
    def audit(cache: str) -> dict[str, Any]:
        splits = {
            name: Split(encoded=FILES[name], labels=np.arange(len(FILES[name])) % 3) for name in ("train", "test")
        }
        dataset = Dataset(name="photos", load=lambda request: Splits(classes=("a", "b", "c"), **splits))
        made = audit_dataset(
            dataset, SPEC, DataSettings(data_root=tmp_path, cache=tmp_path / cache), report=lambda *_: None
        )
        return made.model_dump(exclude={"notes"})

    kept = audit("kept")
    monkeypatch.setattr("harness.data.prepare.shutil.disk_usage", lambda path: type("Usage", (), {"free": 60_000})())
    assert audit("streamed") == kept
    assert list((tmp_path / "streamed").glob("*-streamed"))


def test_training_is_the_same_bit_for_bit(prepare, fit, make_net, equal):
    nets = []
    for cache_limit, cache in ((None, "cache"), (0, "streamed")):
        nets.append(make_net(classes=3))
        fit(prepare(cache_limit=cache_limit, cache=cache), nets[-1], crop_padding=0.1)
    assert equal(*nets)
