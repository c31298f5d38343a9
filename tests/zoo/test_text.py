"""Text: foreign text becomes one harmless line."""

from __future__ import annotations

import pytest

from zoo.text import error_message, error_text, exit_call, one_line


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


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise SystemExit(0)


def test_an_exception_is_named_though_its_message_cannot_be_read():
    assert error_text(UnprintableError()) == "UnprintableError"
    assert error_message(UnprintableError()) == ""
    assert error_text(ValueError("two\nlines")) == "ValueError: two lines"


def test_an_exit_is_named_with_its_code():
    assert exit_call(SystemExit(0)) == "sys.exit(0)"
    assert exit_call(SystemExit("no\x1b[2J")) == "sys.exit('no\\x1b[2J')"


def test_an_exception_whose_class_raises_has_a_text_all_the_same() -> None:
    class Hostile(type):
        def __getattribute__(cls, name: str) -> object:
            if name == "__name__":
                raise SystemExit
            return super().__getattribute__(name)

    class HostileError(Exception, metaclass=Hostile):
        pass

    assert error_text(HostileError("text")) == "an exception without a name: text"
