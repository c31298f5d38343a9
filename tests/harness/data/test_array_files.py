"""Array files: what numpy wrote is what is read, and a file that is none is refused before memory is taken."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from harness.data.array_files import load_array


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
        np.array([5, -7], dtype="<i8"),
        np.zeros((0, 4, 4, 3), dtype=np.uint8),
        np.float64(2.5),
    ],
)
def test_an_array_is_read_as_numpy_wrote_it(tmp_path: Path, array: np.ndarray, mapped: bool) -> None:
    np.save(tmp_path / "a.npy", array)
    found = load_array(tmp_path / "a.npy", mapped=mapped)
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert (found == array).all()
    if mapped and array.size:
        assert isinstance(found, np.memmap)
        assert not found.flags.writeable


def test_a_header_that_asks_for_more_than_the_file_holds_is_refused(tmp_path: Path) -> None:
    """numpy allocates what the header says, whatever the file holds."""
    with (tmp_path / "a.npy").open("wb") as file:
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**13,)}
        np.lib.format.write_array_header_1_0(file, header)
    for mapped in (False, True):
        with pytest.raises(
            ValueError, match=r"holds 0 bytes, fewer than its \[10000000000000\] values of float64 need"
        ):
            load_array(tmp_path / "a.npy", mapped=mapped)


def test_objects_and_other_files_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="another kind"):
        load_array(tmp_path / "objects.npy")
    (tmp_path / "text.npy").write_text("no array")
    with pytest.raises(ValueError, match="magic"):
        load_array(tmp_path / "text.npy")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.timeout(30)
def test_a_pipe_and_a_device_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npy")
    (tmp_path / "device.npy").symlink_to("/dev/zero")
    for name in ("pipe.npy", "device.npy"):
        with pytest.raises(OSError, match="not a plain file"):
            load_array(tmp_path / name)


@pytest.mark.parametrize(
    "header", [b"'''", b"(\n", b"{\0}", b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }"]
)
def test_a_damaged_header_is_a_value_error(tmp_path: Path, header: bytes) -> None:
    """NumPy parses it as Python, whose errors are of other kinds."""
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64)
    (tmp_path / "a.npy").write_bytes(content)
    for mapped in (False, True):
        with pytest.raises(ValueError, match="damaged header"):
            load_array(tmp_path / "a.npy", mapped=mapped)
