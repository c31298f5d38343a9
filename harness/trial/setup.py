"""The subject of a trial: a network as it starts, and how it is to be trained, from a spec."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from harness.data.images import PreparedData
from harness.networks.building import build_model
from harness.records.spec import TrialSpec
from harness.training.resolved_recipe import ResolvedRecipe
from zoo.architecture import Architecture, ModelRequest, Preprocessing
from zoo.catalog import Catalog


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TrainingSetup:
    """What a trial trains."""

    model: nn.Module
    """On the CPU; the same, bit for bit, whichever process builds it."""
    changes: tuple[str, ...]
    """What the small-image adaptation changed, a line each."""
    resolved: ResolvedRecipe
    normalization: Preprocessing


def make_setup(spec: TrialSpec, prepared: PreparedData, catalog: Catalog) -> TrainingSetup:
    """Build the network of a resolved *spec* for the images of *prepared*.

    Raises:
        ZooError: If the catalog does not know what the spec names.
        PluginError: If the architecture's code fails.
    """
    architecture = catalog.architectures.get(spec.architecture.full_name).record
    recipe = catalog.recipes.get(spec.recipe.full_name).record
    hp = recipe.hyperparameters().with_overrides(spec.recipe.hyperparameters, owner=spec.recipe.display_name)
    if not prepared.mirror_symmetric:
        hp = hp.model_copy(update={"flip": False})  # a recipe's own functions are to know it too
    request = ModelRequest(
        num_classes=len(prepared.classes),
        in_channels=prepared.channels,
        image_size=prepared.image_size,
        pretrained=hp.pretrained,
        options=spec.architecture.options,
    )
    normalization = _normalization(architecture, request, prepared)
    model, changes = build_model(architecture, request, seed=spec.seed, adapt=spec.execution.small_images == "on")
    resolved = ResolvedRecipe(recipe=recipe, hp=hp)
    return TrainingSetup(model=model, changes=changes, resolved=resolved, normalization=normalization)


def _normalization(architecture: Architecture, request: ModelRequest, prepared: PreparedData) -> Preprocessing:
    """Published weights want the statistics they were trained with; others get the training images' own."""
    if request.pretrained and architecture.preprocessing is not None:
        return architecture.preprocessing(request)
    return Preprocessing(mean=prepared.mean, std=prepared.std)
