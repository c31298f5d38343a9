"""Weight files: the checkpoints of other tools, read as tensors by name without running any code they contain.

Safetensors can be read, and the output of ``torch.save`` as far as ``weights_only`` allows: tensors and containers.
Objects that training scripts commonly store beside the weights are replaced by a stand-in without code.
"""

from __future__ import annotations

import errno
import pickle
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import torch
from torch import Tensor

from zoo.errors import StoreError, UsageError
from zoo.files.foreign_files import kind_of
from zoo.files.plain_files import WEIGHTS, open_plain
from zoo.text import error_message, one_line

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "weights")
"""Keys under which training scripts store the weights, the most specific first."""
_DEPTH = 3
"""Levels of containers that are searched for weights."""
_SHOWN = 5
_GET_AGAIN = "copy or download it again, and compare its size with that of the original"
_SAVE_AGAIN = (
    "if you trust it, load it with the tool that wrote it, and save its state_dict() alone, best as safetensors"
)

_TORCH_MAGIC = (0x1950A86A20F9469CFC6C).to_bytes(10, "little")
"""The number with which torch.save began before it wrote zip archives."""

_SPACES = str.maketrans("\t\r\n", "   ")
"""Characters of text that are not printable."""

_STAND_INS = (
    "argparse.Namespace",
    "builtins.frozenset",
    "builtins.list",
    "builtins.slice",
    "datetime.datetime",
    "datetime.timedelta",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.bool_",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy.dtype",
    "numpy.float64",
    "numpy.ndarray",
    "pathlib.Path",
    "pathlib.PosixPath",
    "pathlib.PurePosixPath",
    "pathlib.PureWindowsPath",
    "pathlib.WindowsPath",
    "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath",
    "types.SimpleNamespace",
)
"""Replaced names: arguments, paths and metrics, as the training scripts of timm and torchvision store them."""


class _Discarded:
    """The stand-in for an object that is not needed: it accepts every argument and state, and keeps none."""

    __slots__ = ()

    def __new__(cls, *_args: object) -> _Discarded:
        return super().__new__(cls)

    def __setstate__(self, _state: object) -> None:
        pass


def _plain_dict(*_args: object) -> dict[Any, Any]:
    """Return an empty dictionary in place of a ``defaultdict``, whose factory is never called."""
    return {}


def _plain_list(*_args: object) -> list[Any]:
    """Return an empty list in place of a ``deque``, to which its items are appended."""
    return []


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class StateDict:
    """Tensors by name."""

    tensors: dict[str, Tensor]
    notes: tuple[str, ...] = ()
    """A sentence for each choice made while reading."""


def read_state_dict(path: Path, *, key: str | None = None) -> StateDict:
    """Read the tensors in a file.

    Args:
        path: Safetensors or the output of ``torch.save``, recognised by content.
        key: Key of the weights in the file, with dots between levels; None looks under the usual keys.

    Raises:
        StoreError: If the file cannot be read, is of another kind, or holds no weights.
        UsageError: If the file has no such key.
    """
    content = _load(path)
    notes: tuple[str, ...] = ()
    found = dict(_state_dicts(content))
    if key is not None:
        if key not in found:
            has = f"it has {', '.join(map(repr, found))}" if found else "it has no weights under any key"
            raise UsageError(f"{path} has no weights under the key {key!r}; {has}")
        content = found[key]
    elif found and len(max(found.values(), key=len)) > _num_tensors(content):
        chosen = next((name for name in _WRAPPERS if name in found), next(iter(found)))
        content = found.pop(chosen)
        others = f"; the file also has {', '.join(map(repr, found))} (--key)" if found else ""
        notes = (f"weights were taken from the key {chosen!r}{others}",)
    if not _num_tensors(content):
        if isinstance(content, Mapping):
            has = ", ".join(one_line(repr(name), max_length=40) for name in list(content)[:_SHOWN])
            more = ", …" if len(content) > _SHOWN else ""
            has = f"it has {has}{more}" if has else "it is empty"
        else:
            has = f"it is of the type {type(content).__name__}"
        is_numpy = isinstance(content, Mapping) and any(isinstance(each, _Discarded) for each in content.values())
        raise StoreError(
            f"{path} holds no state dict: expected tensors by name, either alone or under a key such as 'state_dict', "
            f"and {has}; save network.state_dict() with torch.save or safetensors"
            + ("; turn NumPy arrays into tensors with torch.from_numpy first" if is_numpy else "")
        )
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    for name, tensor in tensors.items():
        if kind := _odd_kind(tensor):
            raise StoreError(
                f"{path} holds the {kind} tensor {one_line(name, max_length=80)!r}; zoo imports dense tensors of real "
                "numbers"
            )
    return StateDict(tensors=tensors, notes=notes)


