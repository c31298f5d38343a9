"""The network holds to what zoo asks of every network."""

from __future__ import annotations

from typing import Any

from zoo.testing import parametrize_with_checks


@parametrize_with_checks("zoo_efficientnet_lite.plugin")
def test_conforms(check: Any) -> None:
    check()
