"""Fuzzing of what people hand over beside records and images: predictions, lists, indexes, requests, caches.

Each reader returns, or raises the error that it promises. The examples are few in the ordinary tests; ``tox -e fuzz``
tries many more.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.given.columns import read_columns
from harness.planning.class_mapping import read_class_map
from harness.records.study_file import StudyFile, read_study
from plugins.datasets.torchvision_sets import zoo_datasets
from zoo import DataRequest
from zoo.api.plugin_index import read_index
from zoo.calling import unfinished
from zoo.cli.options.class_names import classes_of
from zoo.errors import ZooError
from zoo.files.cache import cached_json

from .fuzzing import FUZZ, JSON, damaged, only_zoo_errors, saved

IDS, SCORES = ["a", "b", "c"], [[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]]
ROWS = [{"id": name, "prediction": number} for number, name in enumerate(IDS)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one file that is written again and again."""
    return tmp_path


def _npz(**options: Any) -> bytes:
    arrays = {"id": np.array(IDS), "probabilities": np.array(SCORES), "classes": np.array(["cat", "dog"])}
    return saved(lambda file: (np.savez_compressed if options.get("compressed") else np.savez)(file, **arrays))


def _parquet() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    return saved(lambda file: pq.write_table(pa.table({"id": IDS, "scores": SCORES}), file))


CSV = b'id,prediction,cat,dog\na,1,0.5,0.5\n"b, c",0,1e-3,0.999\n'
PREDICTIONS = {
    ".csv": damaged(CSV) | st.text(st.sampled_from('id,predcton;\t|"\n\r0.-e²'), max_size=80).map(str.encode),
    ".tsv": damaged(CSV.replace(b",", b"\t")),
    ".json": damaged(json.dumps(ROWS).encode()) | JSON.map(lambda value: json.dumps(value).encode()),
    ".npz": damaged(_npz()) | damaged(_npz(compressed=True)),
    ".parquet": damaged(_parquet()),
}


@pytest.mark.parametrize("suffix", PREDICTIONS)
@FUZZ
@given(data=st.data())
def test_predictions_made_elsewhere(folder: Path, suffix: str, data: st.DataObject) -> None:
    content = data.draw(PREDICTIONS[suffix])
    (folder / f"p{suffix}").write_bytes(content)
    found = only_zoo_errors(lambda: read_columns(folder / f"p{suffix}"))
    assert found is None or len({len(values) for values in found.by_name.values()}) == 1


@pytest.mark.filterwarnings("ignore::UserWarning")
@FUZZ
@given(rows=st.lists(st.dictionaries(st.sampled_from(["id", "prediction", "cat", "label"]), JSON), max_size=3))
def test_predictions_with_odd_values(folder: Path, rows: list[dict[str, Any]]) -> None:
    for value in (rows, {str(number): row for number, row in enumerate(rows)}, {"rows": rows}):
        (folder / "p.json").write_text(json.dumps(value))
        only_zoo_errors(lambda: read_columns(folder / "p.json"))


@FUZZ
@given(content=st.binary(max_size=200) | st.text(st.sampled_from('cat,"\n\r\0 ;'), max_size=40).map(str.encode))
def test_class_maps_and_lists_of_classes(folder: Path, content: bytes) -> None:
    (folder / "map.csv").write_bytes(content)
    only_zoo_errors(lambda: read_class_map(str(folder / "map.csv")))
    only_zoo_errors(lambda: classes_of(str(folder / "map.csv")))


@FUZZ
@given(text=st.text(max_size=40))
def test_options_that_name_classes(text: str) -> None:
    only_zoo_errors(lambda: classes_of(text))
    only_zoo_errors(lambda: read_class_map(text))


@FUZZ
@given(value=JSON, fields=st.dictionaries(st.sampled_from(["distribution", "version", "plugins", "keywords"]), JSON))
def test_plugin_indexes(folder: Path, value: Any, fields: dict[str, Any]) -> None:
    for data in (value, {"schema_version": 1, "plugins": value}, {"schema_version": 1, "plugins": [fields, value]}):
        (folder / "index.json").write_text(json.dumps(data))
        for entry in only_zoo_errors(lambda: read_index(folder / "index.json")) or ():
            assert entry.matches(["x"]) in (True, False)


@FUZZ
@given(content=st.binary(max_size=200))
def test_plugin_indexes_that_are_no_json(folder: Path, content: bytes) -> None:
    (folder / "index.json").write_bytes(content)
    only_zoo_errors(lambda: read_index(folder / "index.json"))


