"""The plan: all trials of a selection, and the skipped combinations with their reasons. Plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from harness.planning.classifiers import GivenClassifier
from harness.planning.preparing import plan_preparation
from harness.planning.request import BenchRequest
from harness.planning.selected import SelectedArchitecture, SelectedDataset, SelectedRecipe, Selection
from harness.planning.selection import READ_WITHOUT_TRAINING
from harness.records.provenance import provider_spec
from harness.records.seed_schedule import FIRST_SEEDS, seed_counts
from harness.records.spec import (
    ArchitectureSpec,
    ClassifierSpec,
    DatasetSpec,
    ExecutionSpec,
    PretrainingSpec,
    RecipeSpec,
    TrialSpec,
    stable_hash,
)
from zoo.calling.containment import head_of, pretraining_of
from zoo.dependencies import require_libraries
from zoo.errors import UsageError, ZooError
from zoo.optimizers import TIMM
from zoo.preparation import Preparation, layered

_FEW_SKIPS = 10
"""Maximum number of combinations skipped for one reason that are all named."""


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
    classifiers: Mapping[str, GivenClassifier] = field(default_factory=dict)
    """The classifiers of trials that train nothing, by their keys."""

    @property
    def skip_sentences(self) -> list[str]:
        """A sentence for each reason, with the skipped combinations, or with the first ones of many."""
        by_reason: dict[str, list[str]] = {}
        for skip in self.skips:
            by_reason.setdefault(skip.reason, []).append(skip.title)
        told: list[str] = []
        for reason, titles in by_reason.items():
            if len(titles) <= _FEW_SKIPS:
                told.append(f"skipped: {', '.join(titles)}: {reason}")
            else:
                told.append(
                    f"skipped: {len(titles):,} combinations: {reason}; the first are {titles[0]} and {titles[1]}"
                )
        return told

    def without(self, reason_of: Callable[[TrialSpec], str]) -> Plan:
        """Return the plan without the trials for which *reason_of* gives a reason; their combinations become skips."""
        left: list[TrialSpec] = []
        skips: dict[str, Skip] = {}
        for spec in self.trials:
            if reason := reason_of(spec):
                names = (spec.architecture.display_name, spec.dataset.display_name, spec.recipe.display_name)
                title = " · ".join(names)
                skips[title] = Skip(title=title, reason=reason)
            else:
                left.append(spec)
        return replace(self, trials=tuple(left), skips=(*self.skips, *skips.values()))

    @property
    def datasets(self) -> tuple[DatasetSpec, ...]:
        """The distinct datasets, in order."""
        return tuple({stable_hash(trial.dataset.model_dump()): trial.dataset for trial in self.trials}.values())


def _looks(request: BenchRequest) -> Sequence[int]:
    """Return the number of seeds of each row at each look at the ranks that decides on more seeds."""
    if request.seeds == "auto":
        return seed_counts(request.max_seeds)
    if request.stops_rows:
        return range(1, request.seeds + 1)
    return (request.seeds,)


def make_plan(selection: Selection) -> Plan:
    """Combine a selection: for each dataset and seed, every architecture with every recipe.

    Seeds and their folds form the outer loops, so that an unfinished bench has run all models on the same ones.
    """
    request = selection.request
    looks = _looks(request)
    execution = ExecutionSpec(
        device=request.device,
        gpus_per_trial=request.gpus_per_trial,
        precision=request.precision,
        compile=request.compile,
        layout=request.layout,
        batched_seeds=request.batched_seeds,
        threads=request.threads,
        small_images={None: "auto", True: "on", False: "off"}[request.small_images],  # type: ignore[arg-type]
        looks=len(looks),
        first_seeds=looks[0] if len(looks) > 1 else FIRST_SEEDS,
        measure_seconds=request.measure_seconds,
        best_inference=request.best_inference,
    )
    trials: list[TrialSpec] = []
    skips: dict[str, Skip] = {}
    classifiers: dict[str, GivenClassifier] = {}
    models: list[SelectedArchitecture | GivenClassifier] = [*selection.architectures, *selection.classifiers]
    for dataset in selection.datasets:
        whole = dataset_spec(dataset, request)
        folds = _folds(whole)
        for seed, of_all_seeds in product(selection.seeds, folds):
            images = of_all_seeds.model_copy(update={"resplit": seed}) if request.resplit else of_all_seeds
            for model, recipe in product(models, selection.recipes):
                if not recipe.entry.record.trains and seed != selection.seeds[0]:
                    continue  # there is no chance in it
                try:
                    planned = _plan_trial(model, dataset, recipe, selection)
                    pretraining = _pretraining(model, dataset, recipe)
                except ZooError as error:  # such as weights that are not among those published
                    title = f"{_name_of(model)} · {dataset.display_name} · {recipe.entry.display_name}"
                    skips.setdefault(title, Skip(title=title, reason=str(error)))
                    continue
                if planned.classifier is not None:
                    classifiers[planned.classifier.spec.key] = planned.classifier
                trials.append(
                    TrialSpec(
                        architecture=planned.architecture,
                        dataset=images,
                        recipe=_recipe_spec(recipe),
                        seed=seed,
                        preparation=planned.preparation,
                        execution=execution.model_copy(
                            update={
                                "measure_shares": len(folds)
                                * (_sure_seeds(request) if recipe.entry.record.trains else 1)
                            }
                        ),
                        classifier=planned.classifier.spec if planned.classifier else None,
                        pretraining=pretraining,
                    )
                )
    wanted = [each.entry.record.preload for each in selection.architectures]
    wanted += [each.preload for each in selection.classifiers]
    wanted += [each.entry.record.preload for each in selection.datasets]
    wanted += [each.entry.record.preload for each in selection.recipes]
    if _needs_compiler(selection):
        wanted.append(("torch._dynamo",))
    preload = tuple(dict.fromkeys(module for modules in wanted for module in modules))
    return Plan(trials=tuple(trials), skips=tuple(skips.values()), preload=preload, classifiers=classifiers)


def _needs_compiler(selection: Selection) -> bool:
    """Return whether trials will import torch's compiler, as an optimizer of timm's or of a recipe's own does too."""
    request = selection.request
    other_optimizer = any(
        recipe.entry.record.make_optimizer is not None or recipe.hyperparameters.optimizer.startswith(TIMM)
        for recipe in selection.recipes
    )
    return other_optimizer or request.compile != "off" or request.gpus_per_trial > 1


