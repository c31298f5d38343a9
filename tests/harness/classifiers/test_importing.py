"""Importing: weights trained elsewhere fit a network exactly, or a sentence says where they do not."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from harness.classifiers.importing import ImportRequest, import_weights
from harness.classifiers.tensor_names import Rename
from harness.classifiers.trained import TrainedClassifier, load_trained
from harness.networks.state_dicts import fill
from zoo import Catalog, ModelRequest
from zoo.errors import StoreError, UsageError

CLASSES = ("a", "b", "c", "d")
Import = Callable[..., TrainedClassifier]


def prefixed(prefix: str, weights: dict[str, Tensor], plus: float = 0) -> dict[str, Tensor]:
    return {f"{prefix}{name}": value + plus for name, value in weights.items()}


@pytest.fixture(scope="module")
def network(catalog: Catalog) -> nn.Module:
    entry = catalog.architectures.get("lenet5")
    torch.manual_seed(5)
    options = entry.record.options
    return entry.record.build(ModelRequest(num_classes=4, in_channels=3, image_size=32, options=options))


@pytest.fixture
def weights(network: nn.Module) -> dict[str, Tensor]:
    return dict(network.state_dict())


@pytest.fixture
def run(catalog: Catalog, tmp_path: Path) -> Import:
    def run(content: Any, **settings: Any) -> TrainedClassifier:
        path = tmp_path / "theirs.pt"
        torch.save(content, path)
        given = {"model": "lenet5", "classes": CLASSES, "image_size": 32, "mean": (0.5,) * 3, "std": (0.2,) * 3}
        request = ImportRequest(weights=path, **{**given, **settings})
        return import_weights(request, tmp_path / "ours.safetensors", catalog)

    return run


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda weights: weights,
        lambda weights: {"state_dict": weights, "epoch": 3},
        lambda weights: {"model": {f"module.{name}": value for name, value in weights.items()}},
        lambda weights: {
            "net": {f"module._orig_mod.{name}": value.half() for name, value in weights.items()},
            "acc": 1.0,
        },
        lambda weights: {"optimizer": {"state": {}}, "ema": weights},
        lambda weights: {"n_averaged": torch.tensor(7), **prefixed("module.", weights)},
        lambda weights: prefixed("_fsdp_wrapped_module.", weights),
        lambda weights: {name.replace(".", "._checkpoint_wrapped_module.", 1): each for name, each in weights.items()},
        lambda weights: prefixed("_orig_mod.module.", weights),
        lambda weights: {
            "pytorch-lightning_version": "2.5.0",
            "global_step": 99,
            "state_dict": prefixed("model.", weights),
            "hyper_parameters": {"lr": 0.1, "folder": Path("runs")},
            "callbacks": {"ModelCheckpoint{'monitor': None}": {"best_model_score": torch.tensor(0.9)}},
            "optimizer_states": [{"state": {0: {"momentum_buffer": torch.ones(2)}}, "param_groups": []}],
        },
        lambda weights: {
            "model": weights,
            "model_ema": {"n_averaged": torch.tensor(3), **prefixed("module.", weights, plus=1)},
            "args": argparse.Namespace(output_dir=Path("out"), device="cuda"),
            "scaler": {"scale": 65536.0},
        },
        lambda weights: {
            "arch": "lenet5",
            "state_dict": weights,
            "state_dict_ema": prefixed("", weights, plus=1),
            "args": argparse.Namespace(lr=0.1),
            "metric": 91.7,
        },
        lambda weights: {name: nn.Parameter(value.double()) for name, value in reversed(weights.items())},
    ],
    ids=[
        "plain", "state_dict", "module", "compiled half", "ema", "SWA", "FSDP", "checkpointed", "DDP compiled",
        "Lightning", "torchvision", "timm", "double in another order",
    ],
)  # fmt: skip
def test_wrappers_around_the_weights_are_removed(
    wrapped: Callable[[dict[str, Tensor]], Any], run: Import, weights: dict[str, Tensor], catalog: Catalog
) -> None:
    imported = run(wrapped(weights))
    found = load_trained(imported.path, catalog)
    assert found.card == imported.card
    for name, value in found.model.state_dict().items():
        torch.testing.assert_close(value, weights[name], rtol=1e-3, atol=1e-4)
        assert value.dtype == weights[name].dtype


def test_safetensors_give_the_same_logits(
    network: nn.Module, weights: dict[str, Tensor], catalog: Catalog, tmp_path: Path
) -> None:
    save_file(weights, tmp_path / "theirs.safetensors")
    request = ImportRequest(
        weights=tmp_path / "theirs.safetensors",
        model="lenet5",
        classes=CLASSES,
        image_size=32,
        mean=(0.5,) * 3,
        std=(0.2,) * 3,
    )
    imported = import_weights(request, tmp_path / "ours.safetensors", catalog)
    images_BCHW = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(imported.model(images_BCHW), network.eval()(images_BCHW))


def test_every_name_and_shape_that_does_not_fit_is_named(run: Import, weights: dict[str, Tensor]) -> None:
    first, second, third, *_ = weights
    weights["head.extra"] = torch.zeros(1)
    weights[second] = torch.zeros(2, 2)
    del weights[first]
    with pytest.raises(StoreError) as caught:
        run(weights)
    sentence = str(caught.value)
    assert f"1 missing ({first})" in sentence
    assert f"1 of another shape ({second} is [2, 2] instead of" in sentence
    assert "1 unexpected (head.extra)" in sentence
    assert third not in sentence


def test_ignored_files_may_be_present_but_none_may_be_missing(run: Import, weights: dict[str, Tensor]) -> None:
    weights["aux.weight"] = torch.zeros(1)
    assert run(weights, ignore=["aux.*"]).card.classes == CLASSES
    del weights[next(iter(weights))]
    with pytest.raises(StoreError, match="1 missing"):
        run(weights, ignore=["*"])


def test_another_number_of_classes_is_recognised(run: Import, weights: dict[str, Tensor]) -> None:
    with pytest.raises(StoreError, match=r"for 2 classes: .*; the weights seem to be for 4 classes"):
        run(weights, classes=("a", "b"))


def test_a_body_without_its_head_is_told_from_other_names(run: Import, weights: dict[str, Tensor]) -> None:
    *_, weight, bias = weights
    del weights[weight], weights[bias]
    with pytest.raises(StoreError, match=r"2 missing .* only a part of the network.*whole classifier, by --key"):
        run(weights)


@pytest.mark.parametrize("keep", [True, False])
def test_dimensions_in_another_order_are_recognised(keep: bool, run: Import, weights: dict[str, Tensor]) -> None:
    """Keras and JAX store matrices as inputs × outputs, and kernels as height × width × inputs × outputs."""
    matrices = [name for name, tensor in weights.items() if tensor.ndim == 2]
    weights[matrices[-1]] = weights[matrices[-1]].T.contiguous()
    kernel = next(name for name, tensor in weights.items() if tensor.ndim == 4)
    if not keep:
        weights[kernel] = weights[kernel].permute(2, 3, 1, 0).contiguous()
    with pytest.raises(StoreError, match=r"order of another framework; bring them into PyTorch's with tensor\.permute"):
        run(weights)


def test_a_key_chooses_among_several(run: Import, weights: dict[str, Tensor]) -> None:
    ema = {name: value + 1 if value.is_floating_point() else value for name, value in weights.items()}
    content = {"state_dict": weights, "state_dict_ema": ema}
    name = next(iter(weights))
    assert torch.equal(run(content).model.state_dict()[name], weights[name])
    assert "the file also has 'state_dict_ema'" in run(content).notes[0]
    assert torch.equal(run(content, key="state_dict_ema").model.state_dict()[name], ema[name])
    with pytest.raises(UsageError, match="no weights under the key 'x'; it has 'state_dict', 'state_dict_ema'"):
        run(content, key="x")


def test_other_names_are_proposed_and_imported(run: Import, weights: dict[str, Tensor]) -> None:
    name = next(iter(weights))
    theirs = {f"other_{each}": value for each, value in weights.items()}
    with pytest.raises(StoreError, match=r"order and shapes fit one to one, so try --rename '\\bother_") as caught:
        run(theirs)
    proposed = [Rename.parse(each) for each in re.findall(r"--rename '(.*?)'", str(caught.value))]
    assert torch.equal(run(theirs, renames=tuple(proposed)).model.state_dict()[name], weights[name])


def test_tensors_that_prediction_does_not_need_may_be_ignored(run: Import, weights: dict[str, Tensor]) -> None:
    with pytest.raises(StoreError, match=r"1 unexpected .* leave them out with --ignore"):
        run({**weights, "aux.weight": torch.zeros(1)})


def test_statistics_come_from_published_weights_where_there_are_any(
    run: Import, weights: dict[str, Tensor], catalog: Catalog
) -> None:
    with pytest.raises(UsageError, match="give the --mean and --std"):
        run(weights, mean=None)
    torchvision = catalog.architectures.get("torchvision/squeezenet1_1").record
    network = torchvision.build(ModelRequest(num_classes=4, image_size=64, options=torchvision.options))
    imported = run(network.state_dict(), model="torchvision/squeezenet1_1", mean=None, std=None, image_size=64)
    assert imported.card.mean == (0.485, 0.456, 0.406)


class WantsVersion(nn.Linear):
    """As torchvision's MNASNet does, it does not load what says nothing of its version."""

    _version = 2

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any) -> None:
        if local_metadata.get("version") != 2:
            raise ValueError(f"version should be 2 instead of {local_metadata.get('version')}")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


