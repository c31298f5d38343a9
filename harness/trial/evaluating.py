"""Evaluating: the network of a trial that trains nothing, and the logits that its classes take part in.

Shape suffixes: B batch, C channels, H height, W width, K columns of logits.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn

from harness.batches.forward_settings import ForwardSettings
from harness.classifiers.card import ClassifierCard
from harness.classifiers.onnx import RuntimeModule, load_onnx
from harness.classifiers.trained import TrainedClassifier, assemble
from harness.code.imported import check_imported
from harness.data.images import PreparedData, TrialImages
from harness.faults.errors import TrialError
from harness.measuring.peak_memory import PeakMemory
from harness.networks.building import build_model
from harness.networks.complexity import count_macs, count_parameters
from harness.planning.class_mapping import competing
from harness.planning.classifiers import GivenClassifier
from harness.records.record import FailureKind, Layout, ModelInfo, Tuning
from harness.records.spec import ClassifierSpec, TrialSpec
from harness.training.prediction_views import Predict
from harness.training.resolved_recipe import ResolvedRecipe
from harness.trial.active import ActiveTrial
from harness.trial.setup import distributions, hyperparameters, stated_normalization
from zoo.architecture import ModelRequest
from zoo.catalog import Catalog
from zoo.errors import StoreError
from zoo.files.plain_files import WEIGHTS, read_bytes


class EvaluatedNetwork(nn.Module):
    """A classifier as a network for a dataset: its logits in the order of the dataset's classes.

    Args:
        network: The network with its own head.
        predict: How it predicts, if not by a call.
        columns: Columns of its logits; None: all, as they are.
    """

    def __init__(self, network: nn.Module, predict: Predict | None, columns: list[int] | None) -> None:
        super().__init__()
        self.network = network
        self._predict = predict
        # No buffer: it is no part of the network, whose parameters are counted.
        self._columns_K = None if columns is None else torch.tensor(columns)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return the logits ``[B, K]`` of normalised images."""
        logits_BK = self.network(images_BCHW) if self._predict is None else self._predict(self.network, images_BCHW)
        if self._columns_K is None:
            return logits_BK
        return logits_BK.index_select(1, self._columns_K.to(logits_BK.device))


def run_evaluation(trial: ActiveTrial, given: GivenClassifier) -> None:
    """Run a trial that trains nothing."""
    trial.begin()
    spec, prepared, progress, device = trial.spec, trial.prepared, trial.progress, trial.device

    with progress.during("build"):
        memory = PeakMemory(device)
        model = evaluated_network(spec, given, prepared, trial.catalog)
        normalization = stated_normalization(spec, prepared)
        recipe = trial.catalog.recipes.get(spec.recipe.full_name).record
        resolved = ResolvedRecipe(recipe=recipe, hp=hyperparameters(spec, prepared, trial.catalog))
        total, _ = count_parameters(model)
        progress.model = ModelInfo(
            params=total or None,  # a network in another format has none here
            trainable_params=0 if total else None,
            macs=evaluated_macs(model, prepared),
            small_image_changes=tuple(given.card.get("small_image_changes") or ()),
            mean=normalization.mean,
            std=normalization.std,
            pretrained=True,
        )
        images = TrialImages(prepared)
        trial.choose_threads(progress.model.macs, resolved.hp.batch_size)
    trial.wait_for_cores()

    with progress.during("build"):
        tuning = progress.tuning = untuned(spec, device, given.card)
        settings = ForwardSettings(
            device=device,
            normalization=normalization,
            precision=trial.precision,
            channels_last=tuning.layout == "channels_last",
            compile=tuning.compile,
            graphs=tuning.graphs,
            trials_on_device=trial.job.sharing,
        )
        settings.place(model)
        memory.forget_peak()

    tested = trial.test(model, resolved, settings, images, competing_classes(spec, given, prepared))
    peak_memory_mib = memory.mib()
    with progress.during("measure"):
        progress.speed = trial.measure(model, resolved, settings, test=tested, peak_memory_mib=peak_memory_mib)


