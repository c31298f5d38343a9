"""Changes: what changed since the last publication, from the leaderboard files of both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reports.render.markdown import escape_markdown
from zoo.files.foreign_json import parse_json
from zoo.files.plain_files import SITE_FILE, read_bytes
from zoo.text import one_line

Rows = dict[tuple[str, str, str, str], dict[str, Any]]
"""Cells by dataset, fingerprint, model and recipe."""


def read_previous(path: Path) -> dict[str, Any] | None:
    """Return the leaderboard that was published before, or None if there is none that can be read."""
    try:
        data = parse_json(read_bytes(path, SITE_FILE, follow=False))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) and isinstance(data.get("tables"), list) else None


def changelog(earlier_text: str, previous: Mapping[str, Any] | None, current: Mapping[str, Any], date: str) -> str:
    """Return the changelog with a section for the changes on top; unchanged if there are none.

    Args:
        earlier_text: The changelog of the last publication.
        previous: The leaderboard data of the last publication.
        current: The current leaderboard data.
        date: Date of the newest record, as heading of the section.
    """
    lines = changes(previous, current)
    if not lines:
        return earlier_text or "# Changes\n"
    head, _, rest = earlier_text.partition("\n## ")
    older = f"\n## {rest}" if rest else ""
    section = "\n".join([f"## {date or 'undated'}", "", *(f"- {line}" for line in lines), ""])
    return f"{head.rstrip() or '# Changes'}\n\n{section}{older}"


def changes(previous: Mapping[str, Any] | None, current: Mapping[str, Any]) -> list[str]:
    """Return a Markdown sentence for each row that was added, removed or changed."""
    now = _rows(current)
    if previous is None:
        count = len(now)
        return [f"First publication: {count:,} row{'' if count == 1 else 's'}."] if count else []
    before = _rows(previous)
    lines = [f"{_name(key)}: new, {_standing(cells)}." for key, cells in now.items() if key not in before]
    for key, cells in now.items():
        if key in before and (moved := _moved(before[key], cells)):
            lines.append(f"{_name(key)}: {moved}.")
    return lines + [f"{_name(key)}: removed." for key in before if key not in now]


def _rows(data: Mapping[str, Any]) -> Rows:
    found: Rows = {}
    for table in data.get("tables", []):
        if not isinstance(table, dict):
            continue
        rows = table.get("rows")
        for row in rows if isinstance(rows, list) else ():
            cells = row.get("cells", {}) if isinstance(row, dict) else {}
            if isinstance(cells, dict):
                names = (table.get("data"), table.get("fingerprint"), cells.get("model"), cells.get("recipe"))
                found.setdefault((str(names[0]), str(names[1]), str(names[2]), str(names[3])), cells)
    return found


def _moved(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    parts = []
    if _ranks(before) != _ranks(now):
        parts.append(f"rank {_ranks(before)} → {_ranks(now)}")
    if _accuracy(before) != _accuracy(now):
        parts.append(f"accuracy {_accuracy(before)} → {_accuracy(now)}")
    if before.get("seeds") != now.get("seeds"):
        parts.append(f"seeds {before.get('seeds')} → {now.get('seeds')}")
    return ", ".join(parts)


def _standing(cells: Mapping[str, Any]) -> str:
    return f"rank {_ranks(cells)}, accuracy {_accuracy(cells)}"


def _ranks(cells: Mapping[str, Any]) -> str:
    low, high = cells.get("rank_low"), cells.get("rank_high")
    if not isinstance(low, int) or not isinstance(high, int):
        return "none"
    return str(low) if low == high else f"{low}–{high}"


def _accuracy(cells: Mapping[str, Any]) -> str:
    value = cells.get("accuracy")
    return f"{100 * value:.2f} %" if isinstance(value, (int, float)) else "none"


def _name(key: tuple[str, str, str, str]) -> str:
    data, _, model, recipe = (escape_markdown(one_line(part, max_length=200)) for part in key)
    return f"**{model}** on {data}, {recipe}"
