from __future__ import annotations

import io
import os

import pytest

from zoo.cli.display.text import TextColumn, fit, table_lines, width_of, wrapped
from zoo.text import clean, duration, plural


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("a\x1b[2Jb", "a[2Jb"),
        ("one\ntwo\rthree\tfour", "one two three four"),
        ("nul\0bell\a", "nulbell"),
        ("\u202egnp.exe", "gnp.exe"),
        ("c1\x9b31m", "c131m"),
        ("half\ud800", "half"),
        ("ünïcode 图", "ünïcode 图"),
        ("[/red] [v1]", "[/red] [v1]"),
    ],
)
def test_no_name_can_move_the_cursor_or_forge_a_line(hostile: str, harmless: str) -> None:
    """Raw escape codes pass through elsewhere (reliability: hostile plugins)."""
    assert clean(hostile) == harmless


def test_text_is_cut_by_terminal_cells_and_not_by_characters() -> None:
    assert fit("resnet18", 8) == "resnet18"
    assert fit("resnet18", 7) == "resnet…"
    assert fit("图图图图", 5) == "图图…"
    assert fit("图图图图", 4) == "图…"
    assert fit("图图", 0) == ""


@pytest.mark.parametrize(
    ("text", "width"),
    [("e\u0301", 1), ("图", 2), ("ที่", 1), ("क्षि", 2), ("👍🏽", 2), ("👨\u200d👩", 2), ("🇩🇪", 2), ("a\u200bb", 2)],
)
def test_characters_that_are_joined_are_as_wide_as_they_are_shown(text: str, width: int) -> None:
    assert width_of(text) == width
    assert width_of(fit(text * 9, 7)) <= 7


def test_a_table_gives_way_where_it_may_and_never_elsewhere() -> None:
    columns = (
        TextColumn(title="name"),
        TextColumn(title="summary", shrink=1, least=8),
        TextColumn(title="n", right=True),
    )
    rows = [("a_long_model_name", "a summary that goes on and on", 5)]
    assert table_lines(columns, rows, width=40)[1] == "a_long_model_name  a summary that go…  5"
    assert len(table_lines(columns, rows, width=10)[1]) == len("a_long_model_name  a summa…  5")
    assert "and on" in table_lines(columns, rows, width=None)[1]


def test_an_optional_column_goes_before_it_is_a_stub() -> None:
    columns = (TextColumn(title="name"), TextColumn(title="source", shrink=1, least=12, optional=True))
    rows = [("resnet18", "https://arxiv.org/abs/1512.03385")]
    assert table_lines(columns, rows, width=30)[1] == "resnet18  https://arxiv.org/a…"
    assert table_lines(columns, rows, width=20) == ["name", "resnet18"]


def test_a_column_that_is_empty_in_every_row_is_left_out() -> None:
    lines = table_lines((TextColumn(title="name"), TextColumn(title="family")), [("a", ""), ("b", "")], width=None)
    assert lines == ["name", "a", "b"]


def test_an_empty_column_may_be_kept() -> None:
    columns = [TextColumn(title="name"), TextColumn(title="note")]
    assert table_lines(columns, [("a", "")], width=None, keep_empty=True) == ["name  note", "a"]


def test_times_and_counts_read_as_people_say_them() -> None:
    assert [duration(each) for each in (0.04, 9.94, 9.96, 59.4, 185, 7801)] == [
        "0.0 s", "9.9 s", "10 s", "59 s", "3 min 05 s", "2 h 10 min",
    ]  # fmt: skip
    assert (plural(1, "trial"), plural(1500, "trial")) == ("1 trial", "1,500 trials")


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1


def test_a_sentence_breaks_between_words_at_the_edge_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.get_terminal_size", lambda handle: os.terminal_size((20, 24)))
    sentence = "zoo: no listener is called 'nothing' (zoo list listeners lists all)"
    broken = wrapped(sentence, Terminal())
    assert broken.split("\n") == ["zoo: no listener is", "called 'nothing'", "(zoo list listeners", "lists all)"]
    assert wrapped(sentence, io.StringIO()) == sentence
    path = "/a/path/that/is/longer/than/a/line"
    assert wrapped(f"tables   {path} {path}", Terminal(), indent=2) == f"tables\n  {path}\n  {path}"
    assert wrapped("  in front", Terminal()) == "  in front"
    assert wrapped("tables   exactly.csv  leaderboard.json  third", Terminal(), indent=2).split("\n") == [
        "tables   exactly.csv",
        "  leaderboard.json",
        "  third",
    ]
