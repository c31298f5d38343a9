"""The plan: all trials of a selection, and the skipped combinations with their reasons. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from harness.planning.preparing import plan_preparation
from harness.planning.request import BenchRequest
from harness.planning.selection import SelectedArchitecture, SelectedDataset, SelectedRecipe, Selection
from harness.records.provenance import provider_spec
from harness.records.seed_schedule import seed_counts
from harness.records.spec import (
    ArchitectureSpec,
    DatasetSpec,
    ExecutionSpec,
    RecipeSpec,
    TrialSpec,
    stable_hash,
)
from zoo.errors import UsageError, ZooError
from zoo.optimizers import TIMM
from zoo.preparation import Preparation


@dataclass(frozen=True, kw_only=True, slots=True)
class Skip:
    """A combination that cannot be run."""

    title: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The trials to run, in order, and the skipped combinations."""

    trials: tuple[TrialSpec, ...]
    skips: tuple[Skip, ...] = ()
    preload: tuple[str, ...] = ()
    """Modules that the trials will import."""

    @property
    def datasets(self) -> tuple[DatasetSpec, ...]:
        """The distinct datasets, in order."""
        return tuple({stable_hash(trial.dataset.model_dump()): trial.dataset for trial in self.trials}.values())


def make_plan(selection: Selection) -> Plan:
    """Combine a selection: for each dataset and seed, every architecture with every recipe.

    Seeds and their folds form the outer loops, so that an unfinished bench has run all models on the same ones.
    """
    request = selection.request
    execution = ExecutionSpec(
        device=request.device,
        gpus_per_trial=request.gpus_per_trial,
        precision=request.precision,
        compile=request.compile,
        layout=request.layout,
        threads=request.threads,
        small_images={None: "auto", True: "on", False: "off"}[request.small_images],  # type: ignore[arg-type]
        looks=len(seed_counts(request.max_seeds)) if request.seeds == "auto" else 1,
        measure_seconds=request.measure_seconds,
        best_inference=request.best_inference,
    )
    trials: list[TrialSpec] = []
    skips: dict[str, Skip] = {}
    for dataset in selection.datasets:
        whole = dataset_spec(dataset, request)
        for seed, images in product(selection.seeds, _folds(whole)):
            for architecture in selection.architectures:
                for recipe in selection.recipes:
                    try:
                        preparation = _preparation(architecture, dataset, recipe)
                    except ZooError as error:  # such as weights that are not among those published
                        title = (
                            f"{architecture.entry.display_name} · {dataset.display_name} · {recipe.entry.display_name}"
                        )
                        skips.setdefault(title, Skip(title=title, reason=str(error)))
                        continue
                    trials.append(
                        TrialSpec(
                            architecture=_architecture_spec(architecture),
                            dataset=images,
                            recipe=_recipe_spec(recipe),
                            seed=seed,
                            preparation=preparation,
                            execution=execution,
                        )
                    )
    wanted = [each.entry.record.preload for each in selection.architectures]
    wanted += [each.entry.record.preload for each in selection.datasets]
    wanted += [each.entry.record.preload for each in selection.recipes]
    if _needs_compiler(selection):
        wanted.append(("torch._dynamo",))
    preload = tuple(dict.fromkeys(module for modules in wanted for module in modules))
    return Plan(trials=tuple(trials), skips=tuple(skips.values()), preload=preload)


def _needs_compiler(selection: Selection) -> bool:
    """Return whether trials will import torch's compiler, as an optimizer of timm's or of a recipe's own does too."""
    request = selection.request
    other_optimizer = any(
        recipe.entry.record.make_optimizer is not None or recipe.hyperparameters.optimizer.startswith(TIMM)
        for recipe in selection.recipes
    )
    return other_optimizer or request.compile != "off" or request.gpus_per_trial > 1


def _folds(whole: DatasetSpec) -> list[DatasetSpec]:
    """Return the dataset specs of a seed's trials: one for each fold, or the whole dataset."""
    if whole.folds is None:
        return [whole]
    return [whole.model_copy(update={"fold": fold}) for fold in range(1, whole.folds + 1)]


def _preparation(architecture: SelectedArchitecture, dataset: SelectedDataset, recipe: SelectedRecipe) -> Preparation:
    """Return the preparation of a combination's images, as far as it is known in advance.

    Raises:
        ZooError: If the combination cannot be run.
    """
    network, pretrained = architecture.entry.record, recipe.hyperparameters.pretrained
    if pretrained and not network.has_pretrained:
        raise UsageError("the recipe starts from published weights, and there are none")
    found = plan_preparation(
        dataset.asked,
        recipe.entry.record,
        dataset.entry.record,
        architecture.entry,
        architecture.options,
        pretrained=pretrained,
    )
    if found.size is not None and found.size < network.min_size:
        raise UsageError(f"the network takes images of at least {network.min_size} px, and these have {found.size}")
    return found


def _architecture_spec(selected: SelectedArchitecture) -> ArchitectureSpec:
    entry = selected.entry
    return ArchitectureSpec(
        full_name=entry.full_name,
        display_name=entry.display_name,
        version=entry.record.version,
        family=entry.record.family,
        adapts_small_images=entry.record.adapts_small_images,
        native_size=entry.record.native_size,
        provider=provider_spec(entry),
        options=dict(selected.options),
    )


def dataset_spec(selected: SelectedDataset, request: BenchRequest) -> DatasetSpec:
    """Return the spec of a selected dataset with the settings of a request."""
    entry = selected.entry
    return DatasetSpec(
        full_name=entry.full_name,
        display_name=selected.display_name,
        argument=selected.argument,
        version=entry.record.version,
        provider=provider_spec(entry),
        options=dict(selected.options),
        image_size=selected.asked.size,
        fit=selected.asked.fit,
        crop_share=selected.asked.crop_share,
        interpolation=selected.asked.interpolation,
        antialias=selected.asked.antialias,
        bit_depth=selected.bit_depth,
        mirror_symmetric=entry.record.mirror_symmetric,
        limit_train=request.limit_train,
        limit_test=request.limit_test,
        val_fraction=request.val_fraction,
        folds=request.folds,
    )


def _recipe_spec(selected: SelectedRecipe) -> RecipeSpec:
    return RecipeSpec(
        full_name=selected.entry.full_name,
        display_name=selected.entry.display_name,
        provider=provider_spec(selected.entry),
        hyperparameters=selected.hyperparameters.model_dump(mode="json"),
    )
