"""Adaptive seeds: which rows need more seeds, and why the others do not.

Two rows need more seeds as long as they share ranks and more seeds could separate them, that is, while their minimum
detectable difference (:func:`reports.statistics.power.detectable_differences`) still shrinks. Differences between test
images remain, no matter how many seeds there are.

Every look may find a difference that does not exist, and seeds are no longer added once one is found. Therefore each
look, and the resulting table, tests at its share of the level; :func:`harness.records.seed_schedule.seed_counts` gives
the number of looks. The intervals of single rows are those of any table: stopping hardly shifts a mean, because it
depends on differences between rows and on counts that are fixed beforehand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from harness.records.record import Record
from harness.records.seed_schedule import seed_counts
from harness.records.spec import TrialSpec
from reports.leaderboard.ranking_evidence import evidence_of, most_common_images
from reports.statistics.multiplicity import alpha_of_look
from reports.statistics.power import detectable_differences
from reports.statistics.ranks import separated
from reports.statistics.sample import Sample
from reports.trials.grouping import Group, by_table, group_trials
from reports.trials.reading import Trial

LEAST_GAIN = 0.1
"""Share by which the minimum detectable difference must shrink with the maximum number of seeds for more seeds to be
worthwhile. Twice the seeds gain about 0.3 if most of the variance is between seeds, and nothing if it is between
images."""

_ROUNDING = 1e-6  # an accuracy from a million images has no finer steps


class SeedState(StrEnum):
    """Whether a row needs more seeds."""

    SETTLED = "settled"
    """Separated from all other rows."""
    OPEN = "open"
    """Sharing ranks, and more seeds could change that."""
    HOPELESS = "hopeless"
    """Sharing ranks, and more seeds would not change that."""
    FULL = "full"
    """Sharing ranks, with the maximum number of seeds."""
    APART = "apart"
    """Not comparable: its trials failed, or were tested on different images from most rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """The state of each row at one look at the ranks."""

    states: dict[str, SeedState]
    """States by :func:`combination_of`."""
    next_seeds: int
    """Number of seeds that open rows should have at the next look; unchanged after the last one."""

    @property
    def is_last(self) -> bool:
        """Whether no row needs more seeds."""
        return SeedState.OPEN not in self.states.values()

    def wants(self, spec: TrialSpec) -> bool:
        """Tell whether the row of a trial needs more seeds."""
        return self.states.get(combination_of(spec)) is SeedState.OPEN

    def reason(self) -> str:
        """Return the states of the rows in words."""
        counts = Counter(self.states.values())
        if set(counts) == {SeedState.SETTLED}:
            return "all rows are separated" if len(self.states) > 1 else "there is only one row"
        said = {
            SeedState.SETTLED: "separated from all others",
            SeedState.OPEN: "sharing ranks that more seeds could separate",
            SeedState.FULL: f"sharing ranks with the maximum of {self.next_seeds} seeds",
            SeedState.HOPELESS: "sharing ranks that more seeds would not separate (too few test images)",
            SeedState.APART: "without a rank",
        }
        rows = len(self.states)
        return "; ".join(f"{counts[state]} of {rows} {words}" for state, words in said.items() if counts[state])


def looks_of(groups: Iterable[Group]) -> int:
    """Return how many looks at the ranks of these rows may have been taken."""
    records = (record for group in groups for record in _records(group))
    return max((record.spec.execution.looks for record in records), default=1)


def _records(group: Group) -> Iterator[Record]:
    yield from (record for _, record in group.done.values())
    yield from group.unfinished.values()


def looks_note(looks: int) -> str:
    """Return the note on a table whose ranks were looked at several times."""
    return (
        f"seeds were added where rows shared ranks, in up to {looks} looks; each tests at {alpha_of_look(looks):.3g}, "
        "so that all together keep the level of 0.05"
    )


def expected_seeds(groups: Sequence[Group]) -> set[int]:
    """Return the seeds that each trained row should have; if seeds were added adaptively, those before the first look.

    Rows that were not trained here have no seeds to complete.
    """
    trained = [group for group in groups if group.example.origin is None]
    seeds = {record.spec.seed for group in trained for record in _records(group)}
    looks = [
        record.spec.execution for group in trained for record in _records(group) if record.spec.execution.looks > 1
    ]
    return set(sorted(seeds)[: min(each.first_seeds for each in looks)]) if looks else seeds


def combination_of(spec: TrialSpec) -> str:
    """Return a key that all trials of a row share: the spec without seed, folds and execution.

    Nor does it hold the preparation: in a plan, its size may still depend on the images, and it follows from the rest.
    """
    return spec.whole.model_dump_json(exclude={"seed", "execution", "preparation"})


def look_at(trials: Sequence[Trial], *, num_seeds: int, max_seeds: int) -> Look:
    """Look at the ranks of *trials*.

    Args:
        trials: All trials so far.
        num_seeds: Largest number of seeds that a row has now.
        max_seeds: Largest number of seeds that a row may have.
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
        samples: Rows tested on the same images, in the same order.
        alpha: Level of this look.
        max_seeds: Largest number of seeds that a row may have; None if no more can be added.
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
