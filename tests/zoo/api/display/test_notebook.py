"""The progress of a bench from Python: lines, or one place of a cell's output."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from zoo.api.display.notebook import SHOWN_LINES, CellLines, showing
from zoo.errors import UnknownNameError
from zoo.events import Event


def test_a_script_gets_lines_on_stderr(recorded_events: list[Event], capsys: pytest.CaptureFixture[str]) -> None:
    with showing("auto") as progress:
        for event in recorded_events:
            progress(event)
        progress.note("a note")
    told = capsys.readouterr()
    assert told.out == ""
    assert "lenet5 · digits · sgd_step · seed 0" in told.err
    assert "zoo: a note" in told.err


def test_nothing_is_shown_on_request(recorded_events: list[Event], capsys: pytest.CaptureFixture[str]) -> None:
    with showing("nothing") as progress:
        for event in recorded_events:
            progress(event)
    assert capsys.readouterr() == ("", "")


def test_a_cell_shows_the_last_lines_as_html_and_as_text() -> None:
    shown: list[dict[str, str]] = []
    write = CellLines(SimpleNamespace(update=lambda data, raw: shown.append(data)))
    for number in range(SHOWN_LINES + 3):
        write(f"line <{number}>")
    assert shown[-1]["text/plain"].splitlines() == [f"line <{number}>" for number in range(3, SHOWN_LINES + 3)]
    assert "<pre>line &lt;3&gt;" in shown[-1]["text/html"]


def test_a_kernel_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    handle = SimpleNamespace(update=lambda data, raw: shown.append(data["text/plain"]))
    ipython = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=lambda *_, **__: handle))
    with showing("auto") as progress:
        progress.note("hello")
    assert shown == ["zoo: hello"]


def test_an_unknown_way_is_a_sentence() -> None:
    with pytest.raises(UnknownNameError, match="'line'; did you mean 'lines'"), showing("line"):
        pass
