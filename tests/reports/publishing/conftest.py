"""What is published and verified: the sites of the tests next door."""

from __future__ import annotations

from ..site.conftest import MakeSite, StoreMaker, fast_disk, filled, make_site, store

__all__ = ["MakeSite", "StoreMaker", "fast_disk", "filled", "make_site", "store"]
