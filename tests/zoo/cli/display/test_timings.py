"""The table of wall times: all of them, in the order in which they pass, and they add up."""

from __future__ import annotations

from harness.bench.timings import Timings
from zoo.cli.display.timings import timing_lines

TIMINGS = Timings(
    began=11.0,
    seconds=25.0,
    stages={"probe": 3.0, "prepare": 2.0, "trials": 20.0},
    phases={"train": 30.0, "measure": 8.0, "dance": 2.0},
    slots=2,
)


def test_each_row_has_seconds_and_a_share_of_all() -> None:
    lines = timing_lines(TIMINGS, started=10.0, ended=40.0)
    rows = [line.rsplit(maxsplit=2) for line in lines[1:-2]]
    assert [(name, seconds) for name, seconds, _ in rows] == [
        ("loading plugins and planning", "1.0"),
        ("starting processes, importing torch, probing the machine", "3.0"),
        ("preparing data", "2.0"),
        ("training", "15.0"),
        ("measuring speeds", "4.0"),
        ("slots without a trial", "0.0"),
        ("ranking and writing tables", "4.0"),
        ("dance", "1.0"),
    ]
    assert rows[3][2] == "50%"
    assert lines[-2].split() == ["all", "30.0"]
    assert lines[-1] == "(times of trials are divided by 2, the number that ran at a time)"


def test_one_slot_needs_no_explanation() -> None:
    lines = timing_lines(Timings(began=0.0, seconds=1.0, stages={"trials": 1.0}), started=0.0, ended=1.0)
    assert lines[-1].split() == ["all", "1.0"]
