"""Provenance: which plugin provides something, from which distribution, and the hash of its code."""

from __future__ import annotations

import importlib.metadata
import os
import time
from pathlib import Path

import pytest

from harness.records import provenance
from harness.records.provenance import MISSING, check_unchanged, code_differences, provider_spec
from harness.records.spec import CodeSpec, ProviderSpec
from zoo.catalog import Catalog, Entry
from zoo.errors import PluginError
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


HOUR_NS = 3600 * 10**9
HELPED = PLUGIN.replace("from zoo", "import lab_helper\nfrom zoo").replace("1.0", "lab_helper.ONE")


def planned_entry(path: Path, text: str) -> tuple[Entry[Metric], ProviderSpec]:
    """Return the metric of a plugin that was written an hour ago, and where it comes from."""
    spec = of_file(path, text)
    for file in path.parent.glob("*.py"):
        os.utime(file, ns=(time.time_ns() - HOUR_NS,) * 2)
    (entry,) = build_catalog(
        Sources(files=(str(path),), builtin=False, entry_points=False), hooks=("zoo_metrics",)
    ).metrics
    return entry, spec


def test_code_that_was_edited_since_the_plan_is_an_error_that_names_it(tmp_path: Path) -> None:
    """A bench may run for days, and its author goes on working on the plugin."""
    entry, planned = planned_entry(tmp_path / "mine.py", PLUGIN)
    since = time.time_ns() - HOUR_NS // 2
    check_unchanged(entry, planned, since_ns=since)
    (tmp_path / "mine.py").write_text(f"# Only a comment.\n{PLUGIN}")
    check_unchanged(entry, planned, since_ns=since)
    (tmp_path / "mine.py").write_text(PLUGIN.replace("1.0", "0.5"))
    with pytest.raises(PluginError, match=r"the code of ones was edited while the bench ran \(module mine.py"):
        check_unchanged(entry, planned, since_ns=since)


def test_a_helper_beside_the_plugin_that_was_edited_or_removed_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    helper = tmp_path / "lab_helper.py"
    helper.write_text("ONE = 1.0\n")
    entry, planned = planned_entry(tmp_path / "mine.py", HELPED)
    since = time.time_ns() - HOUR_NS // 2
    check_unchanged(entry, planned, since_ns=since)
    helper.write_text("ONE = 0.5\n")
    with pytest.raises(PluginError, match="module lab_helper"):
        check_unchanged(entry, planned, since_ns=since)
    helper.unlink()
    with pytest.raises(PluginError, match="module lab_helper"):
        check_unchanged(entry, planned, since_ns=since)


def test_code_of_an_installed_package_is_looked_at_by_its_times_only(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = catalog.metrics.get("accuracy")
    planned = provider_spec(entry)
    monkeypatch.setattr(provenance, "code_identity", lambda entry: pytest.fail("it takes a third of a second"))
    check_unchanged(entry, planned, since_ns=time.time_ns() + HOUR_NS)
