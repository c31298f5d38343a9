"""Parallel coordinates: an axis for each setting, a line for each trial, and nothing of a stranger's runs as markup."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from reports.pictures.parallel import parallel_svg

SPACE = {"recipe.lr": "log(0.001, 1)", "recipe.optimizer": "choice(sgd, adamw)", "recipe.depth": "int(1, 5)"}


def lines_of(svg: str) -> list[list[tuple[float, float]]]:
    root = ElementTree.fromstring(svg)
    return [
        [(float(x), float(y)) for x, y in (point.split(",") for point in line.attrib["points"].split())]
        for line in root.iter("polyline")
    ]


def test_a_value_lies_on_its_axis_by_the_scale_of_its_range() -> None:
    settings = [
        {"recipe.lr": 1.0, "recipe.optimizer": "adamw", "recipe.depth": 5},
        {"recipe.lr": 0.001, "recipe.optimizer": "sgd", "recipe.depth": 1},
        {"recipe.lr": 0.0316227766, "recipe.depth": 3},
    ]
    worst, middle, best = lines_of(parallel_svg(SPACE, settings, [0.9, 0.5, 0.7]))
    top, bottom = best[0][1], worst[0][1]
    assert {y for _, y in best} == {top}
    assert {y for _, y in worst} == {bottom}
    assert len(middle) == 3, "a setting that it did not search has no point"
    assert {round(y) for _, y in middle} == {round((top + bottom) / 2)}


def test_better_trials_are_darker() -> None:
    svg = parallel_svg(SPACE, [{"recipe.depth": 2}] * 3, [0.1, 0.2, 0.3])
    shades = [float(each) for each in re.findall(r'stroke-opacity="([\d.]+)"', svg)]
    assert shades == sorted(shades)
    assert shades[0] < shades[-1] == 1


def test_without_trials_or_ranges_there_is_no_picture_and_markup_is_escaped() -> None:
    assert parallel_svg(SPACE, [], []) == ""
    assert parallel_svg({"recipe.lr": "?"}, [{}], [0.5]) == ""
    svg = parallel_svg({"recipe.<b>": "choice(<i>, b)"}, [{"recipe.<b>": "<i>"}], [0.5])
    assert "<b>" not in svg
    assert "<i>" not in svg
    ElementTree.fromstring(svg)
