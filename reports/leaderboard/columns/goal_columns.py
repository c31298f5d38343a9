"""Columns of a goal: time, energy and cost until a stated validation accuracy is reached."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from reports.leaderboard.columns.cells import NOTHING, SPEED_MARK, duration_text, number
from reports.leaderboard.columns.column import Column
from reports.leaderboard.goals import COST_KEY, ENERGY_KEY, TIME_KEY, Amount, Goal, Reached
from reports.leaderboard.table import Row

NEVER = "never"


def goal_columns(rows: Iterable[Row]) -> list[Column]:
    """Return the columns of the goal that *rows* were built for; none if they were built without one."""
    goal = next((row.reached.goal for row in rows if row.reached is not None), None)
    if goal is None:
        return []
    to = f"to {percent(goal)}"
    columns = [
        _column(
            TIME_KEY,
            f"time {to}",
            f"time of training and validation until the validation accuracy reaches {percent(goal)}: median over seeds",
            lambda reached: reached.seconds,
            duration_text,
            priority=54,
        ),
        _column(
            ENERGY_KEY,
            f"kJ {to}",
            f"energy of the device until the validation accuracy reaches {percent(goal)}, in kilojoules: median",
            lambda reached: reached.joules,
            lambda joules: number(joules / 1000),
            priority=56,
        ),
    ]
    if goal.price_per_hour is not None:
        columns.append(
            _column(
                COST_KEY,
                f"cost {to}",
                f"hours until the validation accuracy reaches {percent(goal)} times the price of an hour: median",
                lambda reached: reached.cost,
                number,
                priority=57,
            )
        )
    return columns


def goal_legend(columns: Iterable[Column], rows: Iterable[Row]) -> list[str]:
    """Return the sentences on the goal below a table that shows *columns*."""
    keys, shown = {column.key for column in columns}, [row.reached for row in rows if row.reached is not None]
    if not shown:
        return []
    goal, notes = shown[0].goal, []
    if TIME_KEY in keys:
        some = any(0 < each.num_reached < each.num_seeds for each in shown)
        counted = " (in brackets: how many did)" if some else ""
        notes.append(
            f"time to {percent(goal)}: training and validation up to the first epoch with that validation accuracy, as "
            "the epochs ran, beside other trials where there were any, without a search for settings: the median over "
            f"seeds, those that never reach it being the slowest{counted}; with few validation "
            "images, an epoch may reach it by luck"
        )
    if ENERGY_KEY in keys and any(each.joules is not None for each in shown):
        notes.append(
            f"kJ to {percent(goal)}: energy over the same time by the device's own counter (NVML, RAPL), with all else "
            "that ran on the device, and without the rest of the machine"
        )
    if COST_KEY in keys and goal.price_per_hour is not None:
        notes.append(f"cost to {percent(goal)}: that time in hours times the stated price of {goal.price_per_hour:g}")
    return notes


def percent(goal: Goal) -> str:
    """Return the accuracy of a goal: ``95 %``."""
    return f"{100 * goal.accuracy:g} %"


def _column(
    key: str,
    title: str,
    about: str,
    read: Callable[[Reached], Amount | None],
    show: Callable[[float], str],
    *,
    priority: int,
) -> Column:
    def amount(row: Row) -> Amount | None:
        return None if row.reached is None else read(row.reached)

    def value(row: Row) -> float | None:
        found = amount(row)
        return None if found is None else found.median

    def text(row: Row) -> str:
        found, reached = amount(row), row.reached
        if found is None or reached is None:
            return NOTHING
        some = f" ({reached.num_reached}/{reached.num_seeds})" if reached.num_reached < reached.num_seeds else ""
        elsewhere = SPEED_MARK if row.speed is not None and not row.speed.comparable else ""
        return f"{NEVER if found.median is None else show(found.median)}{elsewhere}{some}"

    def plain(row: Row) -> dict[str, Any]:
        found = amount(row)
        cells = {
            f"{key}{suffix}": getattr(found, field, None)
            for suffix, field in (("", "median"), ("_low", "low"), ("_high", "high"))
        }
        if key == TIME_KEY:
            reached = row.reached
            cells |= {
                "goal_accuracy": None if reached is None else reached.goal.accuracy,
                "seeds_to_accuracy": None if reached is None else reached.num_reached,
            }
        return cells

    return Column(
        key=key,
        title=title,
        about=about,
        text=text,
        plain=plain,
        value=value,
        higher_is_better=False,
        needs_equal_conditions=True,
        priority=priority,
    )
