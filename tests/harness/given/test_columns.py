"""Files of predictions: each kind gives the same columns, and whatever else a file may hold is one sentence."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.given.columns import Columns, check_names, read_columns, without_endings
from zoo.errors import DataError

IDS, CLASSES, SCORES = ["b", "a"], [1, 0], [[0.25, 0.75], [0.5, 0.5]]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def values(columns: Columns) -> dict[str, list[Any]]:
    return {name: array.tolist() for name, array in columns.by_name.items()}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.npz", npz(id=IDS, prediction=CLASSES)),
        ("p.npz", npz(id=np.array(IDS, dtype="S1"), prediction=CLASSES)),
        ("p.parquet", parquet(id=IDS, prediction=CLASSES)),
        ("p.json", json.dumps([{"id": "b", "prediction": 1}, {"prediction": 0, "id": "a"}])),
        ("p.json", json.dumps({"id": IDS, "prediction": CLASSES})),
        ("p.json", "\ufeff" + json.dumps({"id": IDS, "prediction": CLASSES})),
        ("p.npz", npz(id=np.array(IDS)[:, None], prediction=np.array(CLASSES)[:, None])),
        ("p.jsonl", '{"id": "b", "prediction": 1}\n\n{"prediction": 0, "id": "a"}\n'),
        ("p.jsonl.GZ", gzip.compress(b'{"id": "b", "prediction": 1}\n{"prediction": 0, "id": "a"}\n', mtime=0)),
        ("p.npz", npz(id=IDS, prediction=CLASSES, epoch=np.array(3))),
        ("p.json", json.dumps({"model": "net", "id": IDS, "prediction": CLASSES, "epoch": 3})),
    ],
)
def test_each_kind_of_file_has_the_same_columns(tmp_path: Path, name: str, content: str | bytes) -> None:
    assert values(read_columns(write(tmp_path / name, content))) == {"id": IDS, "prediction": CLASSES}


def test_json_may_give_the_class_of_each_id(tmp_path: Path) -> None:
    found = read_columns(write(tmp_path / "P.JSON", json.dumps({"b": 1, "a": 0})))
    assert values(found) == {"id": IDS, "class": CLASSES}


@pytest.mark.parametrize(
    "text",
    [
        "id,prediction\nb,1\na,0\n",
        "\ufeffid;prediction\r\nb; 1\r\n\r\na;0",
        "id\tprediction\nb\t1\na\t0\n",
        "# by net\nid,prediction\nb,1\na,0\n",
        "id,prediction\rb,1\ra,0\r",
        "sep=;\r\nid;prediction\r\nb;1\r\na;0\r\n",
    ],
)
def test_cells_of_a_narrow_csv_file_stay_text(tmp_path: Path, text: str) -> None:
    for name, encoding in (("p.csv", "utf-8"), ("p.txt", "utf-8"), ("p.csv", "utf-16")):
        found = values(read_columns(write(tmp_path / name, text.removeprefix("\ufeff").encode(encoding))))
        assert found == {"id": IDS, "prediction": ["1", "0"]}


def test_scores_of_a_wide_csv_file_are_numbers_and_its_words_stay_words(tmp_path: Path) -> None:
    text = "id,model,cat,dog,cow\n007,net,0.5,0.25,0.25\n8,net,1e-3,0,0.999\n"
    found = read_columns(write(tmp_path / "p.csv", text))
    assert values(found) == {
        "id": ["007", "8"],
        "model": ["net", "net"],
        "cat": [0.5, 0.001],
        "dog": [0.25, 0.0],
        "cow": [0.25, 0.999],
    }


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.npz", npz(id=IDS, probabilities=SCORES, classes=["cat", "dog"])),
        ("p.json", json.dumps({"id": IDS, "probabilities": SCORES, "classes": ["cat", "dog"]})),
    ],
)
def test_matrices_and_the_classes_that_a_file_states(tmp_path: Path, name: str, content: str | bytes) -> None:
    found = read_columns(write(tmp_path / name, content))
    assert values(found) == {"id": IDS, "probabilities": SCORES}
    assert found.classes == ("cat", "dog")


def test_lists_in_parquet_and_in_json_by_id_are_matrices(tmp_path: Path) -> None:
    lists = read_columns(write(tmp_path / "p.parquet", parquet(id=IDS, scores=SCORES)))
    assert values(lists) == {"id": IDS, "scores": SCORES}
    assert values(read_columns(write(tmp_path / "p.json", json.dumps(dict(zip(IDS, SCORES, strict=True)))))) == {
        "id": IDS,
        "scores": SCORES,
    }


def test_json_may_give_the_score_of_each_class_for_each_id(tmp_path: Path) -> None:
    content = json.dumps({"b": {"cat": 0.25, "dog": 0.75}, "a": {"dog": 0.5, "cat": 0.5}})
    found = read_columns(write(tmp_path / "p.json", content))
    assert values(found) == {"id": IDS, "cat": [0.25, 0.5], "dog": [0.75, 0.5]}


def test_a_file_has_a_checksum(tmp_path: Path) -> None:
    one, two = (read_columns(write(tmp_path / "p.csv", f"id,class\na,{n}\n")) for n in (1, 2))
    assert len(one.sha256) == 64
    assert one.sha256 != two.sha256


class Bomb:
    """Pickled, it would make a file where it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def test_pickled_objects_are_refused_and_never_run(tmp_path: Path) -> None:
    harm = tmp_path / "harm"
    content = npz(id=np.array(IDS), prediction=np.array([Bomb(harm), Bomb(harm)], dtype=object))
    with pytest.raises(DataError, match=r"p\.npz cannot be read: it has an array of Python objects, which are"):
        read_columns(write(tmp_path / "p.npz", content))
    with pytest.raises(DataError, match="cannot be read"):
        read_columns(write(tmp_path / "q.npz", pickle.dumps(Bomb(harm))))
    assert not harm.exists()


