"""Writing: the leaderboard's files beside the records, and any format by its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from filelock import FileLock

from harness.system.atomic_files import temporary_prefix, write_bytes
from reports.leaderboard.column import Column
from reports.leaderboard.leaderboard import Leaderboard
from reports.render.csv import render_csv
from reports.render.json import render_json
from reports.render.latex import render_latex
from reports.render.markdown import render_markdown
from zoo.errors import StoreError, UnknownNameError
from zoo.names import near_names

FORMATS: dict[str, Callable[[Leaderboard, Sequence[Column] | None], str]] = {
    "csv": render_csv,
    "json": render_json,
    "markdown": render_markdown,
    "latex": render_latex,
}
"""Text formats by name; ``table``, the terminal's, is :mod:`reports.render.terminal`."""

_FILES = {"leaderboard.csv": "csv", "leaderboard.json": "json", "leaderboard.md": "markdown"}


def render(leaderboard: Leaderboard, format_name: str, columns: Sequence[Column] | None = None) -> str:
    """Return a leaderboard in the format of that name.

    Raises:
        UnknownNameError: If there is no such format.
    """
    if format_name == "table":
        from reports.render.terminal import terminal_text

        return terminal_text(leaderboard, columns)
    if format_name not in FORMATS:
        names = ("table", *FORMATS)
        hint = f"(formats: {', '.join(names)})"
        raise UnknownNameError("format", format_name, near=near_names(format_name, names), hint=hint)
    return FORMATS[format_name](leaderboard, columns)


def write_files(leaderboard: Leaderboard, folder: Path) -> list[Path]:
    """Write ``leaderboard.csv``, ``.json`` and ``.md`` into *folder*, each whole or not at all, and return them.

    The same leaderboard gives the same bytes.

    Raises:
        StoreError: If a file cannot be written.
    """
    path = folder
    written = []
    try:
        with FileLock(folder / ".leaderboard.lock"):
            for name, format_name in _FILES.items():
                path = folder / name
                for stale in folder.glob(f"{temporary_prefix(path)}*"):  # of a process that died in here
                    stale.unlink()
                write_bytes(path, render(leaderboard, format_name).encode("utf-8"))
                written.append(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
    return written
