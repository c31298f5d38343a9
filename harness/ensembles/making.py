"""Making: the row of an ensemble, from the predictions of its members, with what it costs to run all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from harness.ensembles.greedy import ROUNDS, greedy_counts
from harness.ensembles.members import EnsembleMember, TestedOn, check_untouched, read_member, title_of
from harness.given.row import NewRow
from harness.records.derived.mean_predictions import mean_predictions
from harness.records.origin import Origin, OriginKind
from harness.records.predictions import SavedPredictions
from harness.records.record import Latency, ModelInfo, Rate, Record, SpeedInfo, most_taken
from harness.records.spec import ArchitectureSpec, ProviderSpec, RecipeSpec, TrialSpec
from zoo.errors import StoreError
from zoo.names import slug
from zoo.text import one_line, plural

NAMESPACE = "ensemble"
RECIPE = "zoo/ensemble"


class Over(StrEnum):
    """What the members of an ensemble differ in."""

    SEEDS = "seeds"
    FOLDS = "folds"
    MODELS = "models"


class MemberChoice(StrEnum):
    """How the members of an ensemble are chosen among the candidates."""

    ALL = "all"
    """All of them, with the same weight."""
    GREEDY = "greedy"
    """See :mod:`harness.ensembles.greedy`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EnsembleRequest:
    """An ensemble to be made."""

    over: Over
    candidates: tuple[tuple[Path, Record], ...]
    """Trials that may be members, in order."""
    tested: TestedOn
    name: str
    """What its members have in common: a model, or empty."""
    recipe: str = ""
    """Display name of the recipe of all members; empty if they differ."""
    selection: MemberChoice = MemberChoice.ALL
    rounds: int = ROUNDS
    """Networks that greedy selection adds."""


def make_ensemble(request: EnsembleRequest) -> NewRow:
    """Return the row of an ensemble.

    Raises:
        StoreError: If candidates have other test images or classes, no scores, or, for greedy selection, no validation
            predictions; or if there are fewer than two.
    """
    if len(request.candidates) < 2:
        raise StoreError(f"{request.name or 'this ensemble'}: an ensemble has at least two networks")
    is_greedy = request.selection is MemberChoice.GREEDY
    # The folds of a cross-validation have different validation images.
    with_val = request.over is not Over.FOLDS
    if is_greedy and not with_val:
        raise StoreError(
            f"{request.name}: the folds were validated on different images, so none can be chosen by them; average all"
        )
    candidates = [read_member(*each, request.tested, with_val=with_val) for each in request.candidates]
    if request.over is Over.FOLDS:
        check_untouched(request.candidates, request.tested, candidates[0].test)
    counts = greedy_counts(candidates, rounds=request.rounds) if is_greedy else [1] * len(candidates)
    chosen = [(member, count) for member, count in zip(candidates, counts, strict=True) if count]
    members, weights = [member for member, _ in chosen], [float(count) for _, count in chosen]
    test = _averaged(members, weights)
    vals = [member.val for member in members if member.val is not None]
    val = None
    if len(vals) == len(members):
        try:
            val = mean_predictions(vals, weights)
        except StoreError:  # other validation images; only greedy selection would need the same
            val = None
    speed, warnings = _speed(members)
    if len(members) == 1:
        warnings = (*warnings, f"greedy selection chose a single network: {members[0].title}")
    first = members[0].record
    return NewRow(
        spec=_spec(request, members, [count for _, count in chosen], len(candidates)),
        origin=Origin(
            kind=OriginKind.ENSEMBLE,
            source=_source(members),
            files={member.record.trial_id: member.sha256 for member in members},
        ),
        data=request.tested.data,
        saved=test,
        val=val,
        model=_model([member.record for member in members]),
        speed=speed,
        measurement_key=first.measurement_key if speed is not None else "",
        warnings=warnings,
        seconds=_seconds([member.record for member in members]),
        environment=_environment([member.record for member in members]),
    )


def _averaged(members: Sequence[EnsembleMember], weights: Sequence[float]) -> SavedPredictions:
    for member in members[1:]:
        try:
            mean_predictions([members[0].test, member.test])
        except StoreError as error:
            raise StoreError(f"{member.title} cannot be averaged with {members[0].title}: {error}") from error
    return mean_predictions([member.test for member in members], weights)


