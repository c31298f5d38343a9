"""Trained classifiers: the network that was tested is the one that is loaded, or there is a sentence."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from harness.classifiers.card import ClassifierCard
from harness.classifiers.trained import load_trained
from harness.classifiers.weight_files import read_state_dict
from harness.records.provenance import provider_spec
from harness.records.record import Outcome
from harness.records.spec import ArchitectureSpec
from harness.records.store import CHECKPOINT_FILE, RECORD_FILE, read_record, write_record
from harness.system.atomic_files import sha256_of
from zoo import Catalog, build_catalog
from zoo.errors import PluginError, StoreError
from zoo.loading import Sources

TrainTrial = Callable[..., Path]


@pytest.fixture(scope="module")
def trial(train_trial: TrainTrial, catalog: Catalog) -> Path:
    return train_trial(catalog)


@pytest.fixture
def copy(trial: Path, tmp_path: Path) -> Path:
    """A copy of the trial, to be damaged."""
    return Path(shutil.copytree(trial, tmp_path / "trial"))


def rewrite(folder: Path, **changes: Any) -> None:
    write_record(folder, read_record(folder / RECORD_FILE).model_copy(update=changes))


def test_a_trial_has_everything_that_its_classifier_needs(trial: Path, catalog: Catalog) -> None:
    classifier = load_trained(trial, catalog)
    record, card = read_record(trial / RECORD_FILE), classifier.card
    assert record.model is not None
    assert (card.classes, card.image_size, card.channels) == (("birch", "cedar", "maple"), 16, 3)
    assert (card.mean, card.std, card.precision) == (record.model.mean, record.model.std, "fp32")
    assert (classifier.predict, classifier.notes, card.recipe) == (None, (), None)
    assert not classifier.model.training
    assert load_trained(trial / CHECKPOINT_FILE, catalog).card == card


def test_a_trial_that_is_not_done_has_no_classifier(copy: Path, catalog: Catalog) -> None:
    rewrite(copy, outcome=Outcome.FAILED, reason="memory did not suffice")
    with pytest.raises(StoreError, match="its trial is failed: memory did not suffice"):
        load_trained(copy, catalog)


def test_one_flipped_byte_of_the_weights_is_seen(copy: Path, catalog: Catalog) -> None:
    content = bytearray((copy / CHECKPOINT_FILE).read_bytes())
    content[-1] ^= 1
    (copy / CHECKPOINT_FILE).write_bytes(content)
    with pytest.raises(StoreError, match="is damaged: its checksum differs"):
        load_trained(copy, catalog)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("touched"),))


def test_untrusted_weights_run_no_code_even_with_a_matching_checksum(
    copy: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"conv.weight": Evil()}, copy / CHECKPOINT_FILE)
    rewrite(copy, files={CHECKPOINT_FILE: sha256_of(copy / CHECKPOINT_FILE)})
    with pytest.raises(StoreError, match="cannot be read as safetensors"):
        load_trained(copy, catalog)
    assert not (tmp_path / "touched").exists()


def test_weights_of_another_network_are_reported_by_name(copy: Path, catalog: Catalog) -> None:
    save_file({"other.weight": torch.zeros(2)}, copy / CHECKPOINT_FILE)
    rewrite(copy, files={CHECKPOINT_FILE: sha256_of(copy / CHECKPOINT_FILE)})
    with pytest.raises(
        StoreError, match=r"do not fit lenet5 as built by this installation: .* 1 unexpected \(other\.weight\)"
    ):
        load_trained(copy, catalog)


WIDE = """
from torch import nn
from zoo import Architecture, hookimpl

def wide(request):
    width, pixels = request.options["width"], request.in_channels * request.image_size**2
    return nn.Sequential(nn.Flatten(), nn.Linear(pixels, width), nn.Linear(width, request.num_classes))

def swallowing(request):
    try:
        return wide(request)
    except Exception:
        return nn.Sequential(nn.Flatten(), nn.Linear(request.image_size**2, request.num_classes))

@hookimpl
def zoo_architectures():
    for build in (wide, swallowing):
        yield Architecture(name=build.__name__, build=build, options={"width": 4})
"""


@pytest.mark.parametrize(
    ("name", "image_size", "width", "sentence"),
    [
        ("wide", 4, 10**12, "for images of 4 px with the options in its card would take more than"),
        ("wide", 4096, 100, "building wide for images of 4096 px with the options in its card would take more than"),
        ("swallowing", 4, 10**12, "would take more than"),
    ],
)
def test_a_small_file_cannot_ask_for_a_large_network(
    name: str, image_size: int, width: int, sentence: str, tmp_path: Path
) -> None:
    """A card of 3.8 kB asked for 7.7 GB."""
    (tmp_path / "wide.py").write_text(WIDE)
    catalog = build_catalog(Sources(files=(str(tmp_path / "wide.py"),), entry_points=False, strict=True))
    entry = catalog.architectures.get(name)
    spec = ArchitectureSpec(
        full_name=entry.full_name, display_name=name, provider=provider_spec(entry), options={"width": width}
    )
    card = ClassifierCard(
        title=name, architecture=spec, classes=("a", "b"), image_size=image_size, channels=1, mean=(0.5,), std=(0.5,)
    )
    path = tmp_path / "small.safetensors"
    save_file({"1.weight": torch.zeros(4, 16)}, path, metadata=card.metadata())
    assert path.stat().st_size < 4000
    with pytest.raises(StoreError, match=sentence) as caught:
        load_trained(path, catalog)
    assert str(caught.value).endswith("and the file holds 256 bytes of weights")


def test_a_file_larger_than_the_free_memory_is_not_read(
    tmp_path: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sparse file of 30 GB takes no place on the disk."""
    path = tmp_path / "sparse.safetensors"
    with path.open("wb") as file:
        file.truncate(30 * 10**9)
    monkeypatch.setattr("harness.classifiers.trained.free_bytes", lambda: 10**9)
    with pytest.raises(StoreError, match=r"sparse.safetensors cannot be read: it has 30 GB, more than the 1 GB"):
        load_trained(path, catalog)


