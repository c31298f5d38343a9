"""Adaptive seeds: which rows need more seeds, and why the others do not. Records in, a verdict out.

Two rows need more seeds while they share ranks and more seeds could help: while the smallest difference that would be
found between them (:func:`reports.statistics.power.detectable_differences`) still shrinks. Differences between test
images stay, however many seeds there are.

Every look may find a difference that is not there, and adding stops where one is found. So each look tests at its share
of the level, and so does the resulting table; :func:`harness.records.seed_schedule.seed_counts` gives the number of
looks. The intervals of single rows are those of any table: stopping shifts a mean little, because it depends on
differences between rows and on counts fixed beforehand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from harness.records.record import Record
from harness.records.seed_schedule import FIRST_SEEDS, seed_counts
from harness.records.spec import TrialSpec
from reports.leaderboard.ranking import evidence_of, most_common_images
from reports.statistics.multiplicity import alpha_of_look
from reports.statistics.power import detectable_differences
from reports.statistics.ranks import separated
from reports.statistics.sample import Sample
from reports.trials.grouping import Group, by_table, group_trials
from reports.trials.reading import Trial

LEAST_GAIN = 0.1
"""Share by which the smallest difference that would be found must shrink, up to the most seeds, for more seeds to be
worth their time. Twice the seeds gain about 0.3 where it is seeds that differ, and nothing where it is images."""

_ROUNDING = 1e-6  # an accuracy from a million images has no finer steps


class SeedState(StrEnum):
    """What one more look would do for a row."""

    SETTLED = "settled"
    """It is told apart from all others."""
    OPEN = "open"
    """It shares ranks, and more seeds could change that."""
    HOPELESS = "hopeless"
    """It shares ranks, and more seeds would not change that."""
    FULL = "full"
    """It shares ranks, and has all seeds that it may have."""
    APART = "apart"
    """It cannot be compared: its trials failed, or were tested on other images than most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What a look at the ranks says of each row."""

    states: dict[str, SeedState]
    """By :func:`combination_of`."""
    next_seeds: int
    """How many seeds the open rows should have at the next look; as many as now after the last one."""

    @property
    def is_last(self) -> bool:
        """Whether no row wants more seeds."""
        return SeedState.OPEN not in self.states.values()

    def wants(self, spec: TrialSpec) -> bool:
        """Tell whether a trial's row wants more seeds."""
        return self.states.get(combination_of(spec)) is SeedState.OPEN

    def reason(self) -> str:
        """Return in words what the rows came to."""
        counts = Counter(self.states.values())
        if set(counts) == {SeedState.SETTLED}:
            return "all rows are told apart" if len(self.states) > 1 else "there is nothing to tell one row from"
        said = {
            SeedState.SETTLED: "told apart from all others",
            SeedState.OPEN: "sharing ranks that more seeds could settle",
            SeedState.FULL: f"sharing ranks with {self.next_seeds} seeds, which is the most",
            SeedState.HOPELESS: "sharing ranks that more seeds would not settle: there are too few test images",
            SeedState.APART: "without a rank",
        }
        rows = len(self.states)
        return "; ".join(f"{counts[state]} of {rows} {words}" for state, words in said.items() if counts[state])


def looks_of(groups: Iterable[Group]) -> int:
    """Return how many looks at the ranks of these rows their benches may have taken."""
    records = (record for group in groups for record in _records(group))
    return max((record.spec.execution.looks for record in records), default=1)


def _records(group: Group) -> Iterator[Record]:
    yield from (record for _, record in group.done.values())
    yield from group.unfinished.values()


def looks_note(looks: int) -> str:
    """Return what a reader should know of a table whose ranks were looked at that often."""
    return (
        f"seeds were added where ranks were shared, in up to {looks} looks: rows are told apart at "
        f"{alpha_of_look(looks):.3g}, so that all looks together keep 0.05"
    )


def expected_seeds(groups: Sequence[Group]) -> set[int]:
    """Return the seeds that each row should have: where they were added as needed, those before the first look."""
    seeds = {record.spec.seed for group in groups for record in _records(group)}
    return set(sorted(seeds)[:FIRST_SEEDS]) if looks_of(groups) > 1 else seeds


def combination_of(spec: TrialSpec) -> str:
    """Return what all trials of a row have in common, seeds, folds and execution apart."""
    return spec.whole.model_dump_json(exclude={"seed", "execution"})


def look_at(trials: Sequence[Trial], *, num_seeds: int, max_seeds: int) -> Look:
    """Look at the ranks of *trials*.

    Args:
        trials: All so far.
        num_seeds: How many seeds rows have now, at most.
        max_seeds: How many they may have.
    """
    counts = seed_counts(max_seeds)
    later = [count for count in counts if count > num_seeds]
    states: dict[str, SeedState] = {}
    for groups in by_table(group_trials(trials)):
        keys = [combination_of(group.example.spec) for group in groups]
        evidence = [evidence_of([group.done[seed] for seed in sorted(group.done)]) for group in groups]
        common = most_common_images(basis.images for basis in evidence if basis.sample is not None)
        compared = {
            key: basis.sample
            for key, basis in zip(keys, evidence, strict=True)
            if basis.sample is not None and basis.images == common
        }
        states.update(dict.fromkeys(keys, SeedState.APART))
        found = row_states(
            list(compared.values()), alpha=alpha_of_look(len(counts)), max_seeds=max_seeds if later else None
        )
        states.update(zip(compared, found, strict=True))
    return Look(states=states, next_seeds=later[0] if later else num_seeds)


def row_states(samples: Sequence[Sample], *, alpha: float, max_seeds: int | None) -> list[SeedState]:
    """Return the state of each row.

    Args:
        samples: Of the same images in the same order.
        alpha: Level of this look.
        max_seeds: How many seeds a row may come to have; None: no more than it has.
    """
    if len(samples) < 2:
        return [SeedState.SETTLED] * len(samples)
    above = separated(samples, alpha=alpha)
    shares = ~(above | above.T) & ~np.eye(len(samples), dtype=bool)
    gains = np.zeros_like(shares)
    if max_seeds is not None:
        now = detectable_differences(samples, alpha=alpha)
        then = detectable_differences(samples, alpha=alpha, num_seeds=max_seeds)
        gains = (then < (1 - LEAST_GAIN) * now) & (now > _ROUNDING)
    return [_state(shares[row], gains[row], may_grow=max_seeds is not None) for row in range(len(samples))]


def _state(shares_M: NDArray[np.bool_], gains_M: NDArray[np.bool_], *, may_grow: bool) -> SeedState:
    if not shares_M.any():
        return SeedState.SETTLED
    if not may_grow:
        return SeedState.FULL
    return SeedState.OPEN if (shares_M & gains_M).any() else SeedState.HOPELESS
