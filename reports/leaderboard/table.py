"""The table: the rows of one dataset as plain data.

A row is an architecture, a dataset and a recipe with all their settings, over all seeds. Tables never mix datasets, nor
two contents of the same dataset. Trials that failed or are missing are counted and shown, and never enter a mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.records.origin import Origin
from harness.records.record import TestSetKind
from reports.leaderboard.goals import Reached
from reports.statistics.drops import Drop
from zoo.pretraining import Seen

LOADER_SHARE = 0.2
"""Share of training time that data loading may take before training counts as loader-bound. TensorFlow's profiler calls
a step "highly input-bound" above the same share, which is well beyond the noise of either rate."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A metric of a row, over its seeds."""

    mean: float
    sd: float | None
    """Standard deviation over seeds (ddof 1); None for one seed."""
    n: int
    """Number of seeds for which it is defined."""
    low: float | None = None
    """Lower end of the 95 % interval; None if there is none."""
    high: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FurtherEstimate:
    """The accuracy of a row on a further test set, or on several together."""

    source: str
    """What it is: the dataset, the corruption or the slice."""
    kind: TestSetKind
    accuracy: Estimate
    drop: Drop | None
    """How much lower the accuracy is than on the test set of the table; None if that is not known."""
    num_sets: int = 1
    """Number of sets it is the mean over, or the lowest of."""
    num_images: int = 0
    """Number of images of each set."""
    num_folds: int = 0
    """Number of folds whose networks were each tested on all images; 0 without cross-validation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unfinished:
    """A trial without a result."""

    seed: int
    outcome: str
    """``failed``, ``interrupted``, ``skipped``, or ``missing`` if there is no record."""
    reason: str
    """One sentence; for a failure, it starts with the kind."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """Speed and memory: medians over seeds; None for what was not measured."""

    measurement_key: str
    train: float | None
    """Training images per second with data loading, as the epochs ran."""
    train_compute: float | None
    """Training images per second on a batch that is already on the device."""
    inference: float | None
    """Inference images per second on a batch that is already on the device."""
    inference_end_to_end: float | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    peak_memory_mib: float | None
    conditions_key: str = ""
    """Key that speeds must share to be comparable: the measurement key without the runtime; empty if equal to it."""
    comparable: bool = True
    """Whether it was measured under the same conditions as most rows of its table."""
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Interval of each rate above: lowest and highest end, over the seeds, of the middle 95 % of the windows."""
    decode: float | None = None
    """Test images per second that one thread decodes from their files."""
    best_inference: float | None = None
    """Inference images per second with the fastest settings found."""
    best_settings: str = ""
    """Those settings; the most common ones over seeds."""
    best_agreement: float | None = None
    """Share of test images for which they predict the same class: the lowest of the seeds."""
    relative: float | None = None
    """Inference throughput divided by that of the reference network measured beside it."""
    foreign_cores: float | None = None
    """CPU cores that other processes used during the measurement: the maximum over the seeds that count."""
    is_loaded: bool = False
    """Whether that load slowed the network down in what was measured."""

    @property
    def conditions(self) -> str:
        """Key that the speeds of rows must share to be comparable."""
        return self.conditions_key or self.measurement_key

    @property
    def is_loader_bound(self) -> bool | None:
        """Whether training waits for data for more than :data:`LOADER_SHARE` of its time."""
        if self.train is None or self.train_compute is None:
            return None
        return self.train < (1 - LOADER_SHARE) * self.train_compute


