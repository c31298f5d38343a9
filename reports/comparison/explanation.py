"""Explanations: why rows of a table share ranks, pair by pair, and the minimum detectable difference.

Shape suffixes: S seeds, N test images, M rows, R resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from reports.leaderboard.leaderboard import Leaderboard
from reports.leaderboard.ranking_evidence import most_common_images, read_seeds, sample_of
from reports.leaderboard.table import Row, Table, row_names
from reports.statistics.multiplicity import alpha_of_look, holm
from reports.statistics.paired_tests import difference_widths, pairwise_p_values
from reports.statistics.power import detectable_differences
from reports.statistics.ranks import separated
from reports.statistics.sample import Sample
from reports.trials.reading import Trial
from zoo.text import one_line

NUM_RESAMPLES = 2000
POWER = 0.8

_BATCH = 200  # resamples processed at once, so that their image weights fit in memory

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two rows of a table, compared on the same test images."""

    first: int
    """Index of a row of the explanation, from 0."""
    second: int
    difference: float
    """Accuracy of the first minus that of the second, in [-1, 1]."""
    low: float
    """Lower end of the 95 % interval of the difference, without adjustment for other pairs."""
    high: float
    cohens_h: float
    """Effect size: difference of ``2 asin(sqrt(accuracy))``; 0.2 is small, 0.5 medium, 0.8 large (Cohen,
    "Statistical power analysis for the behavioral sciences", 1988)."""
    p: float
    """P-value, adjusted by Holm's method over all pairs of the table."""
    is_separated: bool
    """Whether the rows are separated: by the test of this pair, or by way of rows between them."""
    detectable: float
    """Minimum detectable difference at a power of 80 %."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RowShare:
    """A row that takes part in the comparison."""

    label: str
    accuracy: float
    num_seeds: int
    first_share: float
    """Share of resamples, over seeds and images, in which it has the highest accuracy; ties are shared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RankExplanation:
    """The evidence behind the ranks of one table."""

    data: str
    fingerprint: str
    num_images: int
    rows: tuple[RowShare, ...]
    """Rows in the order of the table."""
    pairs: tuple[Pair, ...]
    """All pairs, in the order (0, 1), (0, 2), …"""
    num_resamples: int
    left_out: tuple[str, ...]
    """A sentence for each row that could not be compared."""

    @property
    def neighbours(self) -> tuple[Pair, ...]:
        """Pairs of adjacent rows."""
        return tuple(pair for pair in self.pairs if pair.second == pair.first + 1)

    @property
    def detectable(self) -> float | None:
        """Median over pairs of the minimum detectable difference; None with fewer than two rows."""
        return median(pair.detectable for pair in self.pairs) if self.pairs else None


def explain(leaderboard: Leaderboard, trials: Sequence[Trial]) -> tuple[RankExplanation, ...]:
    """Explain each table of *leaderboard* in terms of accuracy, also if it is sorted by another column.

    Args:
        leaderboard: The leaderboard that was built from *trials*.
        trials: All trials; their predictions are read again.
    """
    by_name: dict[str, Trial] = {}
    for folder, record in sorted(trials, key=lambda trial: (trial[1].trial_id, str(trial[0]))):
        by_name.setdefault(one_line(record.trial_id), (folder, record))
    return tuple(_explain_table(table, by_name) for table in leaderboard.tables)


def _explain_table(table: Table, trials: dict[str, Trial]) -> RankExplanation:
    labels = dict(zip(map(id, table.rows), row_names(table.rows), strict=True))
    read: list[tuple[Row, NDArray[np.float32], bytes]] = []
    sample_of_row: dict[int, Sample] = {}
    left_out = []
    for row in table.rows:
        if not row.seeds:
            continue
        seeds = read_seeds([trials[name] for name in row.trials])
        if isinstance(seeds, str):
            left_out.append(f"{labels[id(row)]} left out: {seeds}")
        else:
            sample_of_row[id(row)] = sample_of(seeds)
            read.append((row, np.stack([each.correct_N for each in seeds]).astype(np.float32), seeds[0].images))
    common = most_common_images(images for _, _, images in read)
    left_out += [
        f"{labels[id(row)]} left out: tested on different images from most rows"
        for row, _, images in read
        if images != common
    ]
    compared = [(row, correct_SN) for row, correct_SN, images in read if images == common]
    correct = [correct_SN for _, correct_SN in compared]
    samples = [sample_of_row[id(row)] for row, _ in compared]
    return RankExplanation(
        data=table.data,
        fingerprint=table.fingerprint,
        num_images=correct[0].shape[1] if correct else 0,
        rows=tuple(
            RowShare(label=labels[id(row)], accuracy=sample.mean, num_seeds=sample.num_seeds, first_share=float(share))
            for (row, _), sample, share in zip(compared, samples, first_shares(correct), strict=True)
        ),
        pairs=pairs_of(samples, looks=table.looks),
        num_resamples=NUM_RESAMPLES,
        left_out=tuple(left_out),
    )


