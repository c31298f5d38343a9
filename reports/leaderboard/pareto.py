"""Pareto fronts: which rows no other row beats on accuracy and cost at once, and which rows dominate the others.

There is one front for each cost of :data:`COSTS`: accuracy against throughput, parameters and multiply-accumulates. A
row is dominated by another that is at least as accurate and at least as good on the cost, and better on one of the two.
The front consists of the rows that none dominates. It compares mean accuracies and measured costs, so noise can move a
row on or off the front. Therefore each dominator records whether it shares ranks with the row: if so, its accuracy may
be luck, and only its cost is an advantage. How likely a row is on the front, given the noise of both, is estimated too
(:mod:`reports.statistics.front_chances`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from reports.leaderboard.table import Dominator, Row, Table, row_names
from reports.statistics.front_chances import drawn_means, front_chances
from reports.statistics.sample import Sample


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """A cost that accuracy is weighed against."""

    key: str
    """Key of its column, and in :attr:`Row.dominated_by`."""
    title: str
    value: Callable[[Row], float | None]
    """Returns the value of a row; None if it has none that is comparable within its table."""
    higher_is_better: bool = False
    spread: Callable[[Row], float] | None = None
    """Returns the standard deviation of a measured value; None if values are exact."""


def _comparable_inference(row: Row) -> float | None:
    return row.speed.inference if row.speed is not None and row.speed.comparable else None


def _spread_of_inference(row: Row) -> float:
    """Return the standard deviation of throughput, from the range of the middle 95 % of its windows."""
    low, high = (row.speed.intervals if row.speed is not None else {}).get("inference", (0.0, 0.0))
    return (high - low) / 3.92


COSTS: tuple[Cost, ...] = (
    Cost(
        key="inference_speed",
        title="infer img/s",
        value=_comparable_inference,
        higher_is_better=True,
        spread=_spread_of_inference,
    ),
    Cost(key="params", title="params", value=lambda row: row.params),
    Cost(key="macs", title="MACs", value=lambda row: row.macs),
)
"""Costs in display order. Throughput is that of inference, compute only, under equal conditions."""


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the indices of the points that none dominates, cheapest first.

    Args:
        points: Pairs of accuracy (higher is better) and cost (lower is better). Points that are equal in both do not
            dominate each other: either all of them are on the front, or none.
    """
    order = sorted(range(len(points)), key=lambda place: (points[place][1], -points[place][0]))
    found: list[int] = []
    for place in order:
        if not found or points[place][0] > points[found[-1]][0] or points[place] == points[found[-1]]:
            found.append(place)
    return found


def dominators(points: Sequence[tuple[float, float]]) -> list[tuple[int, ...]]:
    """Return for each point the indices of the points on the front that dominate it, cheapest first.

    A dominator that is not on the front is itself dominated by one that is, so naming the front is enough.
    """
    best = front(points)
    accuracies, costs = [points[place][0] for place in best], [points[place][1] for place in best]
    # Along the front, accuracy and cost rise together, so the dominators of a point are adjacent.
    found = []
    for accuracy, cost in points:
        among = best[bisect_left(accuracies, accuracy) : bisect_right(costs, cost)]
        found.append(tuple(place for place in among if points[place] != (accuracy, cost)))
    return found


def mark_dominated(table: Table, *, ranks_are_of_accuracy: bool = True) -> Table:
    """Return *table* with :attr:`Row.dominated_by` filled in.

    Args:
        table: A ranked table.
        ranks_are_of_accuracy: Whether shared ranks mean that accuracies cannot be separated.
    """
    names = row_names(table.rows)
    marked: list[dict[str, tuple[Dominator, ...]]] = [{} for _ in table.rows]
    for cost in COSTS:
        places, points = [], []
        for place, row in enumerate(table.rows):
            value, accuracy = cost.value(row), row.metrics.get("accuracy")
            if value is not None and accuracy is not None:
                places.append(place)
                points.append((accuracy.mean, -value if cost.higher_is_better else value))
        if len(places) < 2:  # there is nothing to compare with
            continue
        of_front = {
            each: (
                Dominator(name=names[places[each]], shares_ranks=False),
                Dominator(name=names[places[each]], shares_ranks=True),
            )
            for each in front(points)
        }
        for place, found in zip(places, dominators(points), strict=True):
            row = table.rows[place]
            marked[place][cost.key] = tuple(
                of_front[each][ranks_are_of_accuracy and _share_ranks(row, table.rows[places[each]])] for each in found
            )
    rows = (replace(row, dominated_by=by) for row, by in zip(table.rows, marked, strict=True))
    return replace(table, rows=tuple(rows))


def with_front_chances(table: Table, samples: Mapping[str, Sample]) -> Table:
    """Return *table* with :attr:`Row.front_chances` filled in.

    Args:
        table: A table.
        samples: Accuracy of rows on the same test images, by :attr:`Row.combination`.
    """
    import numpy as np

    places = [place for place, row in enumerate(table.rows) if row.combination in samples]
    if len(places) < 2:
        return table
    means_MR = drawn_means([samples[table.rows[place].combination] for place in places])
    chances: list[dict[str, float]] = [{} for _ in table.rows]
    for cost in COSTS:
        known = [index for index, place in enumerate(places) if cost.value(table.rows[place]) is not None]
        rows = [table.rows[places[index]] for index in known]
        if len(rows) < 2:
            continue
        costs_M = np.array([cost.value(row) for row in rows], dtype=np.float64) * (-1 if cost.higher_is_better else 1)
        spreads_M = np.array([0.0 if cost.spread is None else cost.spread(row) for row in rows])
        found = front_chances(means_MR[known], costs_M, spreads_M)
        for index, chance in zip(known, found, strict=True):
            chances[places[index]][cost.key] = float(chance)
    rows_of = (replace(row, front_chances=each) for row, each in zip(table.rows, chances, strict=True))
    return replace(table, rows=tuple(rows_of))


def is_on_front(row: Row, cost_key: str) -> bool | None:
    """Return whether no row dominates *row*; None if it was not compared on that cost."""
    found = row.dominated_by.get(cost_key)
    return None if found is None else not found


def costs_by_dominator(row: Row) -> Mapping[Dominator, tuple[Cost, ...]]:
    """Return the rows that dominate *row*, each with the costs concerned; the most costs come first."""
    found: dict[Dominator, list[Cost]] = {}
    for cost in COSTS:
        for dominator in row.dominated_by.get(cost.key, ()):
            found.setdefault(dominator, []).append(cost)
    return {each: tuple(found[each]) for each in sorted(found, key=lambda each: -len(found[each]))}


def _share_ranks(first: Row, second: Row) -> bool:
    if first.rank_low is None or first.rank_high is None or second.rank_low is None or second.rank_high is None:
        return False
    return first.rank_low <= second.rank_high and second.rank_low <= first.rank_high
