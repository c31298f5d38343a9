"""A leaderboard as LaTeX: a ``booktabs`` table for each dataset, ready for a paper."""

from __future__ import annotations

from collections.abc import Sequence

from reports.leaderboard.all_columns import choose_columns
from reports.leaderboard.columns.column import Column
from reports.leaderboard.leaderboard import Leaderboard
from reports.leaderboard.overall_text import overall_columns, overall_heading, overall_notes
from reports.leaderboard.remarks.footnotes import heading, legend, table_notes

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "[": "{[}",  # after \\ it would be read as an optional argument
    "]": "{]}",
    "-": "{-}",  # no ligature: -- would become a dash
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "±": r"$\pm$",
    "≈": r"$\approx$",
    "–": "--",
    "†": r"\textdagger{}",
    "‡": r"\textdaggerdbl{}",
    "§": r"\textsection{}",
    "°": r"\textdegree{}",
    "·": r"$\cdot$",
    "…": r"\ldots{}",
}


def escape_latex(text: str) -> str:
    """Escape *text* so that LaTeX prints it literally; letters beyond ASCII need a UTF-8 engine."""
    return "".join(_SPECIAL.get(character, character) for character in text)


def render_latex(leaderboard: Leaderboard, columns: Sequence[Column] | None = None, *, brief: bool = False) -> str:
    """Return one ``table`` environment for each dataset, without notes if *brief*.

    The packages ``booktabs`` and ``textcomp`` are required.
    """
    columns = choose_columns(leaderboard) if columns is None else columns
    if not leaderboard.tables:
        return "% There are no records yet.\n"
    closing = [] if brief else legend(columns, leaderboard)
    blocks = ["% \\usepackage{booktabs,textcomp}"]
    for table in leaderboard.tables:
        blocks.append(
            _environment(
                heading(table),
                [(column.title, column.numeric) for column in columns],
                [[column.text(row) for column in columns] for row in table.rows],
                [row.tie for row in table.rows],
                [] if brief else [*table_notes(table, columns, leaderboard), *closing],
            )
        )
    if (overall := leaderboard.overall) is not None:
        columns_of_text = overall_columns(overall)
        blocks.append(
            _environment(
                overall_heading(overall),
                [(column.title, column.numeric) for column in columns_of_text],
                list(zip(*(column.cells for column in columns_of_text), strict=True)),
                [None] * len(overall.rows),
                [] if brief else overall_notes(overall, leaderboard.sort_by),
            )
        )
    return "\n\n".join(blocks) + "\n"


def _environment(
    caption: str,
    header: Sequence[tuple[str, bool]],
    rows: Sequence[Sequence[str]],
    ties: Sequence[int | None],
    notes: Sequence[str],
) -> str:
    """Return one table, with space between ties.

    *header* gives the title of each column and whether it is aligned to the right, *ties* the tie of each row.
    """
    lines_of_rows = []
    for place, cells in enumerate(rows):
        if place and ties[place] != ties[place - 1]:
            lines_of_rows.append(r"\addlinespace")
        lines_of_rows.append(_line(cells))
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape_latex(caption)}}}",
        rf"\begin{{tabular}}{{{''.join('r' if numeric else 'l' for _, numeric in header)}}}",
        r"\toprule",
        _line([title for title, _ in header]),
        r"\midrule",
        *lines_of_rows,
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par\footnotesize {escape_latex(note)}" for note in notes),
        r"\end{table}",
    ]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return " & ".join(escape_latex(cell) for cell in cells) + r" \\"