def _spec(
    request: EnsembleRequest, members: Sequence[EnsembleMember], counts: Sequence[int], num_candidates: int
) -> TrialSpec:
    first = members[0].record.spec
    none = ProviderSpec(plugin="none")
    noun = {Over.SEEDS: "seed", Over.FOLDS: "fold", Over.MODELS: "model"}[request.over]
    size = plural(len(members), noun)
    if request.selection is MemberChoice.GREEDY:
        size = f"greedy, {len(members)} of {plural(num_candidates, noun)}"
    shown = one_line(f"{request.name}, {size}" if request.name else size, max_length=120)
    weights = [f"{each.title} ×{count}" for each, count in zip(members, counts, strict=True)]
    batch_sizes = {member.record.spec.recipe.hyperparameters.get("batch_size") for member in members}
    return TrialSpec(
        architecture=ArchitectureSpec(
            full_name=f"{NAMESPACE}/{slug(shown, 100)}",
            display_name=shown,
            provider=none,
            options={
                "recipe": request.recipe,
                "over": request.over.value,
                "select": request.selection.value,
                "weights": "; ".join(weights) if len(set(counts)) > 1 else "",
            },
        ),
        dataset=request.tested.dataset,
        recipe=RecipeSpec(
            full_name=RECIPE,
            display_name="ensemble",
            provider=none,
            # That of the speeds, which is part of their conditions.
            hyperparameters={"batch_size": batch_sizes.pop()} if len(batch_sizes) == 1 else {},
        ),
        seed=0,
        preparation=first.preparation if _are_equal(members, lambda record: record.spec.preparation) else None,
        execution=first.execution,
    )


def _are_equal(members: Sequence[EnsembleMember], read: Callable[[Record], object]) -> bool:
    return all(read(member.record) == read(members[0].record) for member in members)


def _source(members: Sequence[EnsembleMember]) -> str:
    titles = "; ".join(member.title for member in members)
    return titles if len(titles) <= 400 else f"{titles[:399]}…"


def _model(records: Sequence[Record]) -> ModelInfo | None:
    """Return the sizes of all members added up; None if the network of one is unknown."""
    models = [record.model for record in records if record.model is not None]
    if len(models) < len(records):
        return None
    return ModelInfo(
        params=_sum([model.params for model in models]),
        trainable_params=_sum([model.trainable_params for model in models]),
        macs=_sum([model.macs for model in models]),
        mean=models[0].mean,
        std=models[0].std,
        pretrained=any(model.pretrained for model in models),
    )


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _seconds(records: Sequence[Record]) -> dict[str, float]:
    phases = dict.fromkeys(phase for record in records for phase in record.seconds)
    return {phase: sum(record.seconds.get(phase, 0.0) for record in records) for phase in phases}


def _environment(records: Sequence[Record]) -> dict[str, object]:
    """Return what the environments of all members have in common."""
    first = records[0].environment
    return {
        name: value for name, value in first.items() if all(record.environment.get(name) == value for record in records)
    }


def _speed(members: Sequence[EnsembleMember]) -> tuple[SpeedInfo | None, tuple[str, ...]]:
    """Return the speed of running all members one after the other; None if they cannot be added up."""
    records = [member.record for member in members]
    speeds = [record.speed for record in records if record.speed is not None]
    if len(speeds) < len(records):
        return None, ()
    if len({record.measurement_key for record in records}) > 1:
        names = one_line("; ".join(title_of(record) for record in records), max_length=200)
        return None, (f"no inference time: its members were measured under different conditions ({names})",)
    latencies = [speed.latency for speed in speeds if speed.latency is not None]
    return SpeedInfo(
        protocol=speeds[0].protocol,
        inference=_one_after_the_other([speed.inference for speed in speeds]),
        inference_end_to_end=_one_after_the_other([speed.inference_end_to_end for speed in speeds]),
        latency=Latency(
            p50_ms=sum(each.p50_ms for each in latencies),
            p95_ms=sum(each.p95_ms for each in latencies),
            runs=min(each.runs for each in latencies),
        )
        if len(latencies) == len(speeds)
        else None,
        foreign_cores=max((speed.foreign_cores for speed in speeds if speed.foreign_cores is not None), default=None),
        taken_share=most_taken(speeds),
        notes=tuple(dict.fromkeys(note for speed in speeds for note in speed.notes)),
    ), ()


def _one_after_the_other(rates: Sequence[Rate | None]) -> Rate | None:
    """Return the rate of running networks in turn: times per image are added up."""
    known = [rate for rate in rates if rate is not None]
    if len(known) < len(rates) or not all(rate.low > 0 for rate in known):
        return None
    return Rate(
        median=1 / sum(1 / rate.median for rate in known),
        low=1 / sum(1 / rate.low for rate in known),
        high=1 / sum(1 / rate.high for rate in known),
        windows=min(rate.windows for rate in known),
        batch_size=known[0].batch_size,
    )
