"""Differences: two sets of records compared cell by cell, in accuracy, speed and settings.

A cell is an architecture, a dataset and a recipe over all its seeds (see :mod:`reports.comparison.matching`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from harness.records.predictions import FILE_NAME
from reports.comparison.context import (
    FieldChange,
    context_notes,
    environment_differences,
    key_differences,
    reason_of,
    title_of,
)
from reports.comparison.matching import match_groups
from reports.comparison.speeds import SpeedChange, speed_changes
from reports.statistics.contrast import Contrast
from reports.statistics.multiplicity import CONFIDENCE, holm
from reports.trials.correctness import Correctness, folds_of, read_correctness
from reports.trials.grouping import Group, group_trials
from reports.trials.labels import Labels, label_rows
from reports.trials.reading import Trial
from zoo.files.plain_files import PREDICTIONS, digest_of
from zoo.text import one_line

DEFAULT_MARGIN = 0.01


class CellVerdict(StrEnum):
    """The conclusion from the tests of a cell."""

    EQUIVALENT = "equivalent"
    """The change is significantly smaller than the equivalence margin, whether or not there is one."""
    REGRESSION = "regression"
    IMPROVEMENT = "improvement"
    UNDECIDED = "undecided"
    """Neither a change nor equivalence is significant: more seeds or images would be needed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AccuracyChange:
    """The change in accuracy of one cell, on the same test images."""

    first: float
    second: float
    change: float
    """Second minus first, in [-1, 1]."""
    low: float
    """Lower end of the 95 % interval of the change, without adjustment for other cells."""
    high: float
    p: float
    """P-value of "nothing changed", adjusted by Holm's method over all cells."""
    p_not_equivalent: float
    """P-value of "the change is at least the margin", adjusted likewise."""
    p_past_limit: float | None
    """Twice the one-sided p-value of "the drop is at most the limit", adjusted likewise; None without a limit."""
    verdict: CellVerdict
    num_images: int
    is_paired_by_seed: bool
    """Whether equal seeds were paired; otherwise all seeds count as different."""
    num_identical: int
    """Number of shared seeds with identical predictions."""
    num_changed: int
    """Number of test images, over all shared seeds, that only one side classified correctly."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One cell that both sets have."""

    model: str
    data: str
    recipe: str
    fingerprint: str
    first_seeds: tuple[int, ...]
    """Finished seeds of the first set."""
    second_seeds: tuple[int, ...]
    seeds: tuple[int, ...]
    """Seeds that finished on both sides."""
    accuracy: AccuracyChange | None
    problem: str
    """Why its accuracy could not be compared; empty if it was."""
    speeds: tuple[SpeedChange, ...]
    speed_problem: str
    speed_p: tuple[float, ...] = ()
    """For each speed, the p-value of "nothing changed", adjusted by Holm's method over all speeds of all cells."""
    past_limit_p: tuple[float, ...] = ()
    """For each speed, the p-value of "the slowdown is at most the limit", adjusted likewise; empty without one."""

    @property
    def title(self) -> str:
        """Name of the row in a sentence."""
        return title_of(Labels(model=self.model, data=self.data, recipe=self.recipe))


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """The comparison of two sets of records."""

    first: str
    """Name of the first set."""
    second: str
    margin: float
    """Equivalence margin: smaller changes in accuracy do not matter."""
    max_accuracy_drop: float | None
    max_slowdown: float | None
    cells: tuple[Cell, ...]
    only_first: tuple[str, ...]
    """Cells that only the first set has."""
    only_second: tuple[str, ...]
    notes: tuple[str, ...]
    """What was not compared, and why."""
    environment: tuple[FieldChange, ...]
    fields: tuple[FieldChange, ...]
    """Differences in fields that can change a prediction, apart from the version of torch."""

    @property
    def alarms(self) -> tuple[str, ...]:
        """A sentence for each limit that a cell significantly exceeds, or that could not be checked."""
        return tuple(sentence for cell in self.cells for sentence in self._alarms(cell))

    def _alarms(self, cell: Cell) -> Iterator[str]:
        name = cell.title
        if self.max_accuracy_drop is not None:
            limit = margin_text(self.max_accuracy_drop)
            if cell.accuracy is None and cell.first_seeds:
                yield f"{name}: unknown whether accuracy fell by more than {limit}: {cell.problem}"
            elif cell.accuracy is not None and is_sure(cell.accuracy.p_past_limit):
                fall = -100 * cell.accuracy.change
                yield f"{name}: accuracy fell by {fall:.1f} points, significantly more than {limit}"
        if self.max_slowdown is not None:
            for change, p in zip(cell.speeds, cell.past_limit_p, strict=True):
                if is_sure(p):
                    kind = "training" if change.kind == "train" else change.kind
                    yield (
                        f"{name}: {kind} takes {1 / change.ratio:.2f} times as long, significantly more than "
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
    """Compare two sets of trials.

    Args:
        first: The trials before; changes are second minus first.
        second: The trials after.
        names: Names of the two sets.
        margin: Equivalence margin of accuracy, in [0, 1].
        max_accuracy_drop: Drop in accuracy, in [0, 1], beyond which a cell raises an alarm.
        max_slowdown: Ratio of times, 1 or more, beyond which a cell raises an alarm.
        notes: Further notes for the reader, such as records that could not be read.
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
    """Return a cell whose p-values are not adjusted yet."""
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
            return f"no seed of the {side} run has finished ({'; '.join(reasons)})"
        read.append({})
        for seed, (folder, record) in sorted(group.done.items()):
            correctness = read_correctness(folder, record)
            if isinstance(correctness, str):
                return f"seed {seed} of the {side} run: {correctness}"
            read[-1][seed] = correctness
    if len({each.images for side in read for each in side.values()}) > 1:
        return "the runs were tested on different images"
    # If two or more seeds are shared, they are paired, and unpaired seeds would only add noise.
    is_paired = len(shared) > 1
    sides = [[side[seed] for seed in (shared if is_paired else sorted(side))] for side in read]
    arrays = [np.stack([each.correct_N for each in side]) for side in sides]
    contrast = Contrast.of(*arrays, is_paired_by_seed=is_paired, folds=(folds_of(sides[0]), folds_of(sides[1])))
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


def margin_text(share: float) -> str:
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
    return record.files.get(FILE_NAME) or digest_of(folder / FILE_NAME, PREDICTIONS)