def _odd_kind(tensor: Tensor) -> str:
    """Return what is odd about a tensor that cannot be copied into a network; empty for ordinary ones."""
    if tensor.is_meta:
        return "empty (meta)"
    if tensor.is_quantized:
        return "quantised"
    if tensor.layout != torch.strided:
        return "sparse"
    return "complex" if tensor.is_complex() else ""


def _state_dicts(content: object, depth: int = _DEPTH) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """Yield the state dicts inside *content* with their keys, outer ones first."""
    if not isinstance(content, Mapping):
        return
    nested = {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Mapping)}
    yield from ((name, value) for name, value in nested.items() if _num_tensors(value))
    if depth > 1:
        for name, value in nested.items():
            yield from ((f"{name}.{inner}", found) for inner, found in _state_dicts(value, depth - 1))


def _num_tensors(content: object) -> int:
    """Return the number of named tensors in *content*; 0 if it is no state dict."""
    if not isinstance(content, Mapping):
        return 0
    return sum(isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items())


def _load(path: Path) -> Any:
    try:
        with open_plain(path, WEIGHTS) as file:
            head = file.read(1024)
    except OSError as error:
        inside = "; name the file of weights in it" if path.is_dir() else ""
        raise StoreError(f"{path} cannot be read: {error.strerror or error}{inside}") from error
    problem = _other_kind(path, head)
    if problem:
        raise StoreError(f"{path} {problem}")
    # The header of safetensors: its length in 8 bytes, then JSON.
    is_safetensors = head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**32
    return _load_safetensors(path) if is_safetensors else _load_pickled(path)


