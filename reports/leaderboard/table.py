"""The leaderboard: records grouped into rows, rows into one table for each dataset, ranked as far as they can be.

A row is an architecture, a dataset and a recipe, with all that was set in them, over all its seeds. Tables never mix
datasets, nor two contents of the same dataset. What failed or is missing is counted and shown, and never enters a
mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LOADER_SHARE = 0.2
"""Share of training time that the data path may take. TensorFlow's profiler calls a step "highly input-bound" above the
same share, which is well beyond the noise of either rate."""

FOREIGN_CORES = 0.25
"""Cores that other processes may take while a speed is measured. A desktop at rest takes less than a tenth; a quarter
on two cores is an eighth of the machine, more than the windows of one measurement usually differ by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A metric of a row over its seeds."""

    mean: float
    sd: float | None
    """Standard deviation over seeds (ddof 1); None for one seed."""
    n: int
    """Seeds for which it is defined."""
    low: float | None = None
    """Lower end of its 95 % interval; None where there is none."""
    high: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Unfinished:
    """A trial of a row that gave no result."""

    seed: int
    outcome: str
    """``failed``, ``interrupted``, ``skipped``, or ``missing`` where there is no record."""
    reason: str
    """One sentence; for a failure it starts with its kind."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """What was measured of speed and memory: medians over seeds. None where it was not measured."""

    measurement_key: str
    train: float | None
    """Training images per second with the data path, as the epochs ran."""
    train_compute: float | None
    """Training images per second on a batch that is already on the device."""
    inference: float | None
    """Inference images per second on a batch that is already on the device."""
    inference_end_to_end: float | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    peak_memory_mib: float | None
    conditions_key: str = ""
    """What rows' speeds must have in common to be compared: the measurement key, the runtime apart. Empty: that key."""
    comparable: bool = True
    """Whether it was measured under the conditions that most rows of its table were."""
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """By the name of a rate above: from the lowest to the highest of the seeds' windows, of which each seed gives its
    middle 95 %."""
    relative: float | None = None
    """Inference over that of the reference network beside it."""
    foreign_cores: float | None = None
    """CPU time per second that other processes took while it was measured: the most of any seed."""

    @property
    def conditions(self) -> str:
        """What rows' speeds must have in common to be compared."""
        return self.conditions_key or self.measurement_key

    @property
    def is_loader_bound(self) -> bool | None:
        """Whether training waits for the data path for more than :data:`LOADER_SHARE` of its time."""
        if self.train is None or self.train_compute is None:
            return None
        return self.train < (1 - LOADER_SHARE) * self.train_compute

    @property
    def is_loaded(self) -> bool:
        """Whether other processes took more than :data:`FOREIGN_CORES`."""
        return self.foreign_cores is not None and self.foreign_cores > FOREIGN_CORES


@dataclass(frozen=True, kw_only=True, slots=True)
class Dominator:
    """A row of the same table that is at least as accurate, and better or as good on a cost."""

    name: str
    """As :func:`row_names` says."""
    shares_ranks: bool
    """Whether the two share ranks: their accuracies are not told apart, and what it has ahead is the cost."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line of a table."""

    model: str
    data: str
    recipe: str
    rank_low: int | None
    """Best rank that it may have; None where it is not ranked."""
    rank_high: int | None
    """Worst rank that it may have."""
    seeds: tuple[int, ...]
    """Seeds that are done."""
    unfinished: tuple[Unfinished, ...]
    metrics: Mapping[str, Estimate]
    """Scalar metrics by name, those that are not defined left out."""
    params: int | None
    macs: int | None
    """Multiply-accumulates of one image's forward pass."""
    speed: Speed | None
    wall_seconds: float | None
    """Mean time of a trial, everything included."""
    small_images: bool
    """Whether first strides were reduced for small images."""
    trials: tuple[str, ...]
    """Folder names of its trials that are done."""
    runtime: str = ""
    """What ran the trained weights; empty where the whole table knows no other than the trials' own."""
    file_bytes: int | None = None
    """Size of the file that its runtime runs; None where there are no runtimes."""
    conversion_seconds: float | None = None
    """What it took to export, quantise or compile the network for its runtime."""
    combination: str = ""
    """Short hash of architecture, recipe and precision: the same for its rows in the tables of other datasets."""
    dominated_by: Mapping[str, tuple[Dominator, ...]] = field(default_factory=dict)
    """By the key of a cost (see :mod:`reports.leaderboard.pareto`): rows of the front that dominate this one; empty if
    it is on the front itself. A cost on which it cannot be compared is left out."""

    @property
    def title(self) -> str:
        """What notes call it: model and recipe, and its runtime where the table has several."""
        return ", ".join([self.model, self.recipe, *([self.runtime] if self.runtime else [])])


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """All rows of one dataset: ranked ones first, then those without a result."""

    data: str
    fingerprint: str
    """Of the images' content; empty where no trial got as far as reading them."""
    num_test: int | None
    num_classes: int | None
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    """What a reader of this table should know."""
    looks: int = 1
    """How many looks at its ranks share the level of the tests: more than 1 where seeds were added as ranks needed
    them."""
    speed_notes: tuple[str, ...] = ()
    """What a reader of its speeds should know: which cannot be compared and why, and what disturbed them."""


def row_names(rows: Sequence[Row]) -> list[str]:
    """Return what each row of a table is called: its model, and its recipe and runtime where rows differ in those."""
    recipes, runtimes = ({getattr(row, name) for row in rows} for name in ("recipe", "runtime"))
    return [
        ", ".join(
            [row.model, *([row.recipe] if len(recipes) > 1 else []), *([row.runtime] if len(runtimes) > 1 else [])]
        )
        for row in rows
    ]


def unfinished_counts(unfinished: Iterable[Unfinished]) -> dict[str, int]:
    """Return how many seeds ended in each way other than done."""
    counts: dict[str, int] = {}
    for each in unfinished:
        counts[each.outcome] = counts.get(each.outcome, 0) + 1
    return counts


def estimate_of(values: Iterable[Any]) -> Estimate | None:
    """Return mean and spread of the numbers among *values*; None where there is none."""
    numbers = [float(value) for value in values if isinstance(value, (int, float)) and math.isfinite(value)]
    if not numbers:
        return None
    n = len(numbers)
    mean = math.fsum(numbers) / n
    # Two passes with exact sums: as good as statistics.stdev to the last bits, and far quicker over many records.
    sd = math.sqrt(math.fsum((each - mean) ** 2 for each in numbers) / (n - 1)) if n > 1 else None
    return Estimate(mean=mean, sd=sd, n=n)
