"""Power: the minimum detectable difference between two rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reports.statistics.multiplicity import ALPHA
from reports.statistics.paired_tests import pair_rows
from reports.statistics.sample import Sample
from reports.statistics.student_t import quantile, squared_quantile

Floats = NDArray[np.float64]


def detectable_differences(
    samples: Sequence[Sample], *, power: float = 0.8, alpha: float = ALPHA, num_seeds: int | None = None
) -> Floats:
    """Return ``[M, M]``: the smallest true differences that the tests detect with probability *power*.

    A difference is detected if it is significant at the first step of Holm's method, *alpha* over the number of pairs.
    Each part of the variance counts with the square of the sum of two t quantiles, that of the level and that of the
    power, as in a t test.

    Args:
        samples: Rows tested on the same images, in the same order.
        power: The probability.
        alpha: Level over all pairs together.
        num_seeds: Pretend that each row of several seeds has at least this many.
    """
    pairs = pair_rows(samples, num_seeds=num_seeds)
    alpha /= max(len(pairs.differences_P), 1)
    reach = pairs.width(lambda freedom: squared_quantile(freedom, alpha) ** 0.5 + quantile(freedom, power))
    return pairs.matrix(reach, 0.0)