def test_missing_weights_are_reported(copy: Path, catalog: Catalog) -> None:
    (copy / CHECKPOINT_FILE).unlink()
    with pytest.raises(StoreError, match=r"has no checkpoint\.safetensors"):
        load_trained(copy, catalog)


def test_a_store_is_not_a_trial_and_names_one(copy: Path, catalog: Catalog) -> None:
    with pytest.raises(StoreError, match=rf"contains 1 trial; give one of them, such as {copy}"):
        load_trained(copy.parent, catalog)


@pytest.mark.parametrize(
    ("provider", "message"),
    [
        ({"distribution": "zoo-nets", "version": "1.2"}, "zoo-nets 1.2 provides, .*pip install zoo-nets"),
        (
            {"distribution": "", "plugin": "my_nets"},
            "came from the plugin file 'my_nets'; give that file with --plugin",
        ),
        ({"distribution": "zoobench", "version": "9.9"}, "this version of zoo does not have; zoobench 9.9 had it"),
    ],
)
def test_a_plugin_that_is_missing_is_named_with_what_to_do(
    copy: Path, catalog: Catalog, provider: dict[str, str], message: str
) -> None:
    spec = read_record(copy / RECORD_FILE).spec
    given = spec.architecture.provider.model_copy(update=provider)
    architecture = spec.architecture.model_copy(update={"full_name": "nets/own", "provider": given})
    rewrite(copy, spec=spec.model_copy(update={"architecture": architecture}))
    with pytest.raises(PluginError, match=f"needs the model 'nets/own', which {message}"):
        load_trained(copy, catalog)


def test_another_minor_version_of_torch_is_a_note_only(copy: Path, catalog: Catalog) -> None:
    environment = read_record(copy / RECORD_FILE).environment
    rewrite(copy, environment={**environment, "torch": "1.0.0"})
    assert ["trained with torch 1.0.0" in note for note in load_trained(copy, catalog).notes] == [True]


def test_another_adaptation_to_small_images_is_another_network(copy: Path, catalog: Catalog) -> None:
    record = read_record(copy / RECORD_FILE)
    assert record.model is not None
    execution = record.spec.execution.model_copy(update={"small_images": "on"})
    model = record.model.model_copy(update={"small_image_changes": ("conv1: stride 2 → 1",)})
    rewrite(copy, spec=record.spec.model_copy(update={"execution": execution}), model=model)
    with pytest.raises(StoreError, match="makes other changes here"):
        load_trained(copy, catalog)


def test_published_weights_are_not_fetched_again(
    copy: Path, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = tmp_path / "asking.py"
    plugin.write_text(
        "from zoo import Architecture, hookimpl\n"
        "def build(request):\n"
        "    from torch import nn\n"
        "    assert not request.pretrained and request.options == {'weights': None}\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(768, request.num_classes))\n"
        "@hookimpl\n"
        "def zoo_architectures():\n"
        "    yield Architecture(name='asking', build=build, options={'weights': None}, has_pretrained=True)\n"
    )
    plugins = build_catalog(Sources(entry_points=False, files=(str(plugin),)))
    entry = plugins.architectures.get("asking")
    record = read_record(copy / RECORD_FILE)
    assert record.model is not None
    spec = record.spec.architecture.model_copy(update={"full_name": entry.full_name, "options": {"weights": "in1k"}})
    save_file({"1.weight": torch.ones(3, 768), "1.bias": torch.zeros(3)}, copy / CHECKPOINT_FILE)
    rewrite(
        copy,
        spec=record.spec.model_copy(update={"architecture": spec}),
        model=record.model.model_copy(update={"pretrained": True}),
        files={CHECKPOINT_FILE: sha256_of(copy / CHECKPOINT_FILE)},
    )
    weights = load_trained(copy, plugins).model.state_dict()
    assert torch.equal(weights["1.weight"], read_state_dict(copy / CHECKPOINT_FILE).tensors["1.weight"])


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", b"\xff" * 64, b"\x02\0\0\0\0\0\0\0{}"])
def test_a_file_that_is_not_a_classifier_gives_one_sentence(content: bytes, tmp_path: Path, catalog: Catalog) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="zoo import reads weights trained elsewhere"):
        load_trained(path, catalog)