@FUZZ
@given(fields=st.dictionaries(st.sampled_from(sorted(StudyFile.model_fields)), JSON), content=st.binary(max_size=80))
def test_files_of_searches(folder: Path, fields: dict[str, Any], content: bytes) -> None:
    for written in (json.dumps(fields).encode(), content):
        (folder / "study-x-r0.json").write_bytes(written)
        only_zoo_errors(lambda: read_study(folder / "study-x-r0.json"))


@FUZZ
@given(value=JSON, content=st.binary(max_size=80))
def test_what_zoo_keeps_for_itself_is_made_anew(folder: Path, value: Any, content: bytes) -> None:
    from harness.data.cache.feature_files import FEATURE_FACTS_FILE, FeatureFolder

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(folder))
        kept = FeatureFolder("net", {"weights": "w"})
        assert kept.path is not None
        kept.path.mkdir(parents=True, exist_ok=True)
        (folder / unfinished.FOLDER).mkdir(exist_ok=True)
        for written in (json.dumps(value).encode(), content):
            (folder / "names.json").write_bytes(written)
            assert isinstance(cached_json("names", dict), dict)
            (kept.path / FEATURE_FACTS_FILE).write_bytes(written)
            assert isinstance(kept.read_facts() or {}, dict)
            (kept.path / "test.npy").write_bytes(written)
            assert kept.read("test", num_images=3) is None
            note = folder / unfinished.FOLDER / f"{unfinished._host()}-1-1.json"
            note.write_bytes(written)
            assert all(each.sentence for each in unfinished.find_unfinished())


FEATURES = saved(lambda file: np.save(file, np.zeros((3, 2), dtype=np.float32)))


@FUZZ
@given(content=damaged(FEATURES))
def test_damaged_features(folder: Path, content: bytes) -> None:
    from harness.data.cache.feature_files import FeatureFolder

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(folder))
        kept = FeatureFolder("net", {"weights": "w"})
        assert kept.path is not None
        kept.path.mkdir(parents=True, exist_ok=True)
        (kept.path / "test.npy").write_bytes(content)
        found = kept.read("test", num_images=3)
        assert found is None or (len(found) == 3 and found.dtype == np.float32)


SHAPES = saved(lambda file: np.save(file, np.array([[0, 2, 3], [18, 1, 1]], dtype=np.int64)))


@FUZZ
@given(shapes=damaged(SHAPES), length=st.integers(1, 30))
def test_damaged_packed_photographs(folder: Path, shapes: bytes, length: int) -> None:
    from harness.data.photographs.packed import PackedImages

    (folder / "test-shapes.npy").write_bytes(shapes)
    (folder / "test-whole.bin").write_bytes(bytes(length))
    try:
        images = PackedImages(folder, "test", channels=3)
    except (OSError, ValueError):
        return
    for index in range(len(images)):
        assert images[index].ndim == 3


def _state() -> bytes:
    import torch

    from harness.training.state import TrainingState

    return TrainingState(epoch=2, tree={"weights": torch.ones(2, 3).t(), "steps": [1, (2.5, None)]}).to_bytes()


STATE = _state()


@FUZZ
@given(content=damaged(STATE), layout=JSON)
def test_damaged_training_states(content: bytes, layout: Any) -> None:
    import torch
    from safetensors.torch import save

    from harness.training.state import VERSION, TrainingState

    only_zoo_errors(lambda: TrainingState.from_bytes(content))
    for tree in (layout, {"dict": layout}, {"tensor": ["0", layout]}, {"tensor": ["0", [2**40, 1]]}):
        text = json.dumps({"version": VERSION, "epoch": 1, "tree": tree})
        with suppress(UnicodeEncodeError):
            odd = save({"0": torch.ones(2, 3)}, metadata={"training_state": text})
            only_zoo_errors(lambda odd=odd: TrainingState.from_bytes(odd))  # type: ignore[misc]


SETS = {dataset.name: dataset for dataset in zoo_datasets()}
_BATCH = pickle.dumps({"data": np.zeros((4, 3072), dtype=np.uint8), "labels": [0, 1, 2, 3]}, protocol=2)
_META = pickle.dumps({"label_names": [f"c{number}" for number in range(10)]}, protocol=2)


