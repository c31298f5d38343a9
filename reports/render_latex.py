"""A leaderboard as LaTeX: a ``booktabs`` table for each data set, ready to be put into a paper."""

from __future__ import annotations

from collections.abc import Sequence

from reports.column import Column
from reports.columns import choose_columns
from reports.footnotes import heading, legend, table_notes
from reports.table import Leaderboard

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
    """Return *text* such that LaTeX sets it as it is; letters beyond ASCII need a UTF-8 engine."""
    return "".join(_SPECIAL.get(character, character) for character in text)


def render_latex(leaderboard: Leaderboard, columns: Sequence[Column] | None = None) -> str:
    """Return one ``table`` environment for each data set. It needs the packages ``booktabs`` and ``textcomp``."""
    columns = choose_columns(leaderboard) if columns is None else columns
    if not leaderboard.tables:
        return "% There are no records yet.\n"
    closing = legend(columns, leaderboard)
    blocks = ["% \\usepackage{booktabs,textcomp}"]
    for table in leaderboard.tables:
        notes = [*table_notes(table, columns, leaderboard), *closing]
        lines = [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape_latex(heading(table))}}}",
            rf"\begin{{tabular}}{{{''.join('r' if column.numeric else 'l' for column in columns)}}}",
            r"\toprule",
            _line([column.title for column in columns]),
            r"\midrule",
            *(_line([column.text(row) for column in columns]) for row in table.rows),
            r"\bottomrule",
            r"\end{tabular}",
            *(rf"\par\footnotesize {escape_latex(note)}" for note in notes),
            r"\end{table}",
        ]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _line(cells: Sequence[str]) -> str:
    return " & ".join(escape_latex(cell) for cell in cells) + r" \\"