@dataclass(frozen=True, kw_only=True, slots=True)
class Dominator:
    """A row of the same table that beats another one on accuracy and cost together."""

    name: str
    """Name as in :func:`row_names`."""
    shares_ranks: bool
    """Whether the two share ranks: their accuracies are not separated, and only the cost is an advantage."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tuned:
    """The search that chose a row's settings, and what it gained."""

    trials: int
    """Number of trials of the search, of all searches if there are several."""
    seconds: float
    """Time of these trials on their devices."""
    budget: str
    """What was asked for, such as ``16 trials``."""
    repeats: int
    """Number of searches."""
    settings: tuple[str, ...]
    """Chosen settings of each search, empty for the recipe's own."""
    gain: float | None = None
    """Accuracy less that of the row with the recipe's own settings, over the seeds of both; None if there is no such
    row."""
    gain_low: float | None = None
    """Lower end of its 95 % interval, paired over seeds and test images; None if the settings are the default's."""
    gain_high: float | None = None
    lr_ranges: tuple[str, ...] = ()
    """Ranges of learning rates that range tests found, one for each search that began with one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedFigure:
    """A published accuracy, beside the measured one where both are of the same dataset."""

    value: float
    """Published accuracy as a share."""
    dataset: str
    """Dataset that it was published for."""
    source: str = ""
    difference: float | None = None
    """Measured minus published accuracy; None if they are of different datasets."""
    low: float | None = None
    """Lower end of the 95 % interval of the difference."""
    high: float | None = None
    verdict: str = ""
    """``reproduced``, ``different`` or ``undecided``; empty without a difference."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line of a table."""

    model: str
    data: str
    recipe: str
    rank_low: int | None
    """Best possible rank; None if the row is not ranked."""
    rank_high: int | None
    """Worst possible rank."""
    seeds: tuple[int, ...]
    """Finished seeds."""
    unfinished: tuple[Unfinished, ...]
    metrics: Mapping[str, Estimate]
    """Scalar metrics by name, without undefined ones."""
    params: int | None
    macs: int | None
    """Multiply-accumulate operations per image (forward pass)."""
    speed: Speed | None
    wall_seconds: float | None
    """Mean wall-clock time of a trial, everything included."""
    small_images: bool
    """Whether early strides were reduced for small images."""
    trials: tuple[str, ...]
    """Folder names of its finished trials."""
    origin: Origin | None = None
    """Where its predictions come from; None if it was trained here."""
    tuned: Tuned | None = None
    """The search that chose its settings; None if there was none."""
    published: ComparedFigure | None = None
    """What was published for its weights."""
    seen: Seen | None = None
    """Whether its published weights saw the test images, or their source; None if it was trained from scratch."""
    covers: tuple[str, ...] = ()
    """Sources of variance that its intervals cover (:mod:`reports.leaderboard.coverage`); empty without intervals."""
    runtime: str = ""
    """Runtime of the trained weights; empty if the table has no runtime other than that of the trials."""
    file_bytes: int | None = None
    """Size of the file that its runtime loads; None if the table has no runtimes."""
    conversion_seconds: float | None = None
    """Time to export, quantise or compile the model for its runtime."""
    combination: str = ""
    """Short hash of architecture, recipe and precision: the same in the tables of other datasets."""
    dominated_by: Mapping[str, tuple[Dominator, ...]] = field(default_factory=dict)
    """Rows of the Pareto front that dominate this one, by the key of the cost (:mod:`reports.leaderboard.pareto`);
    empty if it is on the front itself. Costs on which it cannot be compared are left out."""
    front_chances: Mapping[str, float] = field(default_factory=dict)
    """How likely the row is on the Pareto front, by the key of the cost (:mod:`reports.statistics.front_chances`)."""
    tie: int | None = None
    """Number of its tie, from the top: rows that overlapping ranges of ranks connect have the same number; None if it
    is not ranked."""
    further: Mapping[str, FurtherEstimate] = field(default_factory=dict)
    """Results on further test sets by the key of their column (:mod:`reports.leaderboard.further_sets`)."""
    reached: Reached | None = None
    """What it took to reach a stated accuracy (:mod:`reports.leaderboard.goals`); None if that was not asked for, or it
    has no history of epochs."""
    is_shaded: bool = False
    """Whether a table shades it, to set its tie off from the rows around it."""

    @property
    def title(self) -> str:
        """Model and recipe, and the runtime if the table has several."""
        return ", ".join([self.model, self.recipe, *([self.runtime] if self.runtime else [])])


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """All rows of one dataset: ranked rows first, rows without a result last."""

    data: str
    fingerprint: str
    """Fingerprint of the images; empty if no trial got as far as reading them."""
    num_test: int | None
    num_classes: int | None
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    """Notes on this table."""
    looks: int = 1
    """Number of looks at the ranks that share the level of the tests: more than 1 if seeds were added adaptively."""
    openings: int = 0
    """Number of trials among the records for which its test images were opened, folds included."""
    optimism: float | None = None
    """Optimism of the best row: by how much its accuracy is expected to exceed the true one, because it is the best of
    several (:mod:`reports.statistics.optimism`); None if accuracies cannot be compared."""
    tied: tuple[tuple[tuple[int, int], ...], ...] = ()
    """For each ranked row, the positions of the rows that the test of the two does not separate from it, itself
    included, as runs (:mod:`reports.leaderboard.separations`); empty if there are no ranks."""
    speed_notes: tuple[str, ...] = ()
    """Notes on its speeds: which are not comparable and why, and what disturbed them."""


def row_names(rows: Sequence[Row]) -> list[str]:
    """Return a name for each row of a table: its model, with recipe and runtime if rows of the model differ in them."""
    by_model: dict[str, list[Row]] = {}
    for row in rows:
        by_model.setdefault(row.model, []).append(row)
    differing = {
        model: [name for name in ("recipe", "runtime") if len({getattr(row, name) for row in members}) > 1]
        for model, members in by_model.items()
    }
    parts = [[row.model, *(getattr(row, name) for name in differing[row.model])] for row in rows]
    return [", ".join(filter(None, each)) for each in parts]


def unfinished_counts(unfinished: Iterable[Unfinished]) -> dict[str, int]:
    """Return the number of seeds by outcome."""
    counts: dict[str, int] = {}
    for each in unfinished:
        counts[each.outcome] = counts.get(each.outcome, 0) + 1
    return counts


def estimate_of(values: Iterable[Any]) -> Estimate | None:
    """Return mean and spread of the numbers among *values*; None if there are none."""
    numbers = [float(value) for value in values if isinstance(value, (int, float)) and math.isfinite(value)]
    if not numbers:
        return None
    n = len(numbers)
    mean = math.fsum(numbers) / n
    # Two passes with exact sums: as good as statistics.stdev to the last bits, and far quicker over many records.
    sd = math.sqrt(math.fsum((each - mean) ** 2 for each in numbers) / (n - 1)) if n > 1 else None
    return Estimate(mean=mean, sd=sd, n=n)
