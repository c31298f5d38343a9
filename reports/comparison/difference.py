"""Differences: two sets of records, cell by cell. What changed in accuracy and speed, how sure that is, and what else.

A cell is an architecture, a dataset and a recipe over all its seeds (see :mod:`reports.comparison.matching`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from harness.records.predictions import FILE_NAME
from reports.comparison.context import (
    FieldDifference,
    context_notes,
    environment_differences,
    key_differences,
    reason_of,
    title_of,
)
from reports.comparison.matching import match_groups
from reports.comparison.speeds import SpeedChange, speed_changes
from reports.comparison.statistics import Contrast
from reports.statistics.multiplicity import CONFIDENCE, holm
from reports.trials.correctness import Correctness, read_correctness
from reports.trials.grouping import Group, group_trials
from reports.trials.labels import Labels, label_rows
from reports.trials.reading import Trial
from zoo.text import one_line

DEFAULT_MARGIN = 0.01


class CellVerdict(StrEnum):
    """What a cell's tests say together."""

    EQUIVALENT = "equivalent"
    """The change is surely smaller than the margin, whether it is there or not."""
    REGRESSION = "regression"
    IMPROVEMENT = "improvement"
    UNDECIDED = "undecided"
    """Neither a change nor equivalence is sure: more seeds or images would be needed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AccuracyChange:
    """How the accuracy of one cell changed, on the same test images."""

    first: float
    second: float
    change: float
    """The second less the first, in [-1, 1]."""
    low: float
    """Lower end of the change's 95 % interval, this cell taken for itself."""
    high: float
    p: float
    """Of "nothing changed", adjusted by Holm's method over all cells."""
    p_not_equivalent: float
    """Of "the change is the margin or more", adjusted likewise."""
    p_past_limit: float | None
    """Twice the one-sided p of "the drop is at most the limit", adjusted likewise; None without a limit."""
    verdict: CellVerdict
    num_images: int
    is_paired_by_seed: bool
    """Whether each seed was held against the same seed; else the seeds of both sides count as different ones."""
    num_identical: int
    """Seeds of both sides whose predictions are the same to the bit."""
    num_changed: int
    """Test images, over all seeds of both sides, that only one of the two had right."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One cell that both sets have."""

    model: str
    data: str
    recipe: str
    fingerprint: str
    first_seeds: tuple[int, ...]
    """Seeds that are done."""
    second_seeds: tuple[int, ...]
    seeds: tuple[int, ...]
    """Seeds of both sides."""
    accuracy: AccuracyChange | None
    problem: str
    """Why its accuracy could not be compared; empty where it was."""
    speeds: tuple[SpeedChange, ...]
    speed_problem: str
    speed_p: tuple[float, ...] = ()
    """For each speed: of "nothing changed", adjusted by Holm's method over all speeds of all cells."""
    past_limit_p: tuple[float, ...] = ()
    """For each speed: of "the slowdown is at most the limit", adjusted likewise; empty without a limit."""

    @property
    def title(self) -> str:
        """What it is called in a sentence."""
        return title_of(Labels(model=self.model, data=self.data, recipe=self.recipe))


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Two sets of records, held together."""

    first: str
    """What the first set is called."""
    second: str
    margin: float
    """Changes of accuracy smaller than this count as none."""
    max_accuracy_drop: float | None
    max_slowdown: float | None
    cells: tuple[Cell, ...]
    only_first: tuple[str, ...]
    """Cells that the second set lacks."""
    only_second: tuple[str, ...]
    notes: tuple[str, ...]
    """What was not compared, and why."""
    environment: tuple[FieldDifference, ...]
    fields: tuple[FieldDifference, ...]
    """What differs in what can change a prediction, the version of torch apart."""

    @property
    def alarms(self) -> tuple[str, ...]:
        """A sentence for each limit that a cell has surely gone past, or that could not be checked."""
        return tuple(sentence for cell in self.cells for sentence in self._alarms(cell))

    def _alarms(self, cell: Cell) -> Iterator[str]:
        name = cell.title
        if self.max_accuracy_drop is not None:
            limit = points_text(self.max_accuracy_drop)
            if cell.accuracy is None and cell.first_seeds:
                yield f"{name}: whether accuracy fell by more than {limit} is not known: {cell.problem}"
            elif cell.accuracy is not None and is_sure(cell.accuracy.p_past_limit):
                yield f"{name}: accuracy fell by {-100 * cell.accuracy.change:.1f} points, surely more than {limit}"
        if self.max_slowdown is not None:
            for change, p in zip(cell.speeds, cell.past_limit_p, strict=True):
                if is_sure(p):
                    kind = "training" if change.kind == "train" else change.kind
                    yield f"{name}: {kind} takes {1 / change.ratio:.2f} times as long, surely more than " + (
                        f"{self.max_slowdown:g} times"
                    )


def compare(
    first: Sequence[Trial],
    second: Sequence[Trial],
    *,
    names: tuple[str, str] = ("A", "B"),
    margin: float = DEFAULT_MARGIN,
    max_accuracy_drop: float | None = None,
    max_slowdown: float | None = None,
    notes: Sequence[str] = (),
) -> Difference:
    """Hold two sets of trials together.

    Args:
        first: What was before: changes are of the second from the first.
        second: What is now.
        names: What they are called.
        margin: Changes of accuracy smaller than this, in [0, 1], count as none.
        max_accuracy_drop: The fall in accuracy, in [0, 1], past which a cell is an alarm.
        max_slowdown: The ratio of times, 1 or more, past which a cell is an alarm.
        notes: What else a reader should know, such as records that could not be read.
    """
    groups = [group_trials(sorted(trials, key=lambda trial: trial[1].trial_id)) for trials in (first, second)]
    labels: dict[int, Labels] = {}
    for side in groups:
        labels |= zip(map(id, side), label_rows([group.example for group in side]), strict=True)
    titles = {key: title_of(each) for key, each in labels.items()}
    matching = match_groups(*groups)
    drafts = [_draft(one, other, labels[id(one)], max_accuracy_drop, margin) for one, other in matching.cells]
    drafts.sort(key=lambda cell: (cell.data, cell.model, cell.recipe))
    return Difference(
        first=names[0],
        second=names[1],
        margin=margin,
        max_accuracy_drop=max_accuracy_drop,
        max_slowdown=max_slowdown,
        cells=_adjusted(drafts, max_slowdown),
        only_first=tuple(sorted(titles[id(group)] for group in matching.only_first)),
        only_second=tuple(sorted(titles[id(group)] for group in matching.only_second)),
        notes=tuple(map(one_line, [*notes, *context_notes(matching, titles, names)])),
        environment=environment_differences(first, second),
        fields=key_differences(matching, titles),
    )


def _draft(first: Group, second: Group, labels: Labels, limit: float | None, margin: float) -> Cell:
    """Return a cell whose p-values are its own yet."""
    shared = tuple(sorted(set(first.done) & set(second.done)))
    accuracy = _accuracy(first, second, shared, limit, margin)
    records = [[group.done[seed][1] for seed in sorted(group.done)] for group in (first, second)]
    speeds, speed_problem = speed_changes(*records)
    return Cell(
        model=labels.model,
        data=labels.data,
        recipe=labels.recipe,
        fingerprint=first.fingerprint,
        first_seeds=tuple(sorted(first.done)),
        second_seeds=tuple(sorted(second.done)),
        seeds=shared,
        accuracy=None if isinstance(accuracy, str) else accuracy,
        problem=one_line(accuracy) if isinstance(accuracy, str) else "",
        speeds=speeds,
        speed_problem=speed_problem,
    )


def _accuracy(
    first: Group, second: Group, shared: Sequence[int], limit: float | None, margin: float
) -> AccuracyChange | str:
    read: list[dict[int, Correctness]] = []
    for side, group in (("first", first), ("second", second)):
        if not group.done:
            reasons = sorted({reason_of(record) for record in group.unfinished.values()})
            return f"no seed of the {side} is done ({'; '.join(reasons)})"
        read.append({})
        for seed, (folder, record) in sorted(group.done.items()):
            correctness = read_correctness(folder, record)
            if isinstance(correctness, str):
                return f"seed {seed} of the {side}: {correctness}"
            read[-1][seed] = correctness
    if len({each.images for side in read for each in side.values()}) > 1:
        return "they were tested on different images"
    # Two seeds that both have are paired, and what else there is then says less than it blurs.
    is_paired = len(shared) > 1
    arrays = [np.stack([side[seed].correct_N for seed in (shared if is_paired else sorted(side))]) for side in read]
    contrast = Contrast.of(*arrays, is_paired_by_seed=is_paired)
    low, high = contrast.interval()
    return AccuracyChange(
        first=float(arrays[0].mean()),
        second=float(arrays[1].mean()),
        change=contrast.change,
        low=low,
        high=high,
        p=contrast.p_value(),
        p_not_equivalent=contrast.p_not_equivalent(margin),
        p_past_limit=None if limit is None else min(1.0, 2 * contrast.p_below(-limit)),
        verdict=CellVerdict.UNDECIDED,
        num_images=contrast.num_images,
        is_paired_by_seed=is_paired,
        num_identical=sum(_digest(first.done[seed]) == _digest(second.done[seed]) for seed in shared),
        num_changed=sum(int((read[0][seed].correct_N != read[1][seed].correct_N).sum()) for seed in shared),
    )


def _adjusted(cells: Sequence[Cell], max_slowdown: float | None) -> tuple[Cell, ...]:
    """Adjust the p-values of all cells for their number, and give verdicts."""
    tested = [cell.accuracy for cell in cells if cell.accuracy is not None]
    p_values = iter(_holm([each.p for each in tested]))
    equivalence = iter(_holm([each.p_not_equivalent for each in tested]))
    past = iter(_holm([1.0 if each.p_past_limit is None else each.p_past_limit for each in tested]))
    changes = [change for cell in cells for change in cell.speeds]
    speeds = iter(_holm([change.p_value() for change in changes]))
    slower_past = iter(_holm([change.p_slower(max_slowdown) for change in changes]) if max_slowdown else [])
    adjusted = []
    for cell in cells:
        accuracy = cell.accuracy
        if accuracy is not None:
            p, p_not_equivalent, p_past = next(p_values), next(equivalence), next(past)
            accuracy = replace(
                accuracy,
                p=p,
                p_not_equivalent=p_not_equivalent,
                p_past_limit=None if accuracy.p_past_limit is None else p_past,
                verdict=_verdict(accuracy.change, p, p_not_equivalent),
            )
        adjusted.append(
            replace(
                cell,
                accuracy=accuracy,
                speed_p=tuple(next(speeds) for _ in cell.speeds),
                past_limit_p=tuple(next(slower_past) for _ in cell.speeds) if max_slowdown else (),
            )
        )
    return tuple(adjusted)


def _verdict(change: float, p: float, p_not_equivalent: float) -> CellVerdict:
    if is_sure(p_not_equivalent):
        return CellVerdict.EQUIVALENT
    if is_sure(p):
        return CellVerdict.REGRESSION if change < 0 else CellVerdict.IMPROVEMENT
    return CellVerdict.UNDECIDED


def points_text(share: float) -> str:
    """Return ``1 point`` for 0.01."""
    points = f"{100 * share:g}"
    return f"{points} point{'' if points == '1' else 's'}"


def is_sure(p: float | None) -> bool:
    """Return whether an adjusted p-value is below 5 %."""
    return p is not None and p < 1 - CONFIDENCE


def _holm(p_values: Sequence[float]) -> list[float]:
    return [float(p) for p in holm(np.array(p_values, dtype=np.float64))]


def _digest(trial: Trial) -> str:
    folder, record = trial
    return record.files.get(FILE_NAME) or hashlib.sha256((folder / FILE_NAME).read_bytes()).hexdigest()
