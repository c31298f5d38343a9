"""MATLAB files: numbers, text and structs as SciPy reads them, and a damaged file costs one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from plugins.datasets._matlab import variables_of
from zoo.errors import DataError


def test_numbers_text_and_fields_are_found(tmp_path: Path) -> None:
    names = np.empty((1, 2), dtype=object)
    names[0] = ["AM General", "Büssing"]
    rows = np.array([("a.jpg", 2), ("b.jpg", 1)], dtype=[("fname", object), ("class", object)])
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    savemat(tmp_path / "x.mat", {"X": pixels, "y": [[1, 2]], "names": names, "rows": rows[None]}, do_compression=True)
    (found,) = variables_of(tmp_path / "x.mat", squeeze=True)
    np.testing.assert_array_equal(found["X"], pixels)
    assert found["X"].dtype == np.uint8
    assert found["y"].tolist() == [1, 2]
    assert found["names"].tolist() == ["AM General", "Büssing"]
    assert {name: values.tolist() for name, values in found["rows"].items()} == {
        "fname": ["a.jpg", "b.jpg"],
        "class": [2, 1],
    }
    assert variables_of(tmp_path / "x.mat")[0]["y"].shape == (1, 2)


def test_a_file_that_crashes_the_reader_is_damaged_and_nothing_else_ends(tmp_path: Path) -> None:
    savemat(tmp_path / "x.mat", {"trnid": [range(1, 103)], "valid": [[103, 104]], "tstid": [[105, 106]]})
    content = bytearray((tmp_path / "x.mat").read_bytes())
    content[154] = 1
    (tmp_path / "x.mat").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.mat is damaged: \S"):
        variables_of(tmp_path / "x.mat")


def test_of_several_files_the_damaged_one_is_named(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.mat" for number in range(3)]
    for number, path in enumerate(paths):
        savemat(path, {"number": number})
    assert [found["number"].item() for found in variables_of(*paths)] == [0, 1, 2]
    paths[1].write_bytes(bytes(300))
    with pytest.raises(DataError, match=r"1\.mat is damaged: \S"):
        variables_of(*paths)


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file", bytes(300)])
def test_what_is_no_such_file_is_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.mat").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.mat is damaged: \S"):
        variables_of(tmp_path / "x.mat")


def test_more_values_than_any_set_has_are_refused_before_they_are_read(tmp_path: Path) -> None:
    savemat(tmp_path / "x.mat", {"X": np.zeros((3, 1), np.uint8)})
    content = (tmp_path / "x.mat").read_bytes()
    shape = np.array([3, 1], "<i4").tobytes()
    assert content.count(shape) == 1
    (tmp_path / "x.mat").write_bytes(content.replace(shape, np.array([2**30, 4], "<i4").tobytes()))
    with pytest.raises(DataError, match="it states 4,294,967,296 values"):
        variables_of(tmp_path / "x.mat")


def test_a_file_that_is_not_there_is_an_ordinary_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        variables_of(tmp_path / "x.mat")
