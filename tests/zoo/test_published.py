"""Published figures."""

from __future__ import annotations

import math

import pytest

from zoo.published import PublishedFigure


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_published_figure_is_finite(value: float) -> None:
    with pytest.raises(ValueError, match="must be finite"):
        PublishedFigure(value=value, dataset="ImageNet-1K")
