"""The Bayesian signed-rank test: how likely one row is better than another over datasets, much the same, or worse.

A p-value above 5 % does not say that two rows are equal. With a region of practical equivalence, such as one point, the
posterior of a Dirichlet process says how likely each of three answers is, at any number of datasets (Benavoli and
others, "A Bayesian Wilcoxon signed-rank test based on the Dirichlet process", ICML 2014; Benavoli, Corani, Demšar and
Zaffalon, "Time for a change: a tutorial for comparing multiple classifiers through Bayesian analysis", JMLR 2017,
section 4.2). The prior is that of the tutorial: half an observation of no difference.

Shape suffixes: D datasets and one prior observation, R draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUM_DRAWS = 20_000
PRIOR_STRENGTH = 0.5

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class EquivalenceChances:
    """Posterior probabilities of three answers, which add up to 1."""

    better: float
    same: float
    """Of a difference within the region of practical equivalence."""
    worse: float


def equivalence_chances(differences: Floats, rope: float) -> EquivalenceChances:
    """Return how likely one row is better than another on datasets like these.

    In each draw of the weights of datasets, the answer is the one that has most of the weight of all pairs of datasets,
    by the mean of their two differences. The same differences give the same numbers.

    Args:
        differences: Value of the row minus that of the other on each dataset, higher being better.
        rope: Differences of at most this size count as none.

    Raises:
        ValueError: If there are no differences, or the region has a negative size.
    """
    if not len(differences) or rope < 0:
        raise ValueError("differences and a region of at least 0 are needed")
    values_D = np.concatenate([[0.0], differences])
    means_DD = (values_D[:, None] + values_D) / 2
    # Differences are decimals: one that equals the region up to rounding is in it.
    limit = rope * (1 + 1e-9) + 1e-12
    strengths_D = np.full(len(values_D), 1.0)
    strengths_D[0] = PRIOR_STRENGTH
    weights_RD = np.random.default_rng(0).dirichlet(strengths_D, NUM_DRAWS)
    better_R, worse_R = (
        ((weights_RD @ is_so_DD) * weights_RD).sum(axis=1)
        for is_so_DD in ((means_DD > limit).astype(np.float64), (means_DD < -limit).astype(np.float64))
    )
    shares_R3 = np.stack([better_R, 1 - better_R - worse_R, worse_R], axis=1)
    is_most_R3 = shares_R3 >= shares_R3.max(axis=1, keepdims=True) - 1e-12
    better, same, worse = (is_most_R3 / is_most_R3.sum(axis=1, keepdims=True)).mean(axis=0).tolist()
    return EquivalenceChances(better=better, same=same, worse=worse)
