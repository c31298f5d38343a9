"""Differences as text, Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from dataclasses import asdict
from typing import Any

from rich.cells import cell_len, set_cell_size

from reports.comparison.context import FieldChange
from reports.comparison.difference import AccuracyChange, Cell, CellVerdict, Difference, is_sure, margin_text
from reports.comparison.speeds import KINDS, SpeedChange
from reports.leaderboard.columns.cells import NOTHING, p_text, points_text
from reports.render.csv import safe_cell
from reports.render.fitting import GAP, cut_names, fitting_columns, wrapped
from reports.render.markdown import escape_markdown
from zoo.text import plural

SCHEMA_VERSION = 1
FORMATS = ("table", "csv", "json", "markdown")

UNKNOWN = "[?]"
"""What stands for the interval of a speed that was measured too briefly."""
_VAGUE = 10
"""Factor on both sides of a ratio beyond which its interval says nothing."""
_LEFT_OUT_FIRST = (
    "identical", "n", "before %", "p", "training ×", "inference ×", "after %", "95 % interval", "verdict",
)  # fmt: skip
"""Columns of a table that a narrow terminal does without, the most dispensable one first."""
_SHORTEST_NAME = 10
"""Cells of a name before the verdict is left out of a table."""
_NUM_NAMES = 3
"""Number of leading columns with names, which are aligned to the left and left out if all cells share the value."""


def render_difference(difference: Difference, format_name: str, *, width: int | None = None) -> str:
    """Return a difference in one of :data:`FORMATS`, ending with a line break.

    Args:
        difference: The difference to render.
        format_name: One of :data:`FORMATS`.
        width: Width of the terminal that a table has to fit; None leaves nothing out.
    """
    if format_name == "json":
        return json.dumps(difference_data(difference), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if format_name == "csv":
        return _csv(difference)
    if format_name == "markdown":
        return _markdown(difference)
    return _table(difference, width)


def difference_data(difference: Difference) -> dict[str, Any]:
    """Return a difference as plain data: numbers are not rounded, and unknown values are None."""
    return {"schema_version": SCHEMA_VERSION, **asdict(difference), "alarms": list(difference.alarms)}


def _table(difference: Difference, width: int | None) -> str:
    lines = [*wrapped(_heading(difference), width, hanging="  "), ""]
    header, body = _grid(difference)
    left_out: list[str] = []
    if body:
        grid, left_out = _fitted(header, body, width)
        lines += [*grid, ""]
    sections = _sections(difference)
    if left_out:
        sections = [
            (title, [note for note in notes if title != "legend" or note.partition(":")[0] not in left_out])
            for title, notes in sections
        ]
        sections.append(("columns left out to fit the width", [", ".join(left_out)]))
    for title, notes in sections:
        lines += [title, *(line for note in notes for line in wrapped(note, width, indent="  ", hanging="    ")), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _fitted(header: list[str], body: list[list[str]], width: int | None) -> tuple[list[str], list[str]]:
    """Return the lines of the grid, one blank before each, and the titles of the columns that do not fit."""
    rows = [header, *body]
    every = [max(cell_len(row[column]) for row in rows) for column in range(len(header))]
    room = None if width is None else width - 1
    priorities = [
        len(_LEFT_OUT_FIRST) - _LEFT_OUT_FIRST.index(title) if title in _LEFT_OUT_FIRST else 0 for title in header
    ]
    kept = fitting_columns(every, priorities, room)
    verdict = header.index("verdict")
    if verdict not in kept:
        # It is worth more than the ends of names.
        shortest = [
            min(size, _SHORTEST_NAME) if _is_name(title) and title != "verdict" else size
            for title, size in zip(header, every, strict=True)
        ]
        if verdict in fitting_columns(shortest, priorities, room):
            kept = sorted([*kept, verdict])
    names = [place for place, column in enumerate(kept) if header[column] in ("model", "dataset", "recipe")]
    widths = cut_names([every[column] for column in kept], names, room)
    lines = []
    for row in rows:
        cells = [
            _aligned(row[column], size, to_left=_is_name(header[column]))
            for column, size in zip(kept, widths, strict=True)
        ]
        lines.append(f" {(' ' * GAP).join(cells)}".rstrip())
    return lines, [title for column, title in enumerate(header) if column not in kept]


def _aligned(cell: str, size: int, *, to_left: bool) -> str:
    if cell_len(cell) > size:
        return set_cell_size(cell, size - 1) + "…"
    blanks = " " * (size - cell_len(cell))
    return cell + blanks if to_left else blanks + cell


def _markdown(difference: Difference) -> str:
    blocks = [f"### {escape_markdown(_heading(difference))}"]
    header, body = _grid(difference)
    if body:
        rule = "|" + "|".join(":---" if _is_name(title) else "---:" for title in header) + "|"
        rows = ["| " + " | ".join(map(escape_markdown, row)) + " |" for row in (header, *body)]
        blocks.append("\n".join([rows[0], rule, *rows[1:]]))
    for title, notes in _sections(difference):
        blocks.append(f"**{escape_markdown(title)}**")
        blocks.append("\n".join(f"- {escape_markdown(note)}" for note in notes))
    return "\n\n".join(blocks) + "\n"


def _csv(difference: Difference) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    lines = [_plain(cell) for cell in difference.cells]
    writer.writerow(lines[0] if lines else ["model", "data", "recipe"])
    writer.writerows([safe_cell(value) for value in line.values()] for line in lines)
    return file.getvalue()


def _plain(cell: Cell) -> dict[str, Any]:
    """Return a cell as one line of numbers that are not rounded; shares stay in [-1, 1]."""
    line: dict[str, Any] = {"model": cell.model, "data": cell.data, "recipe": cell.recipe}
    line |= {"fingerprint": cell.fingerprint[:12], "seeds": len(cell.seeds)}
    for name in AccuracyChange.__dataclass_fields__:
        line[f"accuracy_{name}" if name in ("first", "second") else name] = (
            getattr(cell.accuracy, name) if cell.accuracy else None
        )
    changes = {change.kind: (change, p) for change, p in zip(cell.speeds, cell.speed_p, strict=True)}
    for kind in KINDS:
        change, p = changes.get(kind, (None, None))
        for name in ("first", "second", "ratio", "low", "high"):
            line[f"{kind}_{name}"] = getattr(change, name) if change else None
        line[f"{kind}_p"] = p
    return {**line, "problem": cell.problem, "speed_problem": cell.speed_problem}


def _heading(difference: Difference) -> str:
    cells = difference.cells
    parts = [f"{difference.first} → {difference.second}"]
    for shared in ({cell.data for cell in cells}, {cell.recipe for cell in cells}):
        parts += shared if len(shared) == 1 else ()
    verdicts = Counter(cell.accuracy.verdict.value if cell.accuracy else "not compared" for cell in cells)
    told = ", ".join(f"{count:,} {verdict}" for verdict, count in sorted(verdicts.items()))
    parts.append(f"{len(cells):,} cell{'' if len(cells) == 1 else 's'} in both" + (f" ({told})" if told else ""))
    for name, only in ((difference.first, difference.only_first), (difference.second, difference.only_second)):
        if only:
            parts.append(f"{len(only):,} only in {name}")
    return " · ".join(parts)


def _is_name(title: str) -> bool:
    return title in ("model", "dataset", "recipe", "verdict")


def _grid(difference: Difference) -> tuple[list[str], list[list[str]]]:
    """Return a header and a line for each cell; names that all cells share are in the heading only."""
    header = ["model", "dataset", "recipe", "n", "before %", "after %", "points", "95 % interval", "p", "verdict"]
    header += ["identical", "training ×", "inference ×"]
    body = [_cells(cell) for cell in difference.cells]
    kept = [
        column
        for column in range(len(header))
        if column == 0 or column >= _NUM_NAMES or len({row[column] for row in body}) > 1
    ]
    return [header[column] for column in kept], [[row[column] for column in kept] for row in body]


def _cells(cell: Cell) -> list[str]:
    names = [cell.model, cell.data, cell.recipe]
    accuracy = cell.accuracy
    if accuracy is None:
        return [*names, *[NOTHING] * 6, "not compared", NOTHING, *_speeds(cell)]
    first, second = len(cell.first_seeds), len(cell.second_seeds)
    seeds = len(cell.seeds) if accuracy.is_paired_by_seed else first
    return [
        *names,
        str(seeds) if accuracy.is_paired_by_seed or first == second else f"{first}, {second}",
        f"{100 * accuracy.first:.1f}",
        f"{100 * accuracy.second:.1f}",
        points_text(accuracy.change),
        f"[{points_text(accuracy.low)}, {points_text(accuracy.high)}]",
        p_text(accuracy.p),
        accuracy.verdict.value,
        f"{accuracy.num_identical} of {len(cell.seeds)}",
        *_speeds(cell),
    ]


def _speeds(cell: Cell) -> list[str]:
    shown = {
        change.kind: f"{change.ratio:.2f} {_interval(change)}{'*' if is_sure(p) else ''}"
        for change, p in zip(cell.speeds, cell.speed_p, strict=True)
    }
    return [shown.get(kind, NOTHING) for kind in KINDS]


def _interval(change: SpeedChange) -> str:
    return UNKNOWN if _is_vague(change) else f"[{change.low:.2f}, {change.high:.2f}]"


def _is_vague(change: SpeedChange) -> bool:
    """Return whether a speed was measured so briefly that its interval says nothing."""
    return change.high > _VAGUE**2 * change.low


def _sections(difference: Difference) -> list[tuple[str, list[str]]]:
    """Return the sections below the grid: titles with sentences."""
    sections = [("limits exceeded", list(difference.alarms)), ("notes", _remarks(difference))]
    for name, only in ((difference.first, difference.only_first), (difference.second, difference.only_second)):
        sections.append((f"only in {name} ({len(only):,})", list(only)))
    sections += [
        ("environment differences", [_difference_line(each) for each in difference.environment]),
        ("settings that can change predictions", [_difference_line(each) for each in difference.fields]),
        ("legend", _legend(difference)),
    ]
    return [(title, notes) for title, notes in sections if notes]


def _remarks(difference: Difference) -> list[str]:
    """Return what was not compared and why, and what disturbed the comparison."""
    notes = [f"{cell.title}: {cell.problem}" for cell in difference.cells if cell.problem]
    problems: dict[str, list[str]] = {}
    for cell in difference.cells:
        if cell.speed_problem:
            problems.setdefault(cell.speed_problem, []).append(cell.title)
    for problem, titles in problems.items():
        which = "all cells" if len(titles) == len(difference.cells) else ", ".join(titles)
        notes.append(f"speeds of {which}: {problem}")
    return [*notes, *difference.notes]


def _difference_line(each: FieldChange) -> str:
    sides = " → ".join(", ".join(values) or "(absent)" for values in (each.first, each.second))
    cells = f" (in {', '.join(each.cells)})" if each.cells else ""
    return f"{each.field}: {sides}{cells}"


def _legend(difference: Difference) -> list[str]:
    """Return what the numbers and signs of the grid mean; only what is shown is explained."""
    compared = [cell.accuracy for cell in difference.cells if cell.accuracy is not None]
    if not compared:
        return []
    margin = margin_text(difference.margin)
    verdicts = {accuracy.verdict for accuracy in compared}
    meanings = {
        CellVerdict.EQUIVALENT: f"equivalent: the change is significantly smaller than the equivalence margin of "
        f"{margin} (two one-sided tests)",
        CellVerdict.REGRESSION: "regression: accuracy fell significantly",
        CellVerdict.IMPROVEMENT: "improvement: accuracy rose significantly",
        CellVerdict.UNDECIDED: "undecided: neither a change nor equivalence is significant",
    }
    level = f"Holm's method, 5 % over {plural(len(compared), 'cell')}"
    notes = [
        f"p: of an unchanged accuracy, in a paired test on the same test images ({level})",
        *(meanings[verdict] for verdict in CellVerdict if verdict in verdicts),
        "95 % interval: for the change in percentage points, without adjustment for other cells",
    ]
    if any(len(cell.seeds) > 1 for cell in difference.cells if cell.accuracy):
        notes.append("n: seeds that both sides have, which are paired")
    if any(cell.accuracy and cell.first_seeds and _is_single(cell) for cell in difference.cells):
        notes.append("with one seed, the test compares these two networks and says nothing about other seeds")
    changed = sum(each.num_changed for each in compared)
    notes.append(
        "identical: shared seeds with the same predictions, bit for bit"
        + (f"; {plural(changed, 'image')} classified correctly on one side only" if changed else "")
    )
    speeds = [p for cell in difference.cells for p in cell.speed_p]
    if speeds:
        notes.append(
            "training ×, inference ×: throughput after divided by throughput before, compute only, with a 95 % "
            "interval; above 1 is faster"
        )
    if any(_is_vague(change) for cell in difference.cells for change in cell.speeds):
        notes.append(
            f"{UNKNOWN} measured too briefly: the interval reaches beyond a factor of {_VAGUE} in both directions; "
            "repeat both sides with a larger --measure-seconds or with more seeds"
        )
    if any(map(is_sure, speeds)):
        notes.append(
            "* significant change of speed (Holm's method, 5 % over all speeds), if the machine was equally busy both "
            "times"
        )
    return notes


def _is_single(cell: Cell) -> bool:
    return len(cell.first_seeds) == len(cell.second_seeds) == 1
