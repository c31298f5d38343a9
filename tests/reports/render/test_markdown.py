"""A leaderboard as Markdown."""

from __future__ import annotations

from reports.render.markdown import escape_markdown


def test_markdown_shows_names_as_they_are():
    assert escape_markdown("simple_cnn") == "simple_cnn"
    assert escape_markdown("_x_ a|b <b> [l](u) `c` *d* \\") == r"\_x\_ a\|b \<b\> \[l\](u) \`c\` \*d\* " + "\\\\"
