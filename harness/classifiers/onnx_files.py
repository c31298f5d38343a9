"""Foreign ONNX files: tried in a process of its own, with bounded time and memory, before this process opens them.

A file of a hundred bytes may ask for any amount of memory or time, or for weights in any file of this machine.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

from harness.system.free_memory import free_bytes
from zoo.errors import StoreError, UsageError
from zoo.files.plain_files import WEIGHTS, open_plain
from zoo.files.sizes import size_text
from zoo.text import one_line

EXTRA_BYTES = 10**9
"""Memory that loading a file and classifying two images may take, besides multiples of the file and of the images."""
SECONDS = 120.0
"""How long that may take."""


def require_onnx() -> None:
    """Raise ``UsageError`` unless the packages for ONNX are installed."""
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"ONNX needs {', '.join(missing)}: pip install 'zoobench[onnx]'")


def try_onnx(path: Path, *, seconds: float = SECONDS, extra_bytes: int = EXTRA_BYTES) -> dict[str, str]:
    """Let another process load a file and classify two black images of the size in its card; return its metadata.

    Args:
        path: The file.
        seconds: How long it may take.
        extra_bytes: Memory it may take, besides four times the file and a hundred times the images.

    Raises:
        StoreError: If it does not exist, is not a plain file, keeps weights in other files, asks for too much memory
            or time, or cannot be run.
        UsageError: If a package for ONNX is not installed.
    """
    if not path.is_file():
        raise StoreError(f"there is nothing at {path}" if not path.exists() else f"{path} is not a plain file")
    require_onnx()
    _check_size(path)
    module = "harness.classifiers.onnx_attempt"
    command = [sys.executable, "-P", "-m", module, str(path.absolute()), str(extra_bytes), str(seconds)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise StoreError(
            f"{path} is not loaded: loading it and classifying two images did not end within {seconds:g} s"
        ) from None
    answer = _answer(done.stdout)
    if "metadata" in answer:
        return {str(name): str(value) for name, value in answer["metadata"].items()}
    if "refused" in answer:
        raise StoreError(f"{path} is not loaded: {answer['refused']}")
    if "failed" in answer:
        raise StoreError(f"{path} cannot be run by onnxruntime: {answer['failed']}")
    if "memory" in answer:
        raise StoreError(
            f"{path} is not loaded: it has {size_text(path.stat().st_size)}, and classifying two images with it takes "
            f"more than {size_text(extra_bytes)} besides what its size accounts for"
        )
    words = one_line(done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2], max_length=200)
    raise StoreError(f"{path} ends onnxruntime with exit status {done.returncode}{f': {words}' if words else ''}")


def _answer(output: bytes) -> dict[str, dict[str, str]]:
    try:
        answer = json.loads(output)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _check_size(path: Path) -> None:
    try:
        with open_plain(path, WEIGHTS) as file:
            num_bytes, free = file.seek(0, 2), free_bytes()
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error
    if free is not None and num_bytes > free:  # a sparse file can have any size
        raise StoreError(
            f"{path} cannot be read: it has {size_text(num_bytes)}, more than the {size_text(free)} of memory that are "
            "free"
        )