def test_a_network_that_insists_on_a_version_takes_tensors_without_one() -> None:
    model, tensors = nn.Sequential(WantsVersion(2, 2)), {"0.weight": torch.ones(2, 2), "0.bias": torch.zeros(2)}
    assert not fill(model, tensors)
    assert torch.equal(model[0].weight, torch.ones(2, 2))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_weights_that_are_not_finite_are_named(
    value: float, run: Import, weights: dict[str, Tensor], catalog: Catalog
) -> None:
    """1e300 is infinite as float32."""
    name = next(iter(weights))
    odd = weights[name].double().clone()
    odd.view(-1)[3] = value
    imported = run({**weights, name: odd})
    assert any(f"1 tensor of the network holds NaN or infinity ({name})" in note for note in imported.notes)
    assert any(name in note for note in load_trained(imported.path, catalog).notes)
    assert not any("NaN" in note for note in run(weights).notes)


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.int32, torch.bool])
def test_whole_numbers_in_place_of_real_ones_are_refused(
    kind: torch.dtype, run: Import, weights: dict[str, Tensor]
) -> None:
    """Resembles reports of int8 weights, stored beside their scales, that were read as real numbers without them."""
    quantised = {name: (value * 100).to(kind) for name, value in weights.items()}
    with pytest.raises(StoreError, match=r"of whole numbers \(.* the network has real ones: .* dequantised"):
        run(quantised)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["head.mlp.0.weight", "head.mlp.2.weight"], "most tensors fit.*body with another head.*whole classifier"),
        (["fc.scale", "fc.zero_point"], "are quantised: give those of the network before"),
        (["base.fc.lora_A.weight", "base.fc.lora_B.weight"], "are LoRA adapters: merge them"),
    ],
)
def test_tensors_that_show_another_kind_of_file_come_with_a_remedy(
    names: list[str], words: str, run: Import, weights: dict[str, Tensor]
) -> None:
    """Resembles checkpoints of self-supervised training, of dynamic quantisation and of adapters."""
    *_, weight, bias = weights
    del weights[weight], weights[bias]
    weights |= {name: torch.zeros(3, 3, 3) for name in names}
    with pytest.raises(StoreError, match=words):
        run(weights)
