"""Loading: files as plugins, and names that clash."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from harness.records.provenance import provider_spec
from zoo.loading import Sources, build_catalog

from .plugin_toys import GOOD, hook, load_files, only_plugin, write_plugin


def test_a_file_becomes_a_plugin_named_after_it(tmp_path: Path) -> None:
    catalog = load_files(write_plugin(tmp_path / "My Nets.py"))
    plugin = only_plugin(catalog)
    assert (plugin.state, plugin.provider.name, plugin.provider.origin) == ("loaded", "My Nets", "file")
    assert plugin.provides == {"architectures": ("my-nets/net",)}
    assert catalog.architectures.get("net").full_name == "my-nets/net"


def test_two_files_of_one_name_are_two_plugins(tmp_path: Path) -> None:
    one = write_plugin(tmp_path / "a" / "models.py")
    two = write_plugin(tmp_path / "b" / "models.py", GOOD.replace('"net"', '"other"'))
    catalog = load_files(one, two)
    assert [plugin.state for plugin in catalog.plugins] == ["loaded", "loaded"]
    assert {entry.full_name for entry in catalog.architectures} == {"models/net", "models/other"}
    modules = {entry.record.build.__module__ for entry in catalog.architectures}
    assert len(modules) == 2
    assert "models" not in modules


def test_a_full_name_that_is_taken_breaks_the_later_plugin_and_names_both(tmp_path: Path) -> None:
    one, two = write_plugin(tmp_path / "a" / "models.py"), write_plugin(tmp_path / "b" / "models.py", number=2)
    catalog = load_files(one, two)
    first, second = catalog.plugins
    assert (first.state, second.state) == ("loaded", "broken")
    assert "'models/net'" in second.problem
    assert str(one) in second.problem
    assert second.provider.module == str(two)
    assert catalog.architectures.get("models/net").record.build(None) == 1  # type: ignore[arg-type, comparison-overlap]


def test_a_clash_leaves_out_all_records_of_the_later_plugin(tmp_path: Path) -> None:
    body = "yield Architecture(name='fresh', build=len)\nyield Architecture(name='net', namespace='a', build=len)"
    catalog = load_files(write_plugin(tmp_path / "a.py"), write_plugin(tmp_path / "b.py", hook(body)))
    assert [entry.full_name for entry in catalog.architectures] == ["a/net"]


def test_a_command_that_is_taken_breaks_the_later_plugin(tmp_path: Path) -> None:
    code = "import click\n" + hook("yield click.Command('tidy')", "zoo_commands")
    catalog = load_files(write_plugin(tmp_path / "a.py", code), write_plugin(tmp_path / "b.py", code))
    assert list(catalog.commands) == ["tidy"]
    assert "'tidy', which plugin 'a'" in catalog.plugins[1].problem
    assert "give it another name" in catalog.plugins[1].problem


def test_a_file_given_twice_is_loaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_plugin(tmp_path / "mine.py")
    monkeypatch.chdir(tmp_path)
    assert only_plugin(load_files(path, "mine.py", "./mine.py")).state == "loaded"


def test_each_call_makes_a_fresh_catalog(tmp_path: Path) -> None:
    path = write_plugin(tmp_path / "mine.py")
    assert len(load_files(path).architectures) == 1
    assert len(load_files().architectures) == 0


def test_editing_a_file_changes_its_hash_and_what_is_loaded(tmp_path: Path) -> None:
    """Code changed and the cache did not (pytorch/ao#3073): same length, same second."""
    seen = []
    for number in (1, 2, 1):
        entry = load_files(write_plugin(tmp_path / "mine.py", number=number)).architectures.get("net")
        assert entry.record.build(None) == number  # type: ignore[arg-type, comparison-overlap]
        seen.append(provider_spec(entry).code_hash)
    assert seen[0] == seen[2] != seen[1]
    assert not (tmp_path / "__pycache__").exists()


def test_a_plugin_says_which_hooks_it_has_even_where_they_yield_nothing(tmp_path: Path) -> None:
    plugin = only_plugin(
        load_files(
            write_plugin(
                tmp_path / "plugin.py", GOOD + "\n" + textwrap.indent(hook("return []", "zoo_metrics"), "    ")
            )
        )
    )
    assert plugin.hooks == ("zoo_architectures", "zoo_metrics")
    assert set(plugin.provides) == {"architectures"}


def test_only_the_requested_hooks_are_called(tmp_path: Path) -> None:
    code = """
        from zoo import Architecture, Metric, hookimpl

        @hookimpl
        def zoo_architectures():
            raise AssertionError("nobody asked for models")

        @hookimpl
        def zoo_metrics():
            yield Metric(name="luck", compute=print)
    """
    file = write_plugin(tmp_path / "mixed.py", code)
    sources = Sources(files=(str(file),), builtin=False, entry_points=False, strict=True)
    catalog = build_catalog(sources, hooks=("zoo_metrics",))
    assert [entry.full_name for entry in catalog.metrics] == ["mixed/luck"]
    assert len(catalog.architectures) == 0