def _sure_seeds(request: BenchRequest) -> int:
    """Return how many seeds each row that is trained has, whatever they show."""
    return seed_counts(request.max_seeds)[0] if request.seeds == "auto" else request.seeds


def _folds(whole: DatasetSpec) -> list[DatasetSpec]:
    """Return the dataset specs of a seed's trials: one for each fold, or the whole dataset."""
    if whole.folds is None:
        return [whole]
    return [whole.model_copy(update={"fold": fold}) for fold in range(1, whole.folds + 1)]


@dataclass(frozen=True, kw_only=True, slots=True)
class _PlannedTrial:
    """What the trials of a combination share."""

    architecture: ArchitectureSpec
    preparation: Preparation
    classifier: GivenClassifier | None = None


def _name_of(model: SelectedArchitecture | GivenClassifier) -> str:
    return model.display_name if isinstance(model, SelectedArchitecture) else model.spec.source


def _plan_trial(
    model: SelectedArchitecture | GivenClassifier,
    dataset: SelectedDataset,
    recipe: SelectedRecipe,
    selection: Selection,
) -> _PlannedTrial:
    """Return what is known of a combination's trials in advance.

    Raises:
        ZooError: If the combination cannot be run.
    """
    require_libraries(recipe.entry.record.libraries, f"recipe {recipe.entry.display_name!r}")
    if isinstance(model, SelectedArchitecture):
        require_libraries(model.entry.record.libraries, f"model {model.entry.display_name!r}")
    trains = recipe.entry.record.trains
    if not trains and selection.request.gpus_per_trial > 1:
        raise UsageError("nothing is trained, so it runs on one device: leave --gpus-per-trial out")
    if isinstance(model, GivenClassifier):
        if trains:
            raise UsageError("it is tested as it is, and not trained: choose --recipes as_published, or zoo eval")
        own = recipe.entry.record.preparation or Preparation()
        return _PlannedTrial(
            architecture=model.architecture,
            preparation=layered([dataset.asked, own, model.preparation]),
            classifier=_matched(model, selection),
        )
    preparation = _preparation(model, dataset, recipe)
    architecture = _architecture_spec(model)
    if trains:
        return _PlannedTrial(architecture=architecture, preparation=preparation)
    published = published_classifier(model, architecture, preparation)
    return _PlannedTrial(architecture=architecture, preparation=preparation, classifier=_matched(published, selection))


