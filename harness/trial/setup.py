"""Setup: building the network, recipe and normalisation of a trial from its spec."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from harness.batches.normalization import Normalization
from harness.code.imported import check_imported
from harness.data.images import PreparedData
from harness.networks.building import build_model
from harness.records.spec import TrialSpec
from harness.training.resolved_recipe import ResolvedRecipe
from zoo.architecture import ModelRequest
from zoo.calling.containment import hyperparameters_of
from zoo.catalog import Catalog
from zoo.hyperparameters import Hyperparameters
from zoo.preparation import Preparation


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TrainingSetup:
    """The network and recipe of a trial."""

    model: nn.Module
    """The network on the CPU, bit for bit the same in every process that builds it."""
    changes: tuple[str, ...]
    """A line for each layer that the small-image adaptation changed."""
    resolved: ResolvedRecipe
    normalization: Normalization
    request: ModelRequest
    """What the network was built for."""
    architecture_name: str


def make_setup(spec: TrialSpec, prepared: PreparedData, catalog: Catalog, *, check: bool = True) -> TrainingSetup:
    """Build the network of a resolved *spec* for the images of *prepared*.

    Args:
        check: Whether to check the network's output, which takes a forward pass.

    Raises:
        ZooError: If a plugin of the spec is not in the catalog.
        PluginError: If the architecture's code fails, or a library was imported from another place than the record
            names.
    """
    architecture = catalog.architectures.get(spec.architecture.full_name).record
    recipe = catalog.recipes.get(spec.recipe.full_name).record
    hp = hyperparameters(spec, prepared, catalog)
    request = ModelRequest(
        num_classes=len(prepared.classes),
        in_channels=prepared.channels,
        image_size=prepared.image_size,
        pretrained=hp.pretrained,
        options=dict(spec.architecture.options),  # a plugin may change what it is given
    )
    normalization = stated_normalization(spec, prepared)
    model, changes = build_model(
        architecture, request, seed=spec.seed, adapt=spec.execution.small_images == "on", check=check
    )
    check_imported(distributions(spec))
    resolved = ResolvedRecipe(recipe=recipe, hp=hp)
    return TrainingSetup(
        model=model,
        changes=changes,
        resolved=resolved,
        normalization=normalization,
        request=request,
        architecture_name=architecture.name,
    )


def hyperparameters(spec: TrialSpec, prepared: PreparedData, catalog: Catalog) -> Hyperparameters:
    """Return the hyperparameters of a resolved spec, for the images of *prepared*."""
    name = spec.recipe.display_name
    hp = hyperparameters_of(catalog.recipes.get(spec.recipe.full_name).record, name)
    hp = hp.with_overrides(spec.recipe.hyperparameters, owner=name)
    # Also for the recipe's own functions.
    return hp if prepared.mirror_symmetric else hp.without_mirroring()


def distributions(spec: TrialSpec) -> set[str]:
    """Return the distributions that a record names as what has run."""
    found = {"torch"}
    for provider in (spec.architecture.provider, spec.recipe.provider):
        found |= {provider.distribution} if provider.distribution else set()
        found |= set(provider.code.libraries) if provider.code is not None else set()
    return found - {"zoobench"}  # its packages are checked where plugins are found


def stated_normalization(spec: TrialSpec, prepared: PreparedData) -> Normalization:
    """Return the statistics that the preparation states, or those of the training images otherwise."""
    stated = (spec.preparation or Preparation()).for_channels(prepared.channels)
    if stated.mean is None or stated.std is None:
        return Normalization(mean=prepared.mean, std=prepared.std)
    return Normalization(mean=stated.mean, std=stated.std)
