"""Data settings: where datasets are looked for, and how they are asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.data.settings import DataSettings
from harness.records.spec import DatasetSpec, ProviderSpec


def test_the_environment_sets_the_folder_of_datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ZOO_DATA", str(tmp_path / "data"))
    settings = DataSettings()
    assert settings.data_root == tmp_path / "data"
    assert settings.cache.parent == tmp_path / "cache"


def test_a_dataset_is_loaded_with_the_settings_of_its_spec(tmp_path: Path) -> None:
    reports: list[tuple[str, float | None]] = []
    spec = DatasetSpec(
        full_name="t/folder",
        display_name="folder:photos",
        argument="photos",
        options={"depth": 2},
        provider=ProviderSpec(plugin="t"),
    )
    settings = DataSettings(data_root=tmp_path, cache=tmp_path, download=False)
    request = settings.request_for(spec, lambda message, share: reports.append((message, share)))
    assert (request.root, request.argument, dict(request.options)) == (tmp_path, "photos", {"depth": 2})
    assert not request.download
    request.report("reading", 0.5)
    assert reports == [("reading", 0.5)]