def published_classifier(
    selected: SelectedArchitecture, architecture: ArchitectureSpec, preparation: Preparation
) -> GivenClassifier:
    """Return the classifier that published weights are with their own head.

    Raises:
        ZooError: If there are none, or it is not known what they classify.
    """
    entry = selected.entry
    head = head_of(entry.record, entry.display_name, selected.options)
    if head is None:
        raise UsageError("it does not say which classes its published weights tell apart")
    weights = selected.options.get("weights")
    figure = next((each for each in head.figures if each.metric == "accuracy"), None)
    return GivenClassifier(
        spec=ClassifierSpec(
            kind="published",
            source=f"{entry.full_name}.{weights}" if weights else entry.full_name,
            num_classes=len(head.classes),
            published=figure,
        ),
        architecture=architecture,
        preparation=preparation,
        names=head.classes.names,
        ids=head.classes.ids,
        preload=entry.record.preload,
    )


def _matched(classifier: GivenClassifier, selection: Selection) -> GivenClassifier:
    """Return a classifier with the request's settings of how its classes are matched with those of a dataset."""
    settings = {"over": selection.request.argmax, "classes": selection.class_map}
    return classifier.model_copy(update={"spec": classifier.spec.model_copy(update=settings)})


def _preparation(architecture: SelectedArchitecture, dataset: SelectedDataset, recipe: SelectedRecipe) -> Preparation:
    """Return the preparation of a combination's images, as far as it is known in advance.

    Raises:
        ZooError: If the combination cannot be run.
    """
    network, pretrained = architecture.entry.record, recipe.hyperparameters.pretrained
    if pretrained and not network.has_pretrained:
        trains = recipe.entry.record.trains
        remedy = "recipe.pretrained=false starts from random ones" if trains else "file:PATH tests those of a file"
        raise UsageError(f"the recipe starts from published weights, and there are none; {remedy}")
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


def _pretraining(
    model: SelectedArchitecture | GivenClassifier, dataset: SelectedDataset, recipe: SelectedRecipe
) -> PretrainingSpec | None:
    """Return what published weights saw and where the test images come from; None if nothing is pretrained.

    Raises:
        ZooError: If there are no such weights, or the architecture's function fails.
    """
    collections: tuple[str, ...] = ()
    if isinstance(model, SelectedArchitecture):
        if recipe.entry.record.trains and not recipe.hyperparameters.pretrained:
            return None
        collections = pretraining_of(model.entry.record, model.entry.display_name, model.options)
    return PretrainingSpec(collections=collections, test_images=dataset.entry.record.collections)


def _architecture_spec(selected: SelectedArchitecture) -> ArchitectureSpec:
    entry = selected.entry
    return ArchitectureSpec(
        full_name=entry.full_name,
        display_name=selected.display_name,
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
        unsplit_is_test=request.unsplit_is_test,
        val_fraction=request.val_fraction,
        folds=request.folds,
    )


def _recipe_spec(selected: SelectedRecipe) -> RecipeSpec:
    return RecipeSpec(
        full_name=selected.entry.full_name,
        display_name=selected.entry.display_name,
        provider=provider_spec(selected.entry),
        hyperparameters=selected.hyperparameters.model_dump(
            mode="json", include=None if selected.entry.record.trains else {*READ_WITHOUT_TRAINING, "pretrained"}
        ),
    )
