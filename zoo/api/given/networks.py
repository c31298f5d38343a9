"""Given networks: functions and classes that make networks, kept as plugin files that trials load.

Where the source can be written down, the file holds it, and the result key follows from it. Where it cannot, such as
for a function that copies a network in memory, the function is pickled beside the file, and its row is marked: the key
then follows from the pickle, which another session may write differently.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.api.given.extraction import NoSourceError, extract, is_installed
from zoo.errors import UsageError
from zoo.files.cache import cache_root
from zoo.names import slug
from zoo.text import error_text

PICKLED = "pickled"
"""Version of an architecture that is kept without its source."""
_PLUGIN = '''"""A network that zoo.bench was given."""

from __future__ import annotations

from zoo import Architecture, hookimpl
from zoo.calling.signatures import accepted

{source}


def build_given(request):
    offered = {{
        "num_classes": request.num_classes,
        "in_channels": request.in_channels,
        "image_size": request.image_size,
    }}
    return given_factory(**accepted(given_factory, offered))


@hookimpl
def zoo_architectures():
    yield Architecture(name={name!r}, build=build_given, summary={summary!r}, **{more!r})
'''
_UNPICKLED = """import pickle
from pathlib import Path

given_factory = pickle.loads(Path(__file__).with_suffix(".pickle").read_bytes())"""


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenNetwork:
    """A network that is kept as a plugin file."""

    full_name: str
    """Name to select it by."""
    file: Path
    """Plugin file."""
    note: str = ""
    """A sentence if it could not be fingerprinted by its source."""


def keep_network(factory: object, name: str = "") -> GivenNetwork:
    """Write a plugin file that makes networks with *factory*.

    Args:
        factory: An ``nn.Module`` class or a function that returns a network. It is called with those of
            ``num_classes``, ``in_channels`` and ``image_size`` that it takes.
        name: Name of the row; empty: that of the factory.

    Raises:
        UsageError: If it cannot be called, or neither written down nor pickled.
    """
    if not callable(factory) or _is_network(factory):
        raise UsageError(
            f"models has {type(factory).__name__}: give names, classes, or functions that make a new network, since "
            "each trial begins with one of its own"
        )
    own = slug(name or getattr(factory, "__name__", "").strip("<>") or type(factory).__name__)
    pickled, note = b"", ""
    try:
        source = extract(factory, "given_factory")
        more: dict[str, Any] = {}
        summary = "given in Python"
    except NoSourceError as error:
        pickled, source = _pickled(factory, own), _UNPICKLED
        note = f"{own} could not be fingerprinted by its source ({error}), so its results may not be found again"
        more = {"version": PICKLED, "files": (f"{own}.pickle",)}
        summary = f"given in Python without its source: {error}"
    text = _PLUGIN.format(source=source, name=own, summary=summary, more=more)
    digest = hashlib.sha256(text.encode() + pickled).hexdigest()[:16]
    folder = cache_root() / "given" / "networks" / digest
    folder.mkdir(parents=True, exist_ok=True)
    if pickled:
        _write(folder / f"{own}.pickle", pickled)
    _write(folder / f"{own}.py", text.encode())
    return GivenNetwork(full_name=f"{own}/{own}", file=folder / f"{own}.py", note=note)


def given_networks(models: object) -> dict[int, GivenNetwork]:
    """Keep every network among *models* that is not a name, and return them by the identity of their factory.

    Raises:
        UsageError: For something that is neither a name nor makes networks.
    """
    if isinstance(models, Mapping):
        return {id(factory): keep_network(factory, str(name)) for name, factory in models.items()}
    return {id(each): keep_network(each) for each in _listed(models) if not isinstance(each, str)}


def names_of_models(models: object, networks: Mapping[int, GivenNetwork]) -> Any:
    """Return *models* with the names of networks that were kept."""
    if models is None or isinstance(models, str):
        return models
    several = models.values() if isinstance(models, Mapping) else _listed(models)
    return [each if isinstance(each, str) else networks[id(each)].full_name for each in several]


def _listed(models: object) -> list[Any]:
    if models is None or isinstance(models, str):
        return []
    return list(models) if isinstance(models, list | tuple) else [models]


def _is_network(value: object) -> bool:
    return hasattr(value, "state_dict") and not isinstance(value, type)


def _pickled(factory: object, name: str) -> bytes:
    import inspect

    cloudpickle = _cloudpickle()

    module = inspect.getmodule(factory)
    local = module if module is not None and not is_installed(module) and module.__name__ != "__main__" else None
    if local is not None:
        cloudpickle.register_pickle_by_value(local)
    try:
        return bytes(cloudpickle.dumps(factory))
    except Exception as error:  # whatever the objects that it holds raise
        raise UsageError(
            f"model {name} can neither be written down nor pickled: {error_text(error)}; put it into a file and give "
            "plugins=[file]"
        ) from error
    finally:
        if local is not None:
            cloudpickle.unregister_pickle_by_value(local)


def _cloudpickle() -> Any:
    """Return cloudpickle, which comes with scikit-learn: beside joblib, or within it before joblib 1.6."""
    import importlib

    try:
        return importlib.import_module("cloudpickle")
    except ImportError:
        return importlib.import_module("joblib.externals.cloudpickle")


def _write(path: Path, content: bytes) -> None:
    """Write a file, unless it is there: its name follows from its content."""
    from harness.system.atomic_files import write_bytes

    if not path.is_file():
        write_bytes(path, content)