@FUZZ
@given(batch=damaged(_BATCH), meta=st.just(_META) | damaged(_META))
def test_damaged_published_sets_of_pickles(folder: Path, batch: bytes, meta: bytes) -> None:
    root = folder / "cifar-10-batches-py"
    root.mkdir(exist_ok=True)
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        (root / name).write_bytes(batch)
    (root / "batches.meta").write_bytes(meta)
    request = DataRequest(argument="", root=folder, options={}, download=False, report=lambda *_: None)
    only_zoo_errors(lambda: SETS["cifar10"].load(request))


def _idx(*shape: int) -> bytes:
    head = bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
    return head + bytes(int(np.prod(shape)))


@FUZZ
@given(images=damaged(_idx(3, 28, 28)), labels=damaged(_idx(3)))
def test_damaged_published_sets_of_arrays(folder: Path, images: bytes, labels: bytes) -> None:
    root = folder / "MNIST" / "raw"
    root.mkdir(parents=True, exist_ok=True)
    for prefix in ("train", "t10k"):
        (root / f"{prefix}-images-idx3-ubyte").write_bytes(images)
        (root / f"{prefix}-labels-idx1-ubyte").write_bytes(labels)
    request = DataRequest(argument="", root=folder, options={}, download=False, report=lambda *_: None)
    only_zoo_errors(lambda: SETS["mnist"].load(request))


FORM = (
    b'--x\r\nContent-Disposition: form-data; name="images"; filename="a.png"\r\nContent-Type: image/png\r\n\r\nabc\r\n'
    b"--x--\r\n"
)
TYPES = st.sampled_from([
    "multipart/form-data; boundary=x", "multipart/form-data", "application/json", "image/png", "", "text/html",
    "application/x-www-form-urlencoded", "multipart/form-data; boundary=" + "y" * 300, "\x80;=,;",
])  # fmt: skip
BODIES = damaged(FORM) | JSON.map(lambda value: json.dumps({"images": value}).encode()) | st.binary(max_size=200)


@FUZZ
@given(kind=TYPES, length=st.sampled_from(["", "5", "-1", "9" * 30, "²", "x"]), body=BODIES, cut=st.integers(1, 50))
def test_bodies_of_requests(kind: str, length: str, body: bytes, cut: int) -> None:
    pytest.importorskip("starlette", reason="the extra serve is not installed")
    from harness.serving.bodies import read_images
    from harness.serving.limits import Limits, Refusal

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), cut):
            yield body[start : start + cut]

    with suppress(Refusal):
        assert asyncio.run(read_images(kind, length, chunks(), Limits(), lambda num_bytes: None))


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
@FUZZ
@given(value=JSON, content=st.binary(max_size=80))
def test_signatures(tmp_path_factory: pytest.TempPathFactory, value: Any, content: bytes) -> None:
    from reports.publishing.signatures import FOLDER, check_signatures

    store = tmp_path_factory.mktemp("store")
    (store / FOLDER).mkdir()
    (store / "allowed").write_bytes(b"me ssh-ed25519 AAAA\n" + content)
    (store / FOLDER / "a.json").write_text(json.dumps({"trials": value}))
    (store / FOLDER / "a.json.sig").write_bytes(content)
    check = only_zoo_errors(lambda: check_signatures(store, store / "allowed"))
    assert not check.signers
    shutil.rmtree(store)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key that may sign."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    path = tmp_path_factory.mktemp("key") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


@FUZZ
@given(value=JSON)
def test_what_a_known_signer_signs_may_be_odd(key: Path, tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    from reports.publishing import signatures

    store = tmp_path_factory.mktemp("store")
    for name in ("record.json", "..", "/etc/passwd"):
        content = json.dumps({"trials": value if name == "record.json" else {name: "0" * 64}}).encode()
        (store / signatures.FOLDER).mkdir(exist_ok=True)
        path = store / signatures.FOLDER / f"a{len(name)}.json"
        path.write_bytes(content)
        signed = signatures._run(["-Y", "sign", "-f", str(key), "-n", signatures.NAMESPACE, "-q"], content)
        path.with_name(f"{path.name}.sig").write_bytes(signed)
    (store / "allowed").write_text(f"me {key.with_suffix('.pub').read_text()}")
    check = only_zoo_errors(lambda: signatures.check_signatures(store, store / "allowed"))
    assert not check.signers
    assert len(check.problems) >= 2
    shutil.rmtree(store)


def test_a_reader_that_fails_otherwise_is_found() -> None:
    with pytest.raises(KeyError):
        only_zoo_errors(lambda: {}["x"])
    with pytest.raises(BaseException, match="has no sentence"):
        only_zoo_errors(lambda: (_ for _ in ()).throw(ZooError(" ")))
