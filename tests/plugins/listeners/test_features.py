"""The listener for features: it asks for them, and does nothing itself."""

from __future__ import annotations

from pathlib import Path

from zoo import Catalog
from zoo.events import Progress


def test_it_needs_features_and_writes_nothing(catalog: Catalog, tmp_path: Path) -> None:
    listener = catalog.listeners.get("features").record
    assert listener.needs == ("features",)
    listener.open(tmp_path)(Progress(message="starting"))
    assert list(tmp_path.iterdir()) == []
