"""The expected best: the validation accuracy that a search of fewer trials would have reached, on average.

Dodge et al. 2019, "Show Your Work: Improved Reporting of Experimental Results" (arXiv:1909.03004). It assumes that
trials are drawn independently, which holds for random search; for samplers that learn from earlier trials, it is what
random draws among the same trials would have given.
"""

from __future__ import annotations

from collections.abc import Sequence


def expected_best(values: Sequence[float]) -> list[float]:
    """Return the expected maximum of 1, 2 … n draws, with replacement, from n values."""
    ordered = sorted(values)
    size = len(ordered)
    return [
        sum(
            value * ((place / size) ** draws - ((place - 1) / size) ** draws)
            for place, value in enumerate(ordered, start=1)
        )
        for draws in range(1, size + 1)
    ]
