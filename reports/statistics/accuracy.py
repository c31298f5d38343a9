"""Statistics of accuracies: intervals over seeds and test images, paired tests, and the ranks that follow.

A trial's result varies for two reasons: another seed gives another network, and another draw of test images gives
another share right. Both are counted, as crossed random effects: image ``i`` under seed ``s`` is right with a
seed effect, an image effect (some images are hard for all seeds) and a rest,

    Var(mean) = var_seed / S + var_image / N + var_rest / (S N),

estimated by the mean squares of the two-way table without replication. A percentile bootstrap over seeds and images
estimates the same variance, but treats two to five seeds as if they were all there are, and covers far too rarely.
Here each part gets its own t quantile, with its own degrees of freedom, and the squares are added (the "modified
large sample" construction; Graybill and Wang, "Confidence intervals on nonnegative linear combinations of
variances", JASA 1980). Simulated with known truth, 95 % intervals cover 93 to 97 % from two seeds on, and
about 5 % of sets of equal models or fewer are told apart, also where one's seeds vary five times as much as another's.

Shape suffixes: S seeds, N test images, M rows, P pairs of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from reports.statistics.pooling import pool_seed_variances

CONFIDENCE = 0.95
ALPHA = 1 - CONFIDENCE
"""Level of tests, over all pairs of a table and all looks at it together."""

# Seeds vary even where var_seed is 0, by their share of the rest. Taking all of that off, and 0 where nothing is
# left, would call the seeds' variance 0 too often when they are few; taking nothing off counts the rest twice. Half
# keeps coverage and false separations where they should be in the simulations of
# tests/reports/statistics/test_accuracy.py.
_REST_TAKEN_OFF = 0.5

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A confidence interval for an expected accuracy."""

    low: float
    high: float
    num_seeds: int
    """With one seed it covers test images only, not what another seed would give."""
    num_images: int


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Sample:
    """What is known of one row: how right it was on each test image, and how much its seeds vary."""

    image_means_N: Floats
    """Share right of each image, over seeds."""
    seed_variance: float
    """Estimated variance of the mean over seeds that comes from the seeds: var_seed / S and half the rest."""
    seed_spread: float
    """Variance between the seeds' own means, with nothing taken off; 0 for one seed."""
    num_seeds: int
    is_whole: bool
    """Whether every image is either right or wrong: no ties and one seed, as McNemar's test needs."""
    rest_variance: float = 0.0
    """Estimated variance of one image under one seed that neither the image nor the seed explains; 0 for one seed."""

    @classmethod
    def of(cls, correct_SN: Floats) -> Sample:
        """Reduce correctness, in [0, 1], of every image under every seed."""
        num_seeds, num_images = correct_SN.shape
        image_means_N = correct_SN.mean(axis=0)
        if num_seeds == 1:
            is_whole = bool(((correct_SN == 0) | (correct_SN == 1)).all())
            return cls(image_means_N=image_means_N, seed_variance=0.0, seed_spread=0.0, num_seeds=1, is_whole=is_whole)
        seed_means_S = correct_SN.mean(axis=1)
        seed_square = num_images * float(seed_means_S.var(ddof=1))
        rest_square = 0.0
        if num_images > 1:
            rest_SN = correct_SN - seed_means_S[:, None] - image_means_N + correct_SN.mean()
            rest_square = float((rest_SN**2).sum()) / ((num_seeds - 1) * (num_images - 1))
        variance = max(seed_square - _REST_TAKEN_OFF * rest_square, 0.0) / (num_seeds * num_images)
        return cls(
            image_means_N=image_means_N,
            seed_variance=variance,
            seed_spread=seed_square / num_images,
            num_seeds=num_seeds,
            is_whole=False,
            rest_variance=rest_square,
        )

    @property
    def mean(self) -> float:
        """Mean over seeds and images."""
        return float(self.image_means_N.mean())