def test_an_archive_that_unpacks_to_more_than_a_table_may_have_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("id.npy", b"x")
    content = bytearray(buffer.getvalue())
    place = content.rindex(b"PK\x01\x02") + 24  # the uncompressed size in the directory
    content[place : place + 4] = (4_100_000_000).to_bytes(4, "little")
    with pytest.raises(DataError, match=r"its arrays take 4\.1 GB"):
        read_columns(write(tmp_path / "p.npz", bytes(content)))


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("p.md", "x", "expected a file that ends in .csv, .tsv, .txt, .parquet, .npz, .json, .jsonl, .ndjson"),
        ("p.gz", "x", "expected a file that ends in .csv, "),
        ("p.csv.gz", "id,prediction\na,1\n", "Not a gzipped file"),
        ("p.csv.gz", gzip.compress(b"id,prediction\na,1\n", mtime=0)[:-9], "p.csv.gz cannot be read: "),
        ("p.csv", "", "its first line must name at least two columns"),
        ("p.csv", "0,3\n1,8\n", "its first line must name at least two columns, such as id,prediction"),
        ("p.csv", "id,prediction\n", "it holds no predictions"),
        ("p.csv", "id,prediction\na,1\nb\n", "line 3 has 1 fields, but the first has 2"),
        ("p.csv", "id,id\na,1\n", "two columns are called 'id'"),
        ("p.csv", "id,a,b,c\nx,1,2,3\ny,1,zwei,3\n", "line 3 holds 'zwei', which is not a number"),
        ("p.csv", b"id,prediction\n\xff,1\n", "it is not text in UTF-8"),
        ("p.parquet", "id", "it is not a Parquet file"),
        ("p.npz", "id", "p.npz cannot be read: "),
        ("p.npz", npz(id=IDS, prediction=[1]), "its columns have different lengths: id 2, prediction 1"),
        ("p.npz", npz(id=IDS, scores=np.zeros((2, 2, 2))), "its array 'scores' is float64 of shape [2, 2, 2]"),
        ("p.json", "[1, 2]", "expected a list of objects with id and prediction"),
        ("p.json", "{", "p.json cannot be read: "),
        ("p.json", "[" * 100_000, "it nests too deeply"),
        ("p.json", '{"id": ["a"], "prediction": [null]}', "a column holds nothing, where numbers or text are expected"),
        ("p.json", '{"a": [1, 2], "b": [1]}', "row 2 has another number of scores than the first, which has 2"),
        ("p.json", '{"a": [1, "2"]}', "the scores of row 1 are not all numbers"),
        ("p.json", '[{"id": 1, "prediction": 2}, {"id": 1}]', "its object 2 has other keys than the first"),
        ("p.json", '{"id": ["a"], "prediction": [1], "classes": ["x", "x"]}', "have the same name"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, name: str, content: str | bytes, sentence: str
) -> None:
    with pytest.raises(DataError) as raised:
        read_columns(write(tmp_path / name, content))
    assert sentence in str(raised.value)
    assert str(raised.value).startswith(str(tmp_path / name))
    assert "\n" not in str(raised.value)


