"""McNemar's exact test: do two networks differ on the images that only one of them classifies correctly?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def mcnemar_p_values(discordant: Floats, net: Floats) -> Floats:
    """Return exact two-sided p-values.

    Args:
        discordant: How many images exactly one of the two networks classifies correctly.
        net: How many more of them the first classifies correctly than the second.
    """
    from scipy.special import bdtr

    fewer = (discordant - np.abs(net)) / 2
    p_values: Floats = np.minimum(1.0, 2 * bdtr(fewer, discordant.astype(np.int64), 0.5))
    return np.where(discordant == 0, 1.0, p_values)


def mcnemar_p_value(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p-value, given how many images only the first and only the second has right."""
    discordant, net = np.array([only_first + only_second]), np.array([only_first - only_second])
    return float(mcnemar_p_values(discordant.astype(np.float64), net.astype(np.float64))[0])
