"""Sheets: pictures keep their pixels, heat is where the map is, and foreign words cannot break anything."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import ImageFont

from reports.pictures.sheet import Band, SheetCell, draw_sheet, heat

RED = np.full((4, 4, 3), (250, 0, 0), dtype=np.uint8)


def test_a_small_image_is_enlarged_with_its_pixels_visible() -> None:
    checks = (np.indices((2, 2)).sum(axis=0) % 2)[:, :, None].astype(np.uint8) * 255
    pixels = np.asarray(draw_sheet([Band(cells=[SheetCell(image_HWC=checks)])], side=100))
    inside = pixels[15:110, 15:110]
    assert len(np.unique(inside.reshape(-1, 3), axis=0)) == 2
    assert inside[5, 5].tolist() == inside[90, 90].tolist() == [0, 0, 0]
    assert inside[5, 90].tolist() == inside[90, 5].tolist() == [255, 255, 255]


def test_heat_is_where_the_map_is_and_nothing_elsewhere() -> None:
    image = np.full((8, 8, 3), 90, dtype=np.uint8)
    map_HW = np.zeros((8, 8), dtype=np.float32)
    map_HW[:, 6:] = 1
    shown = heat(image, map_HW, side=64).astype(int)
    assert shown.shape == (64, 64, 3)
    cold, hot = shown[:, :32], shown[:, 56:]
    assert (cold[..., 0] == cold[..., 2]).all()  # grey
    assert (hot[..., 0] - hot[..., 2] > 30).all()  # yellow


def test_a_small_image_under_heat_keeps_its_pixels() -> None:
    checks = (np.indices((4, 4)).sum(axis=0) % 2)[:, :, None].repeat(3, axis=2).astype(np.uint8) * 200
    shown = heat(checks, np.zeros((4, 4), dtype=np.float32), side=64)
    assert len(np.unique(shown)) == 2
    assert (shown[:16, :16] == shown[0, 0]).all()
    assert (shown[:16, 16:32] == shown[0, 16]).all()


@pytest.mark.parametrize("name", ["\x1b[31mred\n\n", "שלום \u202eevil", "\udcff猫" * 500, "\0"])
def test_foreign_words_are_drawn_within_their_cell(name: str) -> None:
    plain = draw_sheet(
        [Band(cells=[SheetCell(image_HWC=RED, lines=("a",)), SheetCell(image_HWC=RED, lines=("b",))], title="t")]
    )
    drawn = draw_sheet(
        [Band(cells=[SheetCell(image_HWC=RED, lines=(name,)), SheetCell(image_HWC=RED, lines=("b",))], title=name)]
    )
    assert drawn.size == plain.size
    half = plain.size[0] // 2 + 5
    below_title = slice(40, None)
    assert np.array_equal(np.asarray(drawn)[below_title, half:], np.asarray(plain)[below_title, half:])


def test_a_pillow_without_freetype_draws_latin_letters_and_question_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    old = ImageFont.load_default_imagefont()
    monkeypatch.setattr(ImageFont, "load_default", lambda size=None: old)

    def sheet(line: str) -> bytes:
        return draw_sheet([Band(cells=[SheetCell(image_HWC=RED, lines=(line,))])], side=100).tobytes()

    assert sheet("猫 92 %") == sheet("? 92 %")
    assert sheet("cat 92 %") != sheet("dog 92 %")
    assert sheet("c" * 400) == sheet("c" * 500) != sheet("c" * 5)


def test_more_cells_than_columns_go_on_below_in_their_order() -> None:
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0), (0, 200, 200)]
    cells = [SheetCell(image_HWC=np.full((4, 4, 3), colour, dtype=np.uint8)) for colour in colours]
    pixels = np.asarray(draw_sheet([Band(cells=cells)], columns=2, side=50))
    centres = [np.argwhere((pixels == colour).all(axis=2)).mean(axis=0) for colour in colours]
    tops, lefts = ([centre[axis] for centre in centres] for axis in (0, 1))
    assert tops[0] == tops[1] < tops[2] == tops[3] < tops[4]
    assert lefts[0] == lefts[2] == lefts[4] < lefts[1] == lefts[3]


def test_a_scale_goes_from_grey_to_the_colour_of_the_strongest_heat() -> None:
    cells = [SheetCell(image_HWC=RED), SheetCell(image_HWC=RED)]
    plain = draw_sheet([Band(cells=cells)], title="t")
    scaled = draw_sheet([Band(cells=cells)], title="t", scale=("0", "1"))
    added = scaled.height - plain.height
    assert scaled.width == plain.width
    assert added > 0
    # What lies below is as it was.
    below = np.asarray(scaled)[-100:]
    assert np.array_equal(below, np.asarray(plain)[-100:])
    bar = np.asarray(scaled)[40 + added // 3].astype(int)
    inside = [place for place in range(len(bar)) if bar[place].tolist() != [255, 255, 255]]
    middle = bar[inside[0] + 20 : inside[-1] - 20]
    assert abs(middle[0][0] - middle[0][2]) < 40  # grey
    assert middle[-1][0] - middle[-1][2] > 30  # yellow
