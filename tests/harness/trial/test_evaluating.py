"""The network of a trial that trains nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from torch import nn

from harness.classifiers.importing import ImportRequest, import_weights
from harness.classifiers.onnx import RuntimeModule
from harness.faults.errors import TrialError
from harness.planning.classifiers import GivenClassifier
from harness.records.spec import (
    ArchitectureSpec,
    ClassifierSpec,
    DatasetSpec,
    ExecutionSpec,
    ProviderSpec,
    RecipeSpec,
    TrialSpec,
)
from harness.trial.evaluating import EvaluatedNetwork, competing_classes, evaluated_macs, evaluated_network, untuned
from zoo import Catalog
from zoo.preparation import Preparation

PROVIDER = ProviderSpec(plugin="zoo", distribution="zoobench")
HEAD = ("ant", "bee", "cat", "dog")


def spec_of(**classifier: object) -> TrialSpec:
    return TrialSpec(
        architecture=ArchitectureSpec(full_name="zoo/linear", display_name="linear", provider=PROVIDER),
        dataset=DatasetSpec(full_name="zoo/toy", display_name="toy", provider=PROVIDER),
        recipe=RecipeSpec(
            full_name="zoo/as_published",
            display_name="as_published",
            provider=PROVIDER,
            hyperparameters={"batch_size": 8, "test_views": "one", "pretrained": True},
        ),
        seed=0,
        preparation=Preparation(size=8, mean=(0.5,) * 3, std=(0.2,) * 3),
        execution=ExecutionSpec(small_images="off"),
        classifier=ClassifierSpec(kind="file", source="file:a", num_classes=len(HEAD), **classifier),  # type: ignore[arg-type]
    )


def given_of(spec: TrialSpec, **fields: object) -> GivenClassifier:
    assert spec.classifier is not None
    return GivenClassifier(
        spec=spec.classifier,
        architecture=spec.architecture,
        preparation=Preparation(size=8),
        names=HEAD,
        **fields,  # type: ignore[arg-type]
    )


def test_logits_come_in_the_order_of_the_datasets_classes() -> None:
    logits_BK = torch.arange(8.0).reshape(2, 4)
    network = EvaluatedNetwork(nn.Identity(), None, [3, 1])
    assert network(logits_BK).tolist() == [[3.0, 1.0], [7.0, 5.0]]
    assert torch.equal(EvaluatedNetwork(nn.Identity(), None, None)(logits_BK), logits_BK)
    doubled = EvaluatedNetwork(nn.Identity(), lambda net, images: 2 * net(images), [0])
    assert doubled(logits_BK).tolist() == [[0.0], [8.0]]


def test_the_wrapper_adds_no_parameters_to_a_network() -> None:
    linear = nn.Linear(3, 4)
    assert sum(each.numel() for each in EvaluatedNetwork(linear, None, [1]).state_dict().values()) == 16


def test_what_another_library_computes_is_not_counted_as_nothing(make_data) -> None:
    prepared = make_data()
    numbers, classes = prepared.image_size**2 * prepared.channels, len(prepared.classes)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(numbers, classes))
    assert evaluated_macs(EvaluatedNetwork(linear, None, None), prepared) == numbers * classes
    theirs = RuntimeModule(linear.forward)
    assert evaluated_macs(EvaluatedNetwork(theirs, lambda net, images: net(images), None), prepared) is None


@pytest.mark.parametrize(("over", "names"), [("subset", ("dog", "bee")), ("all", ("dog", "bee", "ant", "cat"))])
def test_the_classes_that_compete_are_those_of_the_dataset_or_all(over: str, names: tuple[str, ...], make_data) -> None:
    spec = spec_of(over=over, columns=(3, 1))
    prepared = make_data().model_copy(update={"classes": ("dog", "bee")})
    assert competing_classes(spec, given_of(spec), prepared) == names


def test_a_name_that_is_also_another_class_of_the_head_stays_unique(make_data) -> None:
    spec = spec_of(over="all", columns=(3, 1))
    prepared = make_data().model_copy(update={"classes": ("ant", "bee")})  # "ant" was mapped to the head's dog
    assert competing_classes(spec, given_of(spec), prepared) == ("ant", "bee", "ant (head)", "cat")


def test_a_file_becomes_a_network_with_its_weights(catalog: Catalog, make_data, tmp_path: Path) -> None:
    torch.manual_seed(1)
    prepared = make_data()
    side, channels, classes = prepared.image_size, prepared.channels, prepared.classes
    weights = {"1.weight": torch.randn(len(classes), side * side * channels), "1.bias": torch.randn(len(classes))}
    torch.save(weights, tmp_path / "theirs.pt")
    request = ImportRequest(
        weights=tmp_path / "theirs.pt",
        model="linear",
        classes=classes,
        image_size=side,
        channels=channels,
        mean=(0.5,) * channels,
        std=(0.2,) * channels,
    )
    imported = import_weights(request, tmp_path / "ours.safetensors", catalog)
    path = imported.path
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}
    spec = spec_of(files=files)
    given = given_of(spec, path=str(path), card=imported.card.description())
    network = evaluated_network(spec, given, prepared, catalog)
    images_BCHW = torch.rand(2, channels, side, side)
    assert torch.equal(network(images_BCHW), imported.model(images_BCHW))
    assert not any(each.requires_grad for each in network.parameters())
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(TrialError, match="has changed since the bench started"):
        evaluated_network(spec, given, prepared, catalog)


def test_it_runs_as_asked_and_is_not_tuned() -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert untuned(spec_of(), cpu, {}).layout == "contiguous"
    assert untuned(spec_of(), cuda, {}).layout == "channels_last"
    assert not untuned(spec_of(), cpu, {}).compile
    asked = spec_of().model_copy(update={"execution": ExecutionSpec(layout="channels_last", compile="on")})
    assert (untuned(asked, cpu, {}).layout, untuned(asked, cpu, {}).compile) == ("channels_last", True)
