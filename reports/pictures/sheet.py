"""Sheets: images in rows with captions. Never imports torch.

Captions may be foreign text, such as names of files and classes: they are drawn without control characters, on one
line, and cut if they are too long. Shape suffixes: H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from zoo.text import one_line

_GAP = 10
_FRAME = 3
_BACKGROUND, _INK, _PALE = (255, 255, 255), (24, 24, 27), (113, 113, 122)
_MARKS = {"": (212, 212, 216), "right": (22, 130, 80), "wrong": (200, 40, 40)}
_TEXT_SIZE = 14
_LINE = _TEXT_SIZE + 5
# From black through violet and orange to yellow: brightness alone carries the value.
_HEAT = ((0, 0, 4), (66, 10, 104), (147, 38, 103), (221, 81, 58), (252, 165, 10), (252, 255, 164))
_SCALE_LENGTH = 160
_HEAT_SHARE = 0.6
"""Opacity of the heat colour where the map is 1."""

Mark = Literal["", "right", "wrong"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SheetCell:
    """One image."""

    image_HWC: NDArray[np.uint8]
    """Grey or RGB."""
    lines: tuple[str, ...] = ()
    """Lines of the caption; the first one is dark."""
    mark: Mark = ""
    """Colour of its frame."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Band:
    """A group of images in one or more rows."""

    cells: Sequence[SheetCell]
    title: str = ""


def draw_sheet(
    bands: Sequence[Band],
    *,
    title: str = "",
    side: int = 176,
    columns: int | None = None,
    scale: tuple[str, str] | None = None,
) -> Image.Image:
    """Draw bands of images below each other.

    Args:
        bands: Bands from top to bottom.
        title: Title above all bands.
        side: Side of each image in pixels. Smaller images are enlarged with visible pixels.
        columns: Images in a row; by default as many as the longest band has, at most 8.
        scale: Words at both ends of a scale of :func:`heat`, from 0 to 1, which is drawn below the title.
    """
    columns = columns or min(max((len(band.cells) for band in bands), default=1), 8)
    width = columns * (side + 2 * _FRAME + _GAP) + _GAP
    heads = (_LINE + _GAP) * (bool(title) + (scale is not None))
    height = _GAP + heads + sum(_band_height(band, side, columns) for band in bands)
    sheet = Image.new("RGB", (max(width, 1), height), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    top = _GAP
    if title:
        _write(draw, (_GAP, top), title, width - 2 * _GAP, _INK, size=_TEXT_SIZE + 2)
        top += _LINE + _GAP
    if scale is not None:
        _draw_scale(sheet, draw, scale, top)
        top += _LINE + _GAP
    for band in bands:
        start = top
        if band.title:
            _write(draw, (_GAP, start), band.title, width - 2 * _GAP, _INK)
            start += _LINE
        row_height = _row_height(band, side)
        for number, cell in enumerate(band.cells):
            row, column = divmod(number, columns)
            left = _GAP + column * (side + 2 * _FRAME + _GAP)
            _draw_cell(sheet, draw, cell, left, start + row * row_height, side)
        top += _band_height(band, side, columns)
    return sheet


def heat(image_HWC: NDArray[np.uint8], map_HW: NDArray[np.float32], *, side: int = 224) -> NDArray[np.uint8]:
    """Overlay a map in [0, 1] on the greyscale of an image, as RGB of at least *side* pixels."""
    size = (max(side, image_HWC.shape[1]), max(side, image_HWC.shape[0]))
    luminance = image_HWC.astype(np.float64).mean(axis=2).round().astype(np.uint8)
    # A small image keeps its pixels; a map is smooth.
    enlarged = Image.fromarray(luminance).resize(size, Image.Resampling.NEAREST)
    grey = np.asarray(enlarged).astype(np.float64)[..., None].repeat(3, axis=2)
    smooth = Image.fromarray(map_HW.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    places = np.clip(np.asarray(smooth).astype(np.float64), 0, 1)
    stops = np.linspace(0, 1, len(_HEAT))
    colours = np.stack([np.interp(places, stops, [stop[c] for stop in _HEAT]) for c in range(3)], axis=-1)
    share = _HEAT_SHARE * places[..., None] ** 0.7  # so that small values are visible
    return np.asarray((1 - share) * (0.35 * 255 + 0.65 * grey) + share * colours).round().astype(np.uint8)


def _draw_scale(sheet: Image.Image, draw: ImageDraw.ImageDraw, words: tuple[str, str], top: int) -> None:
    """Draw what heat looks like on a mid grey, from 0 to 1, between *words*."""
    room = sheet.width - 2 * _GAP
    length = min(_SCALE_LENGTH, room // 2)
    font = ImageFont.load_default(_TEXT_SIZE)
    low = min(round(draw.textlength(words[0], font=font)), room // 4)
    _write(draw, (_GAP, top), words[0], low + 1, _PALE)
    ramp_HW = np.tile(np.linspace(0, 1, length, dtype=np.float32), (_TEXT_SIZE, 1))
    grey_HWC = np.full((_TEXT_SIZE, length, 3), 128, dtype=np.uint8)
    left = _GAP + low + _GAP // 2
    sheet.paste(Image.fromarray(heat(grey_HWC, ramp_HW, side=1)), (left, top + 2))
    after = left + length + _GAP // 2
    _write(draw, (after, top), words[1], sheet.width - _GAP - after, _PALE)


def _band_height(band: Band, side: int, columns: int) -> int:
    rows = -(-len(band.cells) // columns)
    return (_LINE if band.title else 0) + rows * _row_height(band, side)


def _row_height(band: Band, side: int) -> int:
    return side + 2 * _FRAME + 4 + _LINE * max((len(cell.lines) for cell in band.cells), default=0) + _GAP


def _draw_cell(sheet: Image.Image, draw: ImageDraw.ImageDraw, cell: SheetCell, left: int, top: int, side: int) -> None:
    pixels = cell.image_HWC[:, :, 0] if cell.image_HWC.shape[2] == 1 else cell.image_HWC
    image = Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB")
    how = Image.Resampling.NEAREST if max(image.size) < side else Image.Resampling.LANCZOS
    draw.rectangle((left, top, left + side + 2 * _FRAME - 1, top + side + 2 * _FRAME - 1), fill=_MARKS[cell.mark])
    sheet.paste(image.resize((side, side), how), (left + _FRAME, top + _FRAME))
    for number, line in enumerate(cell.lines):
        place = (left, top + side + 2 * _FRAME + 4 + number * _LINE)
        _write(draw, place, line, side + 2 * _FRAME, _INK if number == 0 else _PALE)


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    width: int,
    colour: tuple[int, int, int],
    *,
    size: int = _TEXT_SIZE,
) -> None:
    """Draw one line of foreign text, cut to *width* pixels."""
    font = ImageFont.load_default(size)
    text = " ".join(one_line(text, max_length=300).split())
    if not isinstance(font, ImageFont.FreeTypeFont):  # a Pillow without FreeType has letters of Latin-1 only
        text = text.encode("latin-1", "replace").decode("latin-1")
    ellipsis = "…" if isinstance(font, ImageFont.FreeTypeFont) else "..."
    if draw.textlength(text, font=font) > width:
        while text and draw.textlength(text + ellipsis, font=font) > width:
            text = text[:-1]
        text = text.rstrip() + ellipsis
    draw.text(place, text, fill=colour, font=font)
