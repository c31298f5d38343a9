"""Provenance: which plugin provides something, from which distribution, and the hash of its code."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from harness.records.provenance import MISSING, code_differences, provider_spec
from harness.records.spec import CodeSpec, ProviderSpec
from zoo.catalog import Catalog
from zoo.loading import Sources, build_catalog

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


def test_a_comment_changes_nothing(tmp_path: Path) -> None:
    before = of_file(tmp_path / "mine.py", PLUGIN)
    assert of_file(tmp_path / "mine.py", f"# A comment.\n{PLUGIN}") == before


def test_differences_name_modules_files_and_libraries() -> None:
    one = CodeSpec(modules={"nets": "1", "blocks": "1"}, files={"a.yaml": "1"}, libraries={"numpy": "2.4"})
    other = CodeSpec(modules={"nets": "2", "blocks": "1"}, files={"a.yaml": "2"}, libraries={"scipy": "1.0"})
    left, right = ProviderSpec(plugin="p", code=one), ProviderSpec(plugin="p", code=other)
    assert code_differences(left, right) == {
        "module nets": ("1", "2"),
        "file a.yaml": ("1", "2"),
        "library numpy": ("2.4", MISSING),
        "library scipy": (MISSING, "1.0"),
    }
    assert code_differences(left, left) == {}


def test_a_record_of_an_earlier_version_has_nothing_to_name() -> None:
    assert code_differences(ProviderSpec(plugin="p", code_hash="c"), ProviderSpec(plugin="p", code=CodeSpec())) == {}
