"""Array files: the ``.npy`` files of the cache, which must be plain files and hold what their headers say."""

from __future__ import annotations

import math
import os
import tokenize
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.files.plain_files import PACK, open_plain

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def load_array(path: Path, *, mapped: bool = False) -> NDArray[Any]:
    """Return the array in a file.

    Args:
        path: The file.
        mapped: Whether to map it into memory, read-only, instead of reading it.

    Raises:
        OSError: If it cannot be opened, or is not a plain file.
        ValueError: If it holds no array, objects instead of numbers, or fewer values than its header says.
    """
    with open_plain(path, PACK) as file:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"{path} has version {version} of the array format, which is unknown here")
        try:
            shape, is_fortran, dtype = _HEADERS[version](file)
        except (SyntaxError, tokenize.TokenError, TypeError, OverflowError, ValueError) as error:
            # NumPy parses it as Python, whose errors are of many kinds.
            raise ValueError(f"{path} has a damaged header") from error
        if min(shape, default=0) < 0:
            raise ValueError(f"{path} has a damaged header")
        if dtype.hasobject or is_fortran:
            raise ValueError(f"{path} holds an array of another kind than zoo writes: {dtype}")
        start, count = file.tell(), math.prod(shape)
        left = os.fstat(file.fileno()).st_size - start
        if count * dtype.itemsize > left:
            raise ValueError(f"{path} holds {left:,} bytes, fewer than its {list(shape)} values of {dtype} need")
        if mapped and count:  # nothing cannot be mapped
            return np.memmap(file, dtype=dtype, mode="r", offset=start, shape=shape)
        return np.fromfile(file, dtype=dtype, count=count).reshape(shape)
