"""Provenance: which plugin provides something, from which distribution, and the hash of its code."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from harness.records.provenance import provider_spec
from harness.records.spec import ProviderSpec
from zoo.catalog import Catalog, Entry, Provider
from zoo.loading import Sources, build_catalog
from zoo.metric import Metric

PLUGIN = """
from zoo import Metric, hookimpl

@hookimpl
def zoo_metrics():
    yield Metric(name="ones", compute=lambda predictions: 1.0)
"""


def of_file(path: Path, text: str) -> ProviderSpec:
    """Return where the metric of a plugin with that text comes from."""
    path.write_text(text)
    sources = Sources(files=(str(path),), builtin=False, entry_points=False, strict=True)
    (entry,) = build_catalog(sources, hooks=("zoo_metrics",)).metrics
    return provider_spec(entry)


def test_a_built_in_comes_from_this_distribution_and_its_version(catalog: Catalog) -> None:
    spec = provider_spec(catalog.metrics.get("accuracy"))
    assert (spec.distribution, spec.version) == ("zoobench", importlib.metadata.version("zoobench"))
    assert spec.plugin == "metrics.classification"
    assert len(spec.code_hash) == 64


def test_a_file_belongs_to_no_distribution_and_is_known_by_its_code(tmp_path: Path) -> None:
    spec = of_file(tmp_path / "mine.py", PLUGIN)
    assert (spec.plugin, spec.distribution, spec.version) == ("mine", "", "")
    assert len(spec.code_hash) == 64


def test_an_edit_changes_the_hash_and_another_folder_does_not(tmp_path: Path) -> None:
    (tmp_path / "moved").mkdir()
    before = of_file(tmp_path / "mine.py", PLUGIN)
    assert of_file(tmp_path / "moved" / "mine.py", PLUGIN) == before
    assert of_file(tmp_path / "mine.py", PLUGIN.replace("1.0", "0.5")).code_hash != before.code_hash


def test_a_provider_without_source_has_no_hash() -> None:
    provider = Provider(name="lost", origin="file", module="lost", distribution="d", version="1.2")
    entry = Entry(record=Metric(name="ones", compute=lambda predictions: 1.0), full_name="lost/ones", provider=provider)
    assert provider_spec(entry) == ProviderSpec(plugin="lost", distribution="d", version="1.2", code_hash="")
