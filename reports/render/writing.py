"""Writing: any format by its name, and the leaderboard files beside the records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from filelock import FileLock

from harness.system.atomic_files import temporary_prefix, write_bytes
from reports.leaderboard.columns.column import Column
from reports.leaderboard.leaderboard import Leaderboard
from reports.render.csv import render_csv
from reports.render.json import render_json
from reports.render.latex import render_latex
from reports.render.markdown import render_markdown
from zoo.errors import StoreError, UnknownNameError
from zoo.names import near_names

TextFormat = Callable[[Leaderboard, Sequence[Column] | None, bool], str]

FORMATS: dict[str, TextFormat] = {
    "csv": lambda leaderboard, columns, brief: render_csv(leaderboard, columns),
    "json": lambda leaderboard, columns, brief: render_json(leaderboard, columns),
    "markdown": lambda leaderboard, columns, brief: render_markdown(leaderboard, columns, brief=brief),
    "latex": lambda leaderboard, columns, brief: render_latex(leaderboard, columns, brief=brief),
}
"""Text formats by name. The terminal format, ``table``, is in :mod:`reports.render.terminal`."""

_FILES = {"leaderboard.csv": "csv", "leaderboard.json": "json", "leaderboard.md": "markdown"}


def render(
    leaderboard: Leaderboard,
    format_name: str,
    columns: Sequence[Column] | None = None,
    *,
    width: int | None = None,
    brief: bool = False,
) -> str:
    """Return a leaderboard in the named format.

    Args:
        leaderboard: The leaderboard to show.
        format_name: ``table``, or one of :data:`FORMATS`.
        columns: The columns to show; by default those of the format.
        width: Width of a terminal, for ``table``; None leaves nothing out.
        brief: Leave out the notes of formats that are read by people.

    Raises:
        UnknownNameError: If there is no such format.
    """
    if format_name == "table":
        from reports.render.terminal import terminal_text

        return terminal_text(leaderboard, columns, width=width, brief=brief)
    if format_name not in FORMATS:
        names = ("table", *FORMATS)
        hint = f"(formats: {', '.join(names)})"
        raise UnknownNameError("format", format_name, near=near_names(format_name, names), hint=hint)
    return FORMATS[format_name](leaderboard, columns, brief)


def write_files(leaderboard: Leaderboard, folder: Path) -> list[Path]:
    """Write ``leaderboard.csv``, ``.json`` and ``.md`` into *folder* atomically, and return their paths.

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
                for stale in folder.glob(f"{temporary_prefix(path)}*"):  # left by a process that was killed
                    stale.unlink()
                write_bytes(path, render(leaderboard, format_name).encode("utf-8", "replace"))
                written.append(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
    return written
