"""Cells: how numbers, ranks and lists are formatted, the same everywhere."""

from __future__ import annotations

import math

from reports.leaderboard.pareto import costs_by_dominator, is_on_front
from reports.leaderboard.table import Estimate, Row, unfinished_counts
from zoo.text import duration

NOTHING = "–"
SPEED_MARK = "†"
LOADED_MARK = "‡"
LOADER_MARK = "§"
FRONT_MARK = "*"
TIED_MARK = "≈"
SHADE = "░"


def number(value: float | None) -> str:
    """Format with three significant digits and thousands separators: ``0.123``, ``45.6``, ``12,300``."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    # Rounding may add a digit: 999.6 is 1,000.
    digits = 2 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:,.{max(digits, 0)}f}"


def count(value: int | None) -> str:
    """Format a number of parameters or operations with three digits: ``650``, ``21.4 k``, ``41 M``, ``1.82 G``."""
    if value is None:
        return NOTHING
    if value < 999.5:
        return str(value)
    unit, size = next((unit, size) for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)) if value >= 0.9995 * size)
    scaled = value / size
    return f"{scaled:.3g} {unit}" if scaled < 999.5 else f"{scaled:,.0f} {unit}"


def duration_text(seconds: float | None) -> str:
    """Format a duration as :func:`zoo.text.duration` does; a dash if it is unknown."""
    return NOTHING if seconds is None else duration(seconds)


def rank_text(row: Row) -> str:
    """Format a rank or a range of ranks: ``1``, ``2-4`` with an en dash."""
    if row.rank_low is None:
        return NOTHING
    return str(row.rank_low) if row.rank_low == row.rank_high else f"{row.rank_low}–{row.rank_high}"


def shaded_rank_text(row: Row) -> str:
    """Format a rank for text without colour: rows that a table shades are marked."""
    return f"{SHADE} {rank_text(row)}" if row.is_shaded else rank_text(row)


def spread_text(estimate: Estimate | None, scale: float) -> str:
    """Format a mean and its standard deviation: ``97.8 ± 0.5`` where *scale* is 100, else ``0.123 ± 0.004``."""
    if estimate is None:
        return NOTHING
    if scale == 100:
        mean, sd = f"{100 * estimate.mean:.1f}", None if estimate.sd is None else f"{100 * estimate.sd:.1f}"
    else:
        mean, sd = f"{estimate.mean:.3f}", None if estimate.sd is None else f"{estimate.sd:.3f}"
    return mean if sd is None else f"{mean} ± {sd}"


def interval_text(row: Row) -> str:
    """Format the interval of accuracy in percent: ``[96.3, 98.7]``."""
    return interval_of(row.metrics.get("accuracy"), 100) or NOTHING


def interval_of(estimate: Estimate | None, scale: float) -> str:
    """Format an interval as :func:`spread_text` does its mean; empty if there is none."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return ""
    digits = 1 if scale == 100 else 3
    return f"[{scale * estimate.low:.{digits}f}, {scale * estimate.high:.{digits}f}]"


def front_mark(row: Row, cost_key: str) -> str:
    """Return the mark of the Pareto front if no row dominates *row* on that cost."""
    return FRONT_MARK if is_on_front(row, cost_key) else ""


def dominators_text(row: Row) -> str:
    """Name up to two rows that dominate this one, each with the costs concerned."""
    if not row.dominated_by:
        return NOTHING
    found = [
        f"{dominator.name}{TIED_MARK if dominator.shares_ranks else ''} ({', '.join(cost.title for cost in costs)})"
        for dominator, costs in costs_by_dominator(row).items()
    ]
    more = [f"{len(found) - 2:,} more"] if len(found) > 2 else []
    return ", ".join([*found[:2], *more])


def points_text(share: float) -> str:
    """Format a difference of shares in percentage points, with its sign: ``+1.2``, ``−0.4``, ``0.0``."""
    return f"{100 * share:+.1f}".replace("-", "−") if round(100 * share, 1) else "0.0"


def gain_text(row: Row) -> str:
    """Format what tuning gained, in percentage points with its interval: ``+1.2 [0.3, 2.1]``; empty if unknown."""
    tuned = row.tuned
    if tuned is None or tuned.gain is None:
        return ""
    if tuned.gain_low is None or tuned.gain_high is None:
        return points_text(tuned.gain)
    return f"{points_text(tuned.gain)} [{100 * tuned.gain_low:.1f}, {100 * tuned.gain_high:.1f}]".replace("-", "−")


def p_text(value: float) -> str:
    """Format a p-value: ``< 0.001``, ``0.042``, ``0.31``."""
    if value < 0.001:
        return "< 0.001"
    return f"{value:.2f}" if value >= 0.0995 else f"{value:.3f}"


def status_text(row: Row) -> str:
    """Count the seeds that have not finished: ``1 failed, 2 missing``."""
    return ", ".join(f"{number_of} {outcome}" for outcome, number_of in unfinished_counts(row.unfinished).items())