def mean_interval(sample: Sample) -> Interval:
    """Return the 95 % interval of a row's expected accuracy, within [0, 1].

    It is Wilson's score interval at the effective number of images, p (1 - p) / Var(mean), so that it stays right
    near 100 % where few images are wrong (Dean and Pagano, "Evaluating confidence interval methods for binomial
    proportions in clustered surveys", 2015).
    """
    num_images, mean = len(sample.image_means_N), sample.mean
    quantile_of_images = _t_squared(max(num_images - 1, 1), 1 - CONFIDENCE)
    variance = width = 0.0
    if num_images > 1:
        of_images = float(sample.image_means_N.var(ddof=1)) / num_images
        variance, width = of_images, quantile_of_images * of_images
    if sample.num_seeds > 1:
        variance += sample.seed_variance
        width += _t_squared(sample.num_seeds - 1, 1 - CONFIDENCE) * sample.seed_variance
    if variance > 0:
        square = width / variance
        effective = min(max(mean * (1 - mean) / variance, 1.0), float(num_images * sample.num_seeds))
    else:  # all images alike, as when all are right: the seeds share them, so they count once
        square, effective = quantile_of_images, float(num_images)
    center = (mean + square / (2 * effective)) / (1 + square / effective)
    spread = (square * (mean * (1 - mean) / effective + square / (4 * effective**2))) ** 0.5 / (1 + square / effective)
    return Interval(
        low=max(0.0, center - spread),
        high=min(1.0, center + spread),
        num_seeds=sample.num_seeds,
        num_images=num_images,
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Pairs:
    """All pairs of rows, ``P = M (M - 1) / 2``, and what their differences vary by."""

    first_P: NDArray[np.intp]
    second_P: NDArray[np.intp]
    differences_P: Floats
    """Mean of the first less that of the second."""
    num_images: int
    num_rows: int
    image_squares_P: Floats
    """Sum over images of squared differences."""
    parts: tuple[tuple[Floats, Floats], ...]
    """Variances of the difference, and their degrees of freedom: from images, and from the seeds of both rows."""
    are_whole_P: NDArray[np.bool_]
    """Whether both rows have one seed and no ties, as McNemar's test needs."""

    def matrix(self, values_P: Floats, diagonal: float) -> Floats:
        """Return a symmetric ``[M, M]`` of what holds for pairs."""
        matrix = np.full((self.num_rows, self.num_rows), diagonal)
        matrix[self.first_P, self.second_P] = matrix[self.second_P, self.first_P] = values_P
        return matrix

    def width(self, quantile: Callable[[float], float]) -> Floats:
        """Return ``[P]``: the root of the sum of variances, each times its squared quantile."""
        total = np.zeros(len(self.differences_P))
        for variance, freedom in self.parts:
            distinct, place = np.unique(freedom, return_inverse=True)
            total += variance * np.array([quantile(float(each)) ** 2 for each in distinct])[place]
        return np.sqrt(total)


def pairwise_p_values(samples: Sequence[Sample]) -> Floats:
    """Return ``[M, M]``: p-values of "both rows have the same expected accuracy", paired over test images.

    All samples are of the same images in the same order. Two rows of one seed each are held together by McNemar's exact
    test: it compares these two networks, and cannot speak of other seeds. Otherwise the difference is held against its
    variance over images, taken from the images' paired differences, and over the seeds of both rows, each with its own
    t quantile as in :func:`mean_interval`. The seeds' variances are pooled over rows as in
    :mod:`reports.statistics.pooling`, and those of the two rows added with Satterthwaite's degrees of freedom
    (Biometrics, 1946); a row of one seed borrows the other's variance.
    """
    pairs = _paired(samples)
    return pairs.matrix(_p_values(pairs), 1.0)


def _p_values(pairs: _Pairs, *, between: tuple[float, float] = (0.0, 1.0)) -> Floats:
    """Return ``[P]``: p-values, exact between two bounds; those above are 1, those below 0: most work is saved."""
    p_values = _invert(pairs.differences_P**2, pairs.parts, between=between)
    exact = pairs.are_whole_P
    if exact.any():
        net = np.rint(pairs.differences_P[exact] * pairs.num_images)
        p_values[exact] = _mcnemar(np.rint(pairs.image_squares_P[exact]), net)
    return p_values


def difference_widths(samples: Sequence[Sample]) -> Floats:
    """Return ``[M, M]``: half the width of the 95 % interval of each difference, each pair taken for itself."""
    pairs = _paired(samples)
    return pairs.matrix(pairs.width(lambda freedom: _t_squared(freedom, 1 - CONFIDENCE) ** 0.5), 0.0)


def detectable_differences(
    samples: Sequence[Sample], *, power: float = 0.8, alpha: float = ALPHA, num_seeds: int | None = None
) -> Floats:
    """Return ``[M, M]``: the smallest true differences that would have been found with a chance of *power*.

    Found means at the level of Holm's first step, *alpha* over the number of pairs. Each part of the variance counts
    with the square of the sum of its two t quantiles, that of the level and that of the power, as for a t test.

    Args:
        samples: Of the same images in the same order.
        power: The chance.
        alpha: Level over all pairs together.
        num_seeds: As if each row of several seeds had so many, if it has fewer; None: as many as it has.
    """
    from scipy.special import stdtrit

    pairs = _paired(samples, num_seeds=num_seeds)
    alpha /= max(len(pairs.differences_P), 1)
    reach = pairs.width(lambda freedom: _t_squared(freedom, alpha) ** 0.5 + float(stdtrit(freedom, power)))
    return pairs.matrix(reach, 0.0)


def _paired(samples: Sequence[Sample], *, num_seeds: int | None = None) -> _Pairs:
    """Hold all pairs together, as if each row of several seeds had *num_seeds*, if that is more than it has."""
    means_MN = np.stack([sample.image_means_N for sample in samples])
    num_rows, num_images = means_MN.shape
    first, second = np.triu_indices(num_rows, 1)
    differences = (means_MN.mean(axis=1)[:, None] - means_MN.mean(axis=1))[first, second]

    # Sums over images of the second and fourth powers of paired differences, by matrix products.
    squares_MN, cubes_MN = means_MN**2, means_MN**3
    second_powers = squares_MN.sum(axis=1)
    fourth_powers = (squares_MN**2).sum(axis=1)
    products = (means_MN @ means_MN.T)[first, second]
    sum2 = second_powers[first] + second_powers[second] - 2 * products
    mixed = cubes_MN @ means_MN.T
    sum4 = fourth_powers[first] + fourth_powers[second] + 6 * (squares_MN @ squares_MN.T)[first, second]
    sum4 -= 4 * (mixed[first, second] + mixed[second, first])
    rounding = 1e-12 * num_images
    sum2, sum4 = np.where(sum2 > rounding, sum2, 0.0), np.maximum(sum4, 0.0)

    seeds = np.array([sample.num_seeds for sample in samples])
    of_one_seed, freedoms = pool_seed_variances(
        np.array([sample.seed_variance * sample.num_seeds for sample in samples]), seeds - 1.0
    )
    if num_seeds is not None:
        wanted = np.where(seeds > 1, np.maximum(seeds, num_seeds), seeds)
        # The rest of the variance within images is averaged over more seeds; how much images differ stays.
        gained = np.array([sample.rest_variance for sample in samples]) * (1 / seeds - 1 / wanted)
        sum2 = np.maximum(sum2 - num_images * (gained[first] + gained[second]), 0.0)
        freedoms = freedoms * (wanted - 1.0) / np.maximum(seeds - 1.0, 1.0)
        seeds = wanted
    own = of_one_seed / seeds
    # What a single seed cannot tell is taken from the other row: how far its seeds are apart, nothing taken off.
    spread = np.array([sample.seed_spread for sample in samples])
    seeds_of = np.stack([seeds[first], seeds[second]])
    freedom_of = np.maximum(np.stack([freedoms[first], freedoms[second]]), 1.0)
    variance_of = np.stack([own[first], own[second]])
    borrows = (seeds_of == 1) & (seeds_of[::-1] > 1)
    variance_of = np.where(borrows, np.stack([spread[second], spread[first]]), variance_of)
    # What is borrowed is known as well as with the lender, and adds no freedom of its own.
    of_seeds = variance_of.sum(axis=0)
    mixed_freedom = np.divide(
        of_seeds**2, (variance_of**2 / freedom_of).sum(axis=0), out=np.ones_like(of_seeds), where=of_seeds > 0
    )
    borrowed = borrows.any(axis=0)
    mixed_freedom[borrowed] = seeds_of.max(axis=0)[borrowed] - 1.0

    # Few images that differ are few degrees of freedom: where differences are 0 and ±1, as many as are not 0.
    effective = np.divide(sum2**2, sum4, out=np.ones_like(sum2), where=sum4 > rounding)
    whole = np.array([sample.is_whole for sample in samples])
    return _Pairs(
        first_P=first,
        second_P=second,
        differences_P=differences,
        num_images=num_images,
        num_rows=num_rows,
        image_squares_P=sum2,
        parts=(
            (sum2 / num_images**2, np.floor(np.clip(effective, 1, max(num_images - 1, 1)))),
            (of_seeds, np.floor(np.maximum(mixed_freedom, 1.0))),
        ),
        are_whole_P=whole[first] & whole[second],
    )


def holm(p_values: Floats, *, total: int | None = None) -> Floats:
    """Return p-values adjusted for their number, so that all findings are right together (Holm, 1979).

    Args:
        p_values: Of all hypotheses, or of those with the smallest.
        total: Number of hypotheses; None: as many as there are p-values.
    """
    order = np.argsort(p_values, kind="stable")
    total = len(p_values) if total is None else total
    scaled = p_values[order] * (total - np.arange(len(p_values)))
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted


def separated(samples: Sequence[Sample], *, alpha: float = ALPHA) -> NDArray[np.bool_]:
    """Return ``[M, M]``: whether the row's expected accuracy is above the column's, 95 % confident of all at once.

    Pairs are adjusted by Holm's method, and what follows is added: if A is above B and B above C, A is above C.

    Args:
        samples: Of the same images in the same order.
        alpha: Level over all pairs together: less than 5 % where this is one of several looks (:func:`alpha_of_look`).
    """
    num_rows = len(samples)
    above = np.zeros((num_rows, num_rows), dtype=bool)
    if num_rows < 2:
        return above
    pairs = _paired(samples)
    total = len(pairs.differences_P)
    # Holm's method finds whatever is below its first level, and nothing above its last.
    p_values = _p_values(pairs, between=(alpha / total, alpha))
    surely = np.flatnonzero(p_values == 0)
    small = np.flatnonzero((p_values > 0) & (p_values < alpha))
    found = np.concatenate([surely, small[holm(p_values[small], total=total - len(surely)) < alpha]])
    first, second = pairs.first_P[found], pairs.second_P[found]
    means = np.array([sample.mean for sample in samples])
    first_wins = means[first] > means[second]
    above[np.where(first_wins, first, second), np.where(first_wins, second, first)] = True
    # From the lowest mean up, so that what a beaten row beats is known when it is passed on.
    for row in np.argsort(means, kind="stable"):
        beaten = np.flatnonzero(above[row])
        if len(beaten):
            above[row] |= above[beaten].any(axis=0)
    return above


def alpha_of_look(looks: int) -> float:
    """Return the level for each of *looks* looks at a table to which seeds are added until its rows are told apart.

    Whoever may look several times and stop when a difference shows will see one that is not there more often than
    whoever looks once (Armitage, McPherson and Rowe, "Repeated significance tests on accumulating data", 1969). The
    level is shared out evenly among the looks: by Bonferroni's inequality, whenever one stops, 5 % holds.
    """
    return ALPHA / looks


def rank_ranges(above: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return each row's best and worst possible rank, given which rows are above which.

    With 95 % confidence all ranges hold at once (Mogstad, Romano, Shaikh and Wilhelm, "Inference for ranks", 2024).
    """
    num_rows = len(above)
    best = 1 + above.sum(axis=0)
    worst = num_rows - above.sum(axis=1)
    return [(int(low), int(high)) for low, high in zip(best, worst, strict=True)]


_LOG_ALPHAS = np.linspace(0.0, -16.0, 161)  # base 10: from p = 1 down


@cache
def _t_squared(freedom: float, alpha: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, alpha / 2)) ** 2


@cache
def _t_squared_table(freedom: float) -> Floats:
    from scipy.special import stdtrit

    table: Floats = np.square(stdtrit(freedom, 10.0**_LOG_ALPHAS / 2))
    return table


def _invert(
    squares: Floats, parts: Sequence[tuple[Floats, Floats]], *, between: tuple[float, float] = (0.0, 1.0)
) -> Floats:
    """Return the p at which each squared difference equals the sum of variances times squared t quantiles.

    Degrees of freedom are taken from a geometric scale, rounded down, so that few tables of quantiles do.

    Args:
        squares: Squared differences.
        parts: Variances, and their degrees of freedom.
        between: Bounds; a p above is 1, a p below is 0.
    """
    known = [(variance, *_quantiles(freedom)) for variance, freedom in parts]

    def width(step: NDArray[np.int64] | int, some: NDArray[np.intp] | slice) -> Floats:
        total = np.zeros(len(squares))[some]
        for variance, table, place in known:
            total += variance[some] * table[place[some], step]
        return total

    p_values = np.ones(len(squares))
    last = len(_LOG_ALPHAS) - 1
    # The bounds' next steps outwards, so that what is left out is so by the same p-values that are left in.
    from_step, to_step = 0, last
    possible = squares > 0
    if between != (0.0, 1.0):
        lowest, highest = np.log10(between)
        from_step = max(int(np.searchsorted(-_LOG_ALPHAS, -highest, side="right")) - 1, 0)
        to_step = min(int(np.searchsorted(-_LOG_ALPHAS, -lowest, side="left")), last)
        possible &= squares > width(from_step, slice(None))
        surely = squares > width(to_step, slice(None))
        if to_step < last:
            p_values[surely] = 0.0
            possible &= ~surely
    wanted = np.flatnonzero(possible)
    squares_W = squares[wanted]
    low, high = np.full(len(wanted), from_step), np.full(len(wanted), to_step)
    while (high - low > 1).any():
        middle = (low + high) // 2
        exceeds = squares_W > width(middle, wanted)
        low, high = np.where(exceeds, middle, low), np.where(exceeds, high, middle)
    at_low, at_high = width(low, wanted), width(high, wanted)
    gap = at_high - at_low
    share = np.divide(squares_W - at_low, gap, out=np.zeros_like(squares_W), where=gap > 0)
    log_p = _LOG_ALPHAS[low] + np.clip(share, 0, 1) * (_LOG_ALPHAS[high] - _LOG_ALPHAS[low])
    p_values[wanted] = 10.0**log_p
    return p_values


def _quantiles(freedom: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Return a table of squared t quantiles, a row for each step of the scale of freedoms, and each one's row."""
    whole = np.floor(freedom)
    power = np.floor(np.log(np.maximum(freedom, 12) / 12) / np.log(1.25))
    place = np.where(freedom < 12, whole - 1, 11 + power).astype(np.intp)
    scale = [*range(1, 12), *(int(12 * 1.25**step) for step in range(max(int(place.max(initial=0)) - 10, 0)))]
    return np.stack([_t_squared_table(float(each)) for each in scale]), place


def _mcnemar(discordant: Floats, net: Floats) -> Floats:
    """Exact two-sided p-values, given how many images only one row has right, and the difference of the two counts."""
    from scipy.special import bdtr

    fewer = (discordant - np.abs(net)) / 2
    p_values: Floats = np.minimum(1.0, 2 * bdtr(fewer, discordant.astype(np.int64), 0.5))
    return np.where(discordant == 0, 1.0, p_values)