def evaluated_network(
    spec: TrialSpec, given: GivenClassifier, prepared: PreparedData, catalog: Catalog
) -> EvaluatedNetwork:
    """Return the network that a resolved *spec* tests as it is, on the CPU.

    Raises:
        TrialError: If the weights are missing, damaged, or do not fit the network.
        ZooError: If a plugin of the spec is not in the catalog.
    """
    assert spec.classifier is not None
    predict: Predict | None = None
    if given.spec.kind == "published":
        architecture = catalog.architectures.get(spec.architecture.full_name).record
        request = ModelRequest(
            num_classes=spec.classifier.num_classes,
            in_channels=prepared.channels,
            image_size=prepared.image_size,
            pretrained=True,
            options=dict(spec.architecture.options),
        )
        network, _ = build_model(architecture, request, seed=spec.seed, adapt=False)
    else:
        classifier = _load(given, catalog)
        network, predict = classifier.model, classifier.predict
        if given.spec.kind == "onnx":
            predict = _on_cpu
    check_imported(distributions(spec))
    return EvaluatedNetwork(network.eval().requires_grad_(False), predict, _columns(spec.classifier))


def evaluated_macs(model: EvaluatedNetwork, prepared: PreparedData) -> int | None:
    """Count the multiply-accumulates of an image; None if that fails, or where another library computes the logits."""
    if isinstance(model.network, RuntimeModule):
        return None
    return count_macs(model, (prepared.channels, prepared.image_size, prepared.image_size))


def competing_classes(spec: TrialSpec, given: GivenClassifier | None, prepared: PreparedData) -> tuple[str, ...]:
    """Return the names of the classes whose logits compete, the dataset's first."""
    columns = None if spec.classifier is None else _columns(spec.classifier)
    if given is None or columns is None or len(columns) == len(prepared.classes):
        return prepared.classes
    others = [given.names[column] for column in columns[len(prepared.classes) :]]
    taken = set(prepared.classes)
    return (*prepared.classes, *(f"{name} (head)" if name in taken else name for name in others))


def untuned(spec: TrialSpec, device: torch.device, card: dict[str, object]) -> Tuning:
    """Return how a network that is not trained runs: as asked, else as its card or the device's kind suggests."""
    asked, compiled = spec.execution.layout, spec.execution.compile
    usual: Layout = "channels_last" if device.type == "cuda" or card.get("layout") == "channels_last" else "contiguous"
    return Tuning(
        layout=usual if asked == "auto" else asked,
        compile=compiled in ("on", "graphs"),
        graphs=compiled == "graphs",
        reason="not tried out, since nothing is trained",
    )


def _on_cpu(network: nn.Module, images_BCHW: Tensor) -> Tensor:
    logits_BK: Tensor = network(images_BCHW.cpu())
    return logits_BK.to(images_BCHW.device)


def _columns(spec: ClassifierSpec) -> list[int] | None:
    if spec.columns is None:
        return None
    return competing(spec.columns, spec.num_classes, spec.over)


def _load(given: GivenClassifier, catalog: Catalog) -> TrainedClassifier:
    path = Path(given.path)
    (expected,) = given.spec.files.values()
    try:
        content = read_bytes(path, WEIGHTS)
    except OSError as error:
        raise TrialError(FailureKind.DATA, f"{path} cannot be read: {error.strerror or error}") from error
    if hashlib.sha256(content).hexdigest() != expected:
        raise TrialError(FailureKind.DATA, f"{path} has changed since the bench started")
    try:
        if given.spec.kind == "onnx":
            return load_onnx(path)
        from safetensors.torch import load

        card = ClassifierCard.model_validate(given.card)
        return assemble(card, load(content), catalog, path=path)
    except StoreError as error:
        raise TrialError(FailureKind.DATA, str(error)) from error
