"""Given classifiers: what a path to a classifier leads to, read for a plan, without torch.

==================  ==================================================================
``file:PATH``       weights with a card, from ``zoo import`` or ``zoo export``
``onnx:PATH``       an ONNX file with a card, from ``zoo export``
``trial:PATH``      a trial folder
==================  ==================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from harness.classifiers.card import METADATA_KEY, ClassifierCard
from harness.classifiers.onnx_files import try_onnx
from harness.classifiers.recorded import card_in, card_of, entry_of
from harness.planning.classifiers import PREFIXES, GivenClassifier, is_given
from harness.records.provenance import provider_spec
from harness.records.spec import ArchitectureSpec, ClassifierSpec
from harness.records.store import CHECKPOINT_FILE, RECORD_FILE, read_record, trial_folder
from harness.system.atomic_files import sha256_of
from zoo.architecture import Architecture
from zoo.catalog import Catalog, Entry
from zoo.errors import StoreError, UsageError
from zoo.files.plain_files import WEIGHTS, open_plain
from zoo.names import slug

_LONGEST_HEADER = 10**8  # bytes; safetensors refuses longer ones


def read_given(name: str, catalog: Catalog) -> GivenClassifier:
    """Read what a plan needs to know of the classifier called *name*, such as ``file:r20.safetensors``.

    Raises:
        StoreError: If there is none, its trial did not finish, or it is damaged.
        PluginError: If its network comes from a plugin that is not loaded.
        UsageError: If a package for ONNX is not installed.
    """
    assert is_given(name), "planning has checked it"
    kind, _, argument = name.partition(":")
    if not argument:
        raise UsageError(f"{name} needs a path: {kind}:PATH")
    path = Path(argument).expanduser()
    return _READERS[kind](path, catalog)


def suggest_prefix(name: str) -> str:
    """Return how a path without a prefix should be written, or ``""`` if it is none."""
    path = Path(name)
    try:
        is_trial = (path / RECORD_FILE).is_file()
    except OSError:  # too long for a path
        is_trial = False
    if path.suffix in (".safetensors", ".onnx") or is_trial:
        kind = {".safetensors": "file", ".onnx": "onnx"}.get(path.suffix, "trial")
        return f"{kind}:{name}"
    return ""


def _of_file(path: Path, catalog: Catalog) -> GivenClassifier:
    card = card_in(path, _header(path))
    return _given("file", path, card, entry_of(catalog.architectures, card.architecture, card), source=path.name)


def _of_trial(path: Path, catalog: Catalog) -> GivenClassifier:
    folder = trial_folder(path if path.is_dir() else path.parent)
    record = read_record(folder / RECORD_FILE)
    if record.origin is not None:
        raise StoreError(f"{folder} trained nothing: it is a row of the kind {record.origin.word!r}")
    card = card_of(record, catalog, origin=str(folder))
    weights = folder / CHECKPOINT_FILE
    if not weights.is_file():
        raise StoreError(f"{folder} has no {CHECKPOINT_FILE}: the weights were not kept, or not copied with the folder")
    given = _given(
        "trial", weights, card, entry_of(catalog.architectures, card.architecture, card), source=record.trial_id
    )
    if record.files.get(CHECKPOINT_FILE) != given.spec.files[weights.name]:
        raise StoreError(f"{weights} is damaged: its checksum differs from the one in its record")
    return given


def _of_onnx(path: Path, catalog: Catalog) -> GivenClassifier:
    text = try_onnx(path).get(METADATA_KEY)
    if text is None:
        raise StoreError(f"{path} has no classifier card in its metadata; only files written by zoo export have one")
    card = ClassifierCard.parse(text, origin=f"the metadata of {path}")
    given = _given("onnx", path, card, None, source=path.name)
    name = f"onnx/{slug(path.stem)}"
    architecture = given.architecture.model_copy(update={"full_name": name, "display_name": name})
    return given.model_copy(update={"architecture": architecture})


_READERS: Mapping[str, Callable[[Path, Catalog], GivenClassifier]] = {
    "file": _of_file,
    "trial": _of_trial,
    "onnx": _of_onnx,
}
assert set(_READERS) == set(PREFIXES)


def _header(path: Path) -> bytes:
    """Return the header of a safetensors file, which holds its card."""
    if not path.is_file():
        raise StoreError(f"there is nothing at {path}")
    try:
        with open_plain(path, WEIGHTS) as file:
            start = file.read(8)
            return start + file.read(min(int.from_bytes(start, "little"), _LONGEST_HEADER))
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error


def _given(
    kind: str, path: Path, card: ClassifierCard, entry: Entry[Architecture] | None, *, source: str
) -> GivenClassifier:
    architecture: ArchitectureSpec = card.architecture
    if entry is not None:
        architecture = architecture.model_copy(
            update={
                "display_name": entry.display_name,
                "version": entry.record.version,
                "native_size": entry.record.native_size,
                "provider": provider_spec(entry),
            }
        )
    try:
        digest = sha256_of(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error
    return GivenClassifier(
        spec=ClassifierSpec(
            kind=kind,  # type: ignore[arg-type]
            source=f"{kind}:{source}",
            files={path.name: digest},
            num_classes=len(card.classes),
            published=card.published,
        ),
        architecture=architecture,
        preparation=card.preparation,
        names=card.classes,
        channels=card.channels,
        path=str(path.absolute()),
        card=card.description(),
        preload=("torch",) if entry is None else entry.record.preload,
    )
