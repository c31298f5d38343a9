"""Rising rates: the learning rates of a range test, which rise exponentially because good ones lie orders apart."""

from __future__ import annotations

LOWEST, HIGHEST, STEPS = 1e-6, 10.0, 200
"""Rates between which a test rises, and its steps: about thirty for each power of ten."""


def rising_rates(lowest: float = LOWEST, highest: float = HIGHEST, steps: int = STEPS) -> list[float]:
    """Return the learning rate of each step, from *lowest* to *highest*, each the same factor above the one before."""
    return [lowest * (highest / lowest) ** (step / (steps - 1)) for step in range(steps)]
