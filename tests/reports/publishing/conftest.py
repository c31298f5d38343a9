"""What is published and verified: the sites of the tests next door."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from zoo.cli.group import zoo as group

from ..site.conftest import MakeSite, StoreMaker, fast_disk, filled, make_site, store

RunZoo = Callable[..., Result]

__all__ = ["MakeSite", "RunZoo", "StoreMaker", "fast_disk", "filled", "make_site", "store"]


@pytest.fixture
def zoo() -> RunZoo:
    """Run the command line in this process, without installed plugins."""
    return lambda *args: CliRunner().invoke(group, ["--no-plugins", *map(str, args)], prog_name="zoo")
