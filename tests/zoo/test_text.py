"""Text: foreign text becomes one harmless line."""

from __future__ import annotations

import pytest

from zoo.text import one_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a\n\tb  c", "a b c"),
        ("\x1b[2Jx\x00", "[2Jx"),
        ("\u202eevil\u2066", "evil"),
        ("\ud800", ""),
        ("naïve 日本 é", "naïve 日本 é"),
        (7, "7"),
    ],
)
def test_foreign_text_becomes_one_harmless_line(text, expected):
    assert one_line(text) == expected


def test_long_foreign_text_is_cut():
    assert len(one_line("x" * 10_000)) == 500
