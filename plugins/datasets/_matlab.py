"""MATLAB files, read by SciPy in a process of its own: on some damaged files its reader crashes the process it runs in.

Run as a module, it reads the files that are named after a folder, and writes the variables of each into ``0.npz``,
``1.npz`` and so on in that folder.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from zoo.errors import DataError
from zoo.files.plain_files import ARRAY, open_plain
from zoo.text import error_text, one_line

_MAX_VALUES = 2 * 10**9
"""Number of values in a file; SVHN has 1.6 billion at most. A compressed file of a megabyte may state more."""
_MAX_SECONDS = 600
_LAYOUT = "layout"
"""The array of the ``.npz`` that says in JSON which variable, or which field of a struct, is which array."""


def variables_of(*paths: Path, squeeze: bool = False) -> list[dict[str, Any]]:
    """Return the variables in each MATLAB file by name: arrays of numbers or text, and for structs one for each field.

    Args:
        paths: The files. One process reads all of them, since it takes longer to start than most take to read.
        squeeze: Whether axes of length one are dropped, but for one.

    Raises:
        OSError: If one cannot be opened, or is not a plain file.
        DataError: If one is damaged, or states more than two billion values.
    """
    for path in paths:
        with open_plain(path, ARRAY):
            pass  # here, where its absence is an ordinary error
    with tempfile.TemporaryDirectory(prefix="zoo-matlab-") as folder:
        made = [Path(folder) / f"{number}.npz" for number in range(len(paths))]
        command = [sys.executable, "-P", "-m", __name__, folder, str(int(squeeze)), *map(str, paths)]
        reason = ""
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_MAX_SECONDS * len(paths), check=False
            )
        except subprocess.TimeoutExpired:
            reason = f"reading it took more than {_MAX_SECONDS} s"
        else:
            if done.returncode:
                said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
                reason = one_line(said, max_length=300) if done.returncode > 0 else "its reader crashed"
        if reason:
            bad = next((path for path, each in zip(paths, made, strict=True) if not each.exists()), paths[-1])
            raise DataError(f"{bad} is damaged: {reason}")
        return [_read(each) for each in made]


def _read(made: Path) -> dict[str, Any]:
    import numpy as np

    with np.load(made, allow_pickle=False) as found:
        layout = json.loads(str(found[_LAYOUT]))
        return {
            name: {field: found[key] for field, key in place.items()} if isinstance(place, dict) else found[place]
            for name, place in layout.items()
        }


def _convert(path: Path, made: Path, *, squeeze: bool) -> None:
    """Read a MATLAB file here, and write its variables into an ``.npz`` that holds no objects."""
    import numpy as np
    from scipy.io import loadmat, whosmat

    arrays: dict[str, Any] = {}

    def keep(values: Any) -> str:
        values = np.asarray(values)
        if values.dtype.kind not in "biufU":  # cells, or a field of a struct: scalars as text or numbers
            values = np.array([each.item() if hasattr(each, "item") else each for each in values.ravel().tolist()])
        if values.dtype.kind not in "biufU":
            raise ValueError("it holds other values than numbers and text")
        key = f"a{len(arrays)}"
        arrays[key] = np.atleast_1d(values)
        return key

    with open_plain(path, ARRAY) as file:
        stated = sum(math.prod(map(int, shape)) for _, shape, _ in whosmat(file))  # type: ignore[arg-type, misc]  # as below
        if stated > _MAX_VALUES:
            raise ValueError(f"it states {stated:,} values, and may have up to {_MAX_VALUES:,}")
        file.seek(0)
        content = loadmat(file, squeeze_me=squeeze)  # type: ignore[arg-type]  # its stubs know paths only
    layout: dict[str, Any] = {}
    for name, values in content.items():
        if name.startswith("__"):
            continue
        fields = getattr(getattr(values, "dtype", None), "names", None)
        layout[name] = {field: keep(values[field]) for field in fields} if fields else keep(values)
    arrays[_LAYOUT] = np.array(json.dumps(layout))
    half = made.with_suffix(".half.npz")
    np.savez(half, **arrays)
    half.rename(made)  # so that what is there tells which file could be read


if __name__ == "__main__":
    try:
        for _number, _path in enumerate(sys.argv[3:]):
            _convert(Path(_path), Path(sys.argv[1]) / f"{_number}.npz", squeeze=sys.argv[2] == "1")
    except Exception as error:  # whatever damaged bytes make SciPy raise
        sys.exit(error_text(error))