def pairs_of(samples: Sequence[Sample], *, looks: int = 1) -> tuple[Pair, ...]:
    """Compare all pairs of rows.

    Args:
        samples: One for each row, of the same images in the same order.
        looks: Number of looks at the ranks that share the level; p-values are adjusted for them too.
    """
    if len(samples) < 2:
        return ()
    first, second = np.triu_indices(len(samples), 1)
    adjusted = np.minimum(holm(pairwise_p_values(samples)[first, second]) * looks, 1.0)
    alpha = alpha_of_look(looks)
    widths, detectable = difference_widths(samples), detectable_differences(samples, power=POWER, alpha=alpha)
    above = separated(samples, alpha=alpha)
    means = [sample.mean for sample in samples]
    angles = 2 * np.arcsin(np.sqrt(np.clip(means, 0.0, 1.0)))
    pairs = []
    for i, j, p in zip(first.tolist(), second.tolist(), adjusted.tolist(), strict=True):
        difference = means[i] - means[j]
        pairs.append(
            Pair(
                first=i,
                second=j,
                difference=difference,
                low=max(difference - float(widths[i, j]), -1.0),
                high=min(difference + float(widths[i, j]), 1.0),
                cohens_h=float(angles[i] - angles[j]),
                p=p,
                is_separated=bool(above[i, j] or above[j, i]),
                detectable=float(detectable[i, j]),
            )
        )
    return tuple(pairs)


def first_shares(correct: Sequence[NDArray[np.float32]], *, num_resamples: int = NUM_RESAMPLES) -> Floats:
    """Return ``[M]``: the share of resamples in which each row has the highest accuracy; ties are shared.

    A resample draws test images with replacement, the same for all rows, and for each row as many seeds as it has, with
    replacement. Draws come from a fixed seed, so the same evidence gives the same shares.

    Args:
        correct: Correctness of each row, ``[S, N]`` in [0, 1], all on the same images.
        num_resamples: Number of resamples.
    """
    if not correct:
        return np.zeros(0)
    rng = np.random.default_rng(0)
    num_images = correct[0].shape[1]
    stacked_QN = np.concatenate(correct)  # Q: the seeds of all rows, one after the other
    ends = np.cumsum([len(correct_SN) for correct_SN in correct])
    wins = np.zeros(len(correct))
    for start in range(0, num_resamples, _BATCH):
        size = min(_BATCH, num_resamples - start)
        weights_RN = rng.multinomial(num_images, np.full(num_images, 1 / num_images), size=size).astype(np.float32)
        hits_QR = (stacked_QN @ weights_RN.T).astype(np.float64)
        means_MR = np.empty((len(correct), size))
        for row, (end, correct_SN) in enumerate(zip(ends, correct, strict=True)):
            num_seeds = len(correct_SN)
            seeds_RS = rng.multinomial(num_seeds, np.full(num_seeds, 1 / num_seeds), size=size)
            means_MR[row] = np.einsum("rs,sr->r", seeds_RS, hits_QR[end - num_seeds : end]) / num_seeds
        # Sums of float32 are rounded, so means closer than a hundredth of an image are a tie.
        is_first_MR = means_MR >= means_MR.max(axis=0) - 0.01
        wins += (is_first_MR / is_first_MR.sum(axis=0)).sum(axis=1)
    shares: Floats = wins / num_resamples
    return shares
