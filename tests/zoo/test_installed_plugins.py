"""Installed plugins: found by entry points, blocked without being imported, and named with their distributions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.errors import AmbiguousNameError, PluginError
from zoo.loading import Sources, build_catalog, list_plugins

from .plugin_toys import GOOD, install, write_plugin

LIST = """
import json
from zoo.loading import Sources, build_catalog
catalog = build_catalog(Sources(builtin=False))
print(json.dumps({
    plugin.provider.name: [
        plugin.state, plugin.problem, plugin.provider.distribution, plugin.provider.version,
        *(name for names in plugin.provides.values() for name in names),
    ] for plugin in catalog.plugins
}))
"""


def _installed(site: Path, trusted: str = "") -> dict[str, list[str]]:
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", LIST],
        capture_output=True,
        check=True,
        cwd=site,
        env={**os.environ, "PYTHONPATH": path, "ZOO_PLUGINS": trusted},
        text=True,
        timeout=60,
    )
    listed: dict[str, list[str]] = json.loads(done.stdout)
    return listed


def test_an_entry_point_is_a_plugin_with_its_distribution_and_version(tmp_path: Path) -> None:
    install(tmp_path, "zoo-nets", "[zoo]\nnets = zoo_nets\n", {"zoo_nets.py": GOOD})
    assert _installed(tmp_path)["nets"] == ["loaded", "", "zoo-nets", "1.2", "nets/net"]


def test_a_broken_entry_point_affects_no_other(tmp_path: Path) -> None:
    """One broken plugin killed even --help (llm#1280)."""
    install(tmp_path, "a-exits", "[zoo]\na = a_exits\n", {"a_exits.py": "raise SystemExit(0)"})
    install(tmp_path, "b-absent", "[zoo]\nb = b_absent:plugin\n", {})
    install(tmp_path, "c-good", "[zoo]\nc = c_good\n", {"c_good.py": GOOD})
    plugins = _installed(tmp_path)
    assert [plugins[name][0] for name in "abc"] == ["broken", "broken", "loaded"]
    assert "sys.exit(0)" in plugins["a"][1]
    assert "b_absent" in plugins["b"][1]


def test_a_plugin_that_is_not_allowed_is_never_imported_and_is_listed_as_blocked(tmp_path: Path) -> None:
    install(tmp_path, "zoo-bad", "[zoo]\nbad = bad_code\n", {"bad_code.py": "open('it ran', 'w')"})
    install(tmp_path, "zoo-nets", "[zoo]\nnets = zoo_nets\n", {"zoo_nets.py": GOOD})
    for trusted, states in {
        "nets": ("blocked", "loaded"),
        "zoo-nets": ("blocked", "loaded"),
        "-zoo-bad": ("blocked", "loaded"),
        "nets,-zoo.nets": ("blocked", "blocked"),
    }.items():
        plugins = _installed(tmp_path, trusted)
        assert (plugins["bad"][0], plugins["nets"][0]) == states
        assert not (tmp_path / "it ran").exists()
    assert plugins["nets"][1] == "ZOO_PLUGINS blocks 'zoo.nets'"
    _installed(tmp_path)
    assert (tmp_path / "it ran").exists()


def test_selecting_something_of_a_blocked_plugin_says_that_it_is_blocked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "zoo-nets", "[zoo]\nnets = zoo_nets\n", {"zoo_nets.py": GOOD})
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ZOO_PLUGINS", "-nets")
    catalog = build_catalog(Sources(builtin=False))
    with pytest.raises(PluginError, match=r"'nets/net' belongs to plugin 'nets', which is blocked: ZOO_PLUGINS blocks"):
        catalog.architectures.get("nets/net")


def test_a_block_is_not_a_break(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "zoo-nets", "[zoo]\nnets = zoo_nets\n", {"zoo_nets.py": GOOD})
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ZOO_PLUGINS", "-nets")
    assert "blocked" in {plugin.state for plugin in build_catalog(Sources(builtin=False, strict=True)).plugins}


def test_plugins_are_listed_from_metadata_without_importing_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "zoo-bad", "[zoo]\nbad = bad_code\n", {"bad_code.py": "raise AssertionError"})
    install(tmp_path, "zoo-nets", "[zoo]\nnets = zoo_nets\n", {"zoo_nets.py": GOOD})
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ZOO_PLUGINS", "-nets")
    listed = {each.provider.name: (each.state, each.provider.version) for each in list_plugins(Sources(builtin=False))}
    assert listed["bad"] == ("found", "1.2")
    assert listed["nets"] == ("blocked", "1.2")
    assert not {"bad_code", "zoo_nets"} & set(sys.modules)


def test_installed_plugins_that_clash_name_both_distributions_and_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for letter in "ab":
        install(tmp_path, f"zoo-{letter}", f"[zoo]\nnets = clash_{letter}\n", {f"clash_{letter}.py": GOOD})
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ZOO_PLUGINS", "nets")
    catalog = build_catalog(Sources(builtin=False))
    (broken,) = [plugin for plugin in catalog.plugins if plugin.state == "broken"]
    assert broken.problem == (
        "zoo_architectures of zoo-b 1.2 yielded 'nets/net', which plugin 'nets' of zoo-a 1.2 (clash_a) "
        "already provides; give it another name or namespace, or leave one out with ZOO_PLUGINS=-zoo-b or "
        "ZOO_PLUGINS=-zoo-a"
    )


def test_a_short_name_of_two_installed_plugins_names_both_distributions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for letter in "ab":
        install(tmp_path, f"zoo-{letter}", f"[zoo]\nown{letter} = short_{letter}\n", {f"short_{letter}.py": GOOD})
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ZOO_PLUGINS", "owna,ownb")
    with pytest.raises(AmbiguousNameError, match=r"owna/net \(zoo-a 1\.2\) or ownb/net \(zoo-b 1\.2\)"):
        build_catalog(Sources(builtin=False)).architectures.get("net")


def test_unreadable_entry_points_of_one_distribution_hide_no_other(tmp_path: Path) -> None:
    """Python's own reader stops at the first file that it cannot parse."""
    install(tmp_path, "a-torn", "[zoo]\nno equals sign\n", {})
    install(tmp_path, "b-bare", "[zoo]\nb = b_bare\n", {"b_bare.py": GOOD}, metadata=False)
    plugins = _installed(tmp_path)
    assert plugins["a-torn"][0] == "broken"
    assert "entry points of distribution 'a-torn' cannot be read" in plugins["a-torn"][1]
    assert plugins["b"][0] == "loaded"


def test_a_foreign_package_called_plugins_hides_the_built_ins_with_a_cause(tmp_path: Path) -> None:
    write_plugin(tmp_path / "plugins" / "__init__.py", "BUILTIN = ('os',)")
    code = LIST.replace("builtin=False", "entry_points=False")
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}"],
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    (plugin,) = json.loads(done.stdout).values()
    assert plugin[0] == "broken"
    assert str(tmp_path) in plugin[1]