def test_a_packed_file_that_unpacks_to_more_than_the_free_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.given.columns.free_bytes", lambda: 8 * 10**6)
    content = gzip.compress(b"id,prediction\n" + b"1,2\n" * 10**6)
    assert len(content) < 10**5
    with pytest.raises(DataError, match="unpacked, it takes more than 125 kB"):
        read_columns(write(tmp_path / "p.csv.gz", content))


def test_a_name_without_endings() -> None:
    assert [without_endings(Path(name)) for name in ("a/net.v1.csv.gz", "net.v1.csv", "net.GZ")] == [
        "net.v1",
        "net.v1",
        "net",
    ]


def test_a_long_line_of_names_takes_time_in_proportion_to_its_length() -> None:
    compared = 0

    class Name(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

    names = [Name(f"name {number}") for number in range(2000)]
    with pytest.raises(ValueError, match="two columns are called 'name 1999'"):
        check_names([*names, Name("name 1999")])
    assert compared < 4000


def test_a_missing_file_and_a_folder_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    for name in ("none.csv", "folder.csv"):
        with pytest.raises(DataError, match=f"{name} cannot be read: "):
            read_columns(tmp_path / name)


def test_a_field_that_is_too_long_is_an_error_wherever_it_is(tmp_path: Path) -> None:
    long = "x" * 200_000
    for text in (f"id,{long}\na,1\n", f"id,prediction\na,{long}\n", f"id,prediction\na,1\nb,{long}\n"):
        with pytest.raises(DataError, match="field larger than field limit"):
            read_columns(write(tmp_path / "p.csv", text))


def test_parquet_of_equal_values_takes_no_more_than_the_file_accounts_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few kilobytes hold a hundred million equal numbers, or a long text a hundred thousand times."""
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"id": np.zeros(10**7, dtype=np.int8), "prediction": np.zeros(10**7, dtype=np.int8)}), path)
    with pytest.raises(DataError, match=r"states 10,000,000 rows, and has only [\d,]+ bytes"):
        read_columns(path)
    texts = pa.DictionaryArray.from_arrays(pa.array(np.zeros(5000, dtype=np.int32)), pa.array(["x" * 10**5]))
    pq.write_table(pa.table({"id": np.arange(5000), "prediction": texts.cast(pa.large_string())}), path)
    assert path.stat().st_size < 200_000
    monkeypatch.setattr("harness.given.columns.free_bytes", lambda: 8 * 10**7)
    with pytest.raises(DataError, match="its columns take more than 20 MB"):
        read_columns(path)


def test_arrays_larger_than_the_free_memory_are_refused_before_they_are_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.BytesIO()
    np.savez_compressed(file, prediction=np.zeros(10**7))
    monkeypatch.setattr("harness.given.columns.free_bytes", lambda: 8 * 10**7)
    with pytest.raises(DataError, match="its arrays take 80 MB, and those of a file may take 20 MB"):
        read_columns(write(tmp_path / "p.npz", file.getvalue()))


@pytest.mark.parametrize("header", [b"'''", b"{\0}", b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }"])
def test_a_damaged_header_in_an_npz_file_is_an_error(tmp_path: Path, header: bytes) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("id.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(DataError, match="cannot be read"):
        read_columns(write(tmp_path / "p.npz", file.getvalue()))
