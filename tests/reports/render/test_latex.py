"""A leaderboard as LaTeX."""

from __future__ import annotations

from reports.render.latex import escape_latex


def test_latex_shows_names_as_they_are():
    assert escape_latex("a_b & 5% \\x {y} #1 $z ~ ^") == (
        r"a\_b \& 5\% \textbackslash{}x \{y\} \#1 \$z \textasciitilde{} \textasciicircum{}"
    )
