"""Line charts: values are drawn where they belong, and no row is too wide."""

from __future__ import annotations

from itertools import pairwise

import pytest

from reports.pictures.braille import Line, draw_chart


def epoch(number: int, loss: float = 1.0, accuracy: float = 0.5) -> dict[str, object]:
    return {"epoch": number, "train_loss": loss, "val_loss": loss, "train_accuracy": None, "val_accuracy": accuracy}


def text_of(lines: list[Line], **how: object) -> list[str]:
    how = {"width": 40, "height": 8, **how}
    return ["".join(piece.text for piece in row) for row in draw_chart(lines, **how)]  # type: ignore[arg-type]


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
def test_no_row_is_wider_than_requested(width: int, points: list[tuple[float, float]]) -> None:
    rows = text_of([Line(points=points, label="a"), Line(points=points, dotted=True, label="b")], width=width)
    assert max(map(len, rows)) <= width
    assert any("a" in row for row in rows[:8])
    assert any("b" in row for row in rows[:8])


def test_a_chart_without_points_says_that_nothing_was_measured() -> None:
    assert text_of([Line(points=[])]) == ["(nothing was measured)"]