def _other_kind(path: Path, head: bytes) -> str:
    """Say what a file is that holds no weights of torch's, and what to do; an empty string for all others."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"{") and b'"weight_map"' in text:
        return (
            "lists the files of weights that are stored in several, and holds none itself; merge them first: "
            "safetensors.torch.save_file({name: tensor for path in paths for name, tensor in "
            "safetensors.torch.load_file(path).items()}, 'weights.safetensors')"
        )
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return "is an HDF5 file, as Keras writes it; zoo imports the weights of PyTorch networks only"
    if path.suffix == ".onnx":
        return "is an ONNX file; give the state dict it was exported from"
    if head.startswith(b"\x93NUMPY"):
        return (
            "is a NumPy array without the names of tensors; save them by name: torch.save({name: tensor, …}, "
            "'weights.pt')"
        )
    if head.startswith(b"GGUF"):
        return "is a GGUF file, as llama.cpp reads it; zoo imports the weights of PyTorch networks only"
    if head[4:8] == b"TFL3":
        return "is a TensorFlow Lite file; zoo imports the weights of PyTorch networks only"
    if path.suffix == ".msgpack":
        return "is a MessagePack file, as Flax writes it; zoo imports the weights of PyTorch networks only"
    if path.suffix == ".distcp":
        return (
            "is a part of a distributed checkpoint; make one file of its folder first: "
            "python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER weights.pt"
        )
    if head.startswith(b"PK"):
        return _other_archive(path)
    if found := kind_of(path, head):
        return found
    if head.decode("latin-1").translate(_SPACES).isprintable() and any(each in head for each in b" \n"):
        return "is text, and holds no weights; give the file of weights itself"
    return ""


def _other_archive(path: Path) -> str:
    try:
        with ZipFile(path) as archive:
            names = archive.namelist()
    except Exception:  # a damaged archive may raise anything; the reader says what is wrong
        return ""
    if names and all(name.endswith(".npy") for name in names):
        return (
            "holds NumPy arrays (.npz); convert it first: torch.save({name: torch.from_numpy(array) for name, array in "
            "numpy.load(path).items()}, 'weights.pt')"
        )
    if any(name.endswith("/constants.pkl") for name in names) and any("/code/" in name for name in names):
        return (
            "is a TorchScript file, which contains code; if you trust it, save its weights first: "
            "torch.save(torch.jit.load(path).state_dict(), 'weights.pt')"
        )
    if any(name.rpartition("/")[2] == "archive_format" for name in names):
        return (
            "is a torch.export program; save its weights first: torch.save(torch.export.load(path).state_dict, "
            "'weights.pt')"
        )
    # torch.save writes data.pkl, below the name of the file, into each of its archives.
    return "" if any(name.rpartition("/")[2] == "data.pkl" for name in names) else kind_of(path)


def _load_safetensors(path: Path) -> Any:
    from safetensors.torch import load_file

    return _reading(path, lambda: load_file(path))


def _load_pickled(path: Path) -> Any:
    stand_ins: list[Any] = [(_Discarded, name) for name in _STAND_INS]
    stand_ins += [(_plain_dict, "collections.defaultdict"), (_plain_list, "collections.deque")]
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(stand_ins):
            # torch warns of old pickle protocols before it reads or refuses them.
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            # and of its own quantised tensors while it reads them.
            warnings.filterwarnings("ignore", message="TypedStorage is deprecated")
            warnings.filterwarnings("ignore", message="torch.quantize_per_tensor")
            warnings.filterwarnings("ignore", message="Validating sparse tensor invariants")
            with open_plain(path, WEIGHTS) as file:  # given a path, torch.load goes by its suffix
                return _reading(path, lambda: torch.load(file, map_location="cpu", weights_only=True))
    except pickle.UnpicklingError as error:
        names = _foreign_names(path, error, known={name for _, name in stand_ins})
        if any(name.startswith("torch.nn.modules.") for name in names):
            raise StoreError(
                f"{path} holds a whole network with its classes, which is not unpickled because that could run any "
                f"code; {_SAVE_AGAIN}"
            ) from error
        if not names and _is_plain_pickle(path):
            raise StoreError(
                f"{path} was written by pickle and not by torch.save; if you trust it, load it with pickle, and save "
                "its tensors with torch.save"
            ) from error
        if not names:
            raise StoreError(
                f"{path} was not written by torch.save or safetensors, or it is truncated or damaged; {_GET_AGAIN}"
            ) from error
        shown = f"{', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''}"
        raise StoreError(
            f"{path} holds more than tensors ({shown}), which is not unpickled because that could run any code; "
            f"{_SAVE_AGAIN}"
        ) from error


def _is_plain_pickle(path: Path) -> bool:
    """Return whether a file is a whole pickle without the magic number that torch.save writes first."""
    try:
        with open_plain(path, WEIGHTS) as file:
            content = file.read()
    except OSError:
        return False
    return content[:1] == b"\x80" and content[-1:] == b"." and _TORCH_MAGIC not in content[:32]


def _foreign_names(path: Path, error: Exception, known: set[str]) -> list[str]:
    """Return the names of the classes and functions that a pickle needs and that are not allowed."""
    try:
        names = set(torch.serialization.get_unsafe_globals_in_checkpoint(path)) - known
    except Exception:  # a scan of a broken pickle can raise anything; the refusal names the first
        names = set()
    return sorted(names) or re.findall(r"(?:GLOBAL|function) (\S+)", str(error))


def _reading(path: Path, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except pickle.UnpicklingError:
        raise
    except Exception as error:  # a damaged pickle may make its reader raise anything, struct.error included
        # The zip reader of torch seeks before the start of a file that is too short (EINVAL).
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error
        reason = error_message(error, max_length=200).partition(". ")[0] or type(error).__name__
        raise StoreError(
            f"{path} cannot be read, probably because it is truncated or damaged ({reason}); {_GET_AGAIN}"
        ) from error
