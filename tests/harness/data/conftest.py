"""Preparing a dataset of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.data.prepare import prepare_data
from harness.data.settings import DataSettings
from harness.records.spec import DatasetSpec, ProviderSpec
from tests.harness.data.toy_splits import Prepare
from zoo.dataset import Dataset, Splits


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    """Prepare what a function loads, in a cache of the test's own."""

    def run(load: Splits | Callable[..., Splits], *, workers: int = 2, cache: str = "cache", **settings: object):  # type: ignore[no-untyped-def]
        hints = {key: settings.pop(key) for key in ("channels", "num_train") if key in settings}
        dataset = Dataset(name="shapes", load=load if callable(load) else lambda request: load, **hints)  # type: ignore[arg-type]
        settings.setdefault("provider", ProviderSpec(plugin="test"))
        spec = DatasetSpec(full_name="test/shapes", display_name="shapes", **settings)  # type: ignore[arg-type]
        return prepare_data(
            dataset,
            spec,
            DataSettings(data_root=tmp_path, cache=tmp_path / cache),
            report=lambda *_: None,
            num_workers=workers,
        )

    return run
