"""Attempt at a foreign ONNX file in a process of its own, with bounded memory, which prints its metadata as JSON.

Run as ``python -m harness.classifiers.onnx_attempt PATH BYTES SECONDS``; never imported by what it protects.
onnxruntime computes what it can of a network while it loads it, so that a file of a hundred bytes can ask for any
amount of memory.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoo.files.plain_files import WEIGHTS, read_bytes
from zoo.files.sizes import size_text
from zoo.text import one_line

NUM_IMAGES = 2
"""Images that are classified, all of them black."""
_CARD_KEY = "zoo"
_IMAGE_FACTOR = 100
"""Memory for the values between the layers, as a multiple of the images."""
_MAX_SIDE = 2**12
_MEMORY_WORDS = ("bad_alloc", "allocate memory", "out of memory", "would require more than")
"""Parts of onnxruntime's sentences about memory."""


class RefusedFileError(Exception):
    """The file is not run, for the reason in the message."""


def attempt(path: Path, extra_bytes: int) -> dict[str, str]:
    """Load a file and classify a few images, in at most *extra_bytes* more than the file accounts for.

    Returns:
        Its metadata.

    Raises:
        RefusedFileError: If it stores weights elsewhere, or declares more than it holds.
        Exception: Of any kind, from onnxruntime.
    """
    import numpy as np
    import onnx
    import onnxruntime

    content = read_bytes(path, WEIGHTS)
    # Reading makes a copy, and so does onnxruntime, which also orders weights as its kernels want them.
    limit_memory(4 * len(content) + extra_bytes)
    model = onnx.ModelProto.FromString(content)
    for tensor in _tensors(model):
        _check(tensor)
    metadata = {each.key: each.value for each in model.metadata_props}
    shape = _image_shape(metadata.get(_CARD_KEY, ""))
    del model, content
    limit_memory(4 * path.stat().st_size + extra_bytes + _IMAGE_FACTOR * 4 * NUM_IMAGES * math.prod(shape))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    if all(shape):
        session.run(["logits"], {"images": np.zeros((NUM_IMAGES, *shape), dtype=np.float32)})
    return metadata


def limit_memory(num_bytes: int) -> None:
    """Let this process take so much memory more than it has; nothing happens where the system has no such limit."""
    try:
        import resource

        has = next(
            int(line.split()[1]) * 1024
            for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines()
            if line.startswith("VmData:")
        )
        most = resource.getrlimit(resource.RLIMIT_DATA)[1]
        wanted = has + num_bytes
        resource.setrlimit(
            resource.RLIMIT_DATA, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most)
        )
    except (ImportError, OSError, StopIteration):
        return


def limit_time(seconds: float) -> None:
    """End this process after *seconds* of CPU time, in case the one that started it cannot end it any more."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), math.ceil(seconds) + 1))


def _image_shape(card: str) -> tuple[int, int, int]:
    """Return channels, height and width of the images of a card; zeros if it does not say, which its reader tells."""
    try:
        fields = json.loads(card)
        channels, side = fields["channels"], fields["image_size"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return 0, 0, 0
    if channels not in (1, 3) or type(side) is not int or not 0 < side <= _MAX_SIDE:
        return 0, 0, 0
    return int(channels), side, side


def _tensors(message: Any) -> Iterator[Any]:
    """Yield all tensors in a message of ONNX: of graphs, of the graphs in them, and of functions."""
    if message.DESCRIPTOR.name == "TensorProto":
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in value if field.is_repeated else (value,):
                yield from _tensors(each)


def _check(tensor: Any) -> None:
    """Refuse a tensor that lies in another file or is larger than what the file holds."""
    name = one_line(tensor.name, max_length=60)
    if tensor.external_data or tensor.data_location:
        where = next((each.value for each in tensor.external_data if each.key == "location"), "")
        raise RefusedFileError(
            f"its tensor {name!r} lies in another file ({one_line(where, max_length=60)!r}); a file from zoo export "
            "holds all of its weights"
        )
    values = math.prod(tensor.dims)
    held = tensor.ByteSize()
    # Types of two bits are the smallest.
    if min(tensor.dims, default=0) < 0 or values > 4 * held:
        raise RefusedFileError(
            f"its tensor {name!r} has the shape {one_line(str(list(tensor.dims)), max_length=60)} but holds "
            f"{size_text(held)}"
        )


def _main(path: str, extra_bytes: str, seconds: str) -> None:
    answers = os.dup(1)
    os.dup2(2, 1)  # libraries may print
    limit_time(float(seconds))
    try:
        answer = {"metadata": attempt(Path(path), int(extra_bytes))}
    except MemoryError:
        answer = {"memory": "out of memory"}  # type: ignore[dict-item]
    except RefusedFileError as error:
        answer = {"refused": str(error)}  # type: ignore[dict-item]
    except OSError as error:
        answer = {"refused": error.strerror or str(error)}  # type: ignore[dict-item]
    except Exception as error:  # onnxruntime's and protobuf's errors have no class in common
        words = one_line(str(error), max_length=300)
        kind = "memory" if any(each in words for each in _MEMORY_WORDS) else "failed"
        answer = {kind: f"{type(error).__name__}: {words}"}  # type: ignore[dict-item]
    with os.fdopen(answers, "wb") as file:
        file.write(json.dumps(answer).encode())
    # Whatever onnxruntime still does at the end, such as freeing what it could not allocate, is of no interest.
    os._exit(0)


if __name__ == "__main__":
    _main(*sys.argv[1:])
