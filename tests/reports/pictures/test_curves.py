"""Learning curves: read from histories, also torn ones, and drawn where their values are."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from harness.records.history import encode_row
from reports.pictures.braille import Line, draw_chart
from reports.pictures.curves import read_curves, trial_folders
from zoo.errors import StoreError


def write_history(folder: Path, rows: list[dict[str, object]], tail: bytes = b"") -> Path:
    folder.mkdir(parents=True)
    content = b"".join(encode_row({"event": "epoch", **row}) for row in rows)
    (folder / "history.jsonl").write_bytes(content + tail)
    return folder


def epoch(number: int, loss: float = 1.0, accuracy: float = 0.5) -> dict[str, object]:
    return {"epoch": number, "train_loss": loss, "val_loss": loss, "train_accuracy": None, "val_accuracy": accuracy}


def text_of(lines: list[Line], **how: object) -> list[str]:
    how = {"width": 40, "height": 8, **how}
    return ["".join(piece.text for piece in row) for row in draw_chart(lines, **how)]  # type: ignore[arg-type]


def test_an_epoch_that_is_not_whole_or_not_finite_is_left_out(tmp_path: Path) -> None:
    rows = [epoch(1), {**epoch(2), "val_loss": None}, epoch(3)]
    curves = read_curves(write_history(tmp_path / "t", rows, tail=encode_row(epoch(4))[:-9]))
    assert curves.epochs == (1, 2, 3)
    assert [x for x, _ in curves.points("val_loss")] == [1, 3]
    assert curves.points("train_accuracy") == []


def test_a_trial_that_was_continued_counts_each_epoch_once(tmp_path: Path) -> None:
    curves = read_curves(write_history(tmp_path / "t", [epoch(1), epoch(2, loss=9), epoch(2, loss=2), epoch(3)]))
    assert curves.points("val_loss") == [(1, 1.0), (2, 2.0), (3, 1.0)]


def test_a_store_stands_for_its_trials(tmp_path: Path) -> None:
    folders = [write_history(tmp_path / name, [epoch(1)]) for name in ("b", "a")]
    assert trial_folders([tmp_path, folders[0]]) == [folders[1], folders[0]]


@pytest.mark.parametrize(("name", "sentence"), [("none", "there is no folder"), ("empty", "no epoch is over yet")])
def test_what_has_no_curves_is_one_sentence(tmp_path: Path, name: str, sentence: str) -> None:
    write_history(tmp_path / "empty", [])
    with pytest.raises(StoreError, match=sentence):
        read_curves(tmp_path / name)


def test_a_rising_line_goes_from_the_lower_left_to_the_upper_right() -> None:
    rows = text_of([Line(points=[(1, 0.0), (9, 1.0)])])
    filled = [[column for column, character in enumerate(row) if "\u2800" < character <= "\u28ff"] for row in rows[:8]]
    assert all(filled)
    assert all(max(lower) <= min(upper) + 1 for upper, lower in pairwise(filled))


def test_numbers_stand_beside_their_values() -> None:
    rows = text_of([Line(points=[(1, 0.25), (5, 0.75)])], percent=True)
    assert rows[0].startswith("75 % ┤")
    assert rows[7].startswith("25 % ┤")
    assert rows[-1].split() == ["1", "epoch", "5"]


@pytest.mark.parametrize("width", [20, 40, 80])
@pytest.mark.parametrize("points", [[(1, 3.0)], [(1, 2.0), (2, 2.0)], [(1, 1e-9), (300, 1e9)], [(1, -5.0), (2, 5.0)]])
def test_no_row_is_wider_than_asked_for(width: int, points: list[tuple[float, float]]) -> None:
    rows = text_of([Line(points=points, label="a"), Line(points=points, dotted=True, label="b")], width=width)
    assert max(map(len, rows)) <= width
    assert any("a" in row for row in rows[:8])
    assert any("b" in row for row in rows[:8])


def test_nothing_is_drawn_of_nothing() -> None:
    assert text_of([Line(points=[])]) == ["(nothing was measured)"]


def test_values_read_back_from_json_are_those_of_the_history(tmp_path: Path) -> None:
    rows = [epoch(1, loss=0.1 + 0.2), epoch(2, loss=1 / 3)]
    curves = read_curves(write_history(tmp_path / "t", rows))
    assert json.loads(json.dumps(curves.values["val_loss"])) == [0.1 + 0.2, 1 / 3]
