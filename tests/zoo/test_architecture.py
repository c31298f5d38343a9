"""Architectures: sizes and options are checked when a record is made."""

from __future__ import annotations

from typing import Any

import pytest

from zoo import (
    Architecture,
    ModelRequest,
)


@pytest.mark.parametrize(
    "wrong", [{"native_size": 0}, {"min_size": 0}, {"options": {"a b": 1}}, {"options": {"a": [1]}}], ids=str
)
def test_an_architecture_refuses_wrong_sizes_and_options(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="architecture 'x'"):
        Architecture(name="x", build=_build, **wrong)


def _build(request: ModelRequest) -> Any:
    raise AssertionError("a record builds nothing")
