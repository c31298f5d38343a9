"""Loading: three doors for plugins, and a broken one costs itself only."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from harness.records.provenance import provider_spec
from zoo.catalog import Catalog, Plugin
from zoo.errors import AmbiguousNameError, PluginError
from zoo.loading import Sources, build_catalog, list_plugins

GOOD = """
    from zoo import Architecture, hookimpl

    def build(request):
        return {number}

    @hookimpl
    def zoo_architectures():
        yield Architecture(name="net", build=build)
"""


def _write(path: Path, code: str = GOOD, **values: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = textwrap.dedent(code)
    for name, value in {"number": 1, **values}.items():
        text = text.replace(f"{{{name}}}", str(value))
    path.write_text(text, encoding="utf-8")
    return path


def _load(*files: Path | str, strict: bool = False) -> Catalog:
    return build_catalog(Sources(files=tuple(map(str, files)), entry_points=False, builtin=False, strict=strict))


def _only(catalog: Catalog) -> Plugin:
    (plugin,) = catalog.plugins
    return plugin


def _hook(body: str, hook: str = "zoo_architectures") -> str:
    head = f"from zoo import Architecture, Metric, hookimpl\n\n@hookimpl\ndef {hook}():\n"
    return head + textwrap.indent(textwrap.dedent(body).strip(), "    ") + "\n"


def test_a_file_becomes_a_plugin_named_after_it(tmp_path: Path) -> None:
    catalog = _load(_write(tmp_path / "My Nets.py"))
    plugin = _only(catalog)
    assert (plugin.state, plugin.provider.name, plugin.provider.origin) == ("loaded", "My Nets", "file")
    assert plugin.provides == {"architectures": ("my-nets/net",)}
    assert catalog.architectures.get("net").full_name == "my-nets/net"


BROKEN = {
    "raises at import": ("1 / 0", "ZeroDivisionError: division by zero"),
    "does not parse": ("def (", "SyntaxError: invalid syntax"),
    "imports what is not there": ("import not_installed_at_all", "No module named 'not_installed_at_all'"),
    "exits": ("import sys; sys.exit(0)", r"called sys.exit\(0\) while loading"),
    "raises what cannot be printed": (
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E",
        "^E$",
    ),
    "raises a base exception": ("raise BaseException('out')", "BaseException: out"),
    "recurses without end": ("def f(): f()\nf()", "RecursionError"),
    "has no hook": ("x = 1", "no function marked with @hookimpl"),
    "is empty": ("", "no function marked with @hookimpl"),
    "misspells a hook": (_hook("return []", "zoo_architecture"), "unknown hook 'zoo_architecture'.*zoo_architectures"),
    "asks for an argument": (
        "from zoo import hookimpl\n@hookimpl\ndef zoo_architectures(x): return []",
        "PluginValidationError",
    ),
    "yields a string": (_hook("yield 'resnet18'"), "zoo_architectures yielded str, not Architecture"),
    "yields another kind": (
        _hook("yield Metric(name='m', compute=len)"),
        "zoo_architectures yielded Metric, not Architecture",
    ),
    "yields nothing callable": (_hook("yield Architecture(name='x', build=3)"), "build must be callable"),
    "returns nothing": (_hook("return None"), "zoo_architectures returned NoneType, not records"),
    "returns a string": (_hook("return 'resnet18'"), "zoo_architectures returned str, not records"),
    "returns one record": (_hook("return Architecture(name='x', build=len)"), "returned Architecture, not records"),
    "yields the same twice": (
        _hook("yield Architecture(name='x', build=len)\nyield Architecture(name='x', build=len)"),
        "yielded 'plugin/x' twice",
    ),
    "yields without end": (
        _hook("record = Architecture(name='x', build=len)\nwhile True: yield record"),
        "yielded more than 100,000 records",
    ),
    "breaks half-way": (_hook("yield Architecture(name='x', build=len)\nraise KeyError('later')"), "KeyError: 'later'"),
    "yields a traversing name": (_hook("yield Architecture(name='../../x', build=len)"), "architecture name '../../x'"),
    "yields a command that is none": (_hook("yield 'cmd'", "zoo_commands"), "zoo_commands yielded str, not Command"),
}


@pytest.mark.parametrize(("code", "cause"), BROKEN.values(), ids=BROKEN)
def test_a_plugin_that(code: str, cause: str, tmp_path: Path) -> None:
    """It costs itself only, and is listed as broken with its cause (llm#1280)."""
    good = _write(tmp_path / "good.py")
    catalog = _load(_write(tmp_path / "plugin.py", code), good)
    broken, loaded = catalog.plugins
    assert (broken.state, loaded.state) == ("broken", "loaded")
    assert re.search(cause, broken.problem), broken.problem
    assert "\n" not in broken.problem
    assert broken.traceback
    assert [entry.full_name for entry in catalog.architectures] == ["good/net"]
    assert len(catalog.metrics) == 0
    assert not catalog.commands


def test_ctrl_c_while_a_plugin_loads_is_the_users_and_not_the_plugins(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _load(_write(tmp_path / "plugin.py", "raise KeyboardInterrupt"))


@pytest.mark.parametrize("name", ["absent.py", "a_folder", "not_python.txt", "nul\0.py", "loop.py"])
def test_a_file_that_cannot_be_a_plugin_is_a_broken_plugin(name: str, tmp_path: Path) -> None:
    (tmp_path / "a_folder").mkdir()
    _write(tmp_path / "not_python.txt")
    (tmp_path / "loop.py").symlink_to(tmp_path / "loop.py")
    assert _only(_load(f"{tmp_path}/{name}")).state == "broken"


def test_strict_makes_a_broken_plugin_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"1 broken plugin\(s\): plugin: ZeroDivisionError"):
        _load(_write(tmp_path / "good.py"), _write(tmp_path / "plugin.py", "1 / 0"), strict=True)


def test_two_files_of_one_name_are_two_plugins(tmp_path: Path) -> None:
    one = _write(tmp_path / "a" / "models.py")
    two = _write(tmp_path / "b" / "models.py", GOOD.replace('"net"', '"other"'))
    catalog = _load(one, two)
    assert [plugin.state for plugin in catalog.plugins] == ["loaded", "loaded"]
    assert {entry.full_name for entry in catalog.architectures} == {"models/net", "models/other"}
    modules = {entry.record.build.__module__ for entry in catalog.architectures}
    assert len(modules) == 2
    assert "models" not in modules


def test_a_full_name_that_is_taken_breaks_the_later_plugin_and_names_both(tmp_path: Path) -> None:
    one, two = _write(tmp_path / "a" / "models.py"), _write(tmp_path / "b" / "models.py", number=2)
    catalog = _load(one, two)
    first, second = catalog.plugins
    assert (first.state, second.state) == ("loaded", "broken")
    assert "'models/net'" in second.problem
    assert str(one) in second.problem
    assert second.provider.module == str(two)
    assert catalog.architectures.get("models/net").record.build(None) == 1  # type: ignore[arg-type, comparison-overlap]


def test_a_clash_leaves_out_all_records_of_the_later_plugin(tmp_path: Path) -> None:
    body = "yield Architecture(name='fresh', build=len)\nyield Architecture(name='net', namespace='a', build=len)"
    catalog = _load(_write(tmp_path / "a.py"), _write(tmp_path / "b.py", _hook(body)))
    assert [entry.full_name for entry in catalog.architectures] == ["a/net"]


def test_a_command_that_is_taken_breaks_the_later_plugin(tmp_path: Path) -> None:
    code = "import click\n" + _hook("yield click.Command('tidy')", "zoo_commands")
    catalog = _load(_write(tmp_path / "a.py", code), _write(tmp_path / "b.py", code))
    assert list(catalog.commands) == ["tidy"]
    assert "'tidy', which plugin 'a'" in catalog.plugins[1].problem
    assert "give it another name" in catalog.plugins[1].problem


def test_a_file_given_twice_is_loaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _write(tmp_path / "mine.py")
    monkeypatch.chdir(tmp_path)
    assert _only(_load(path, "mine.py", "./mine.py")).state == "loaded"


def test_each_call_makes_a_fresh_catalog(tmp_path: Path) -> None:
    path = _write(tmp_path / "mine.py")
    assert len(_load(path).architectures) == 1
    assert len(_load().architectures) == 0


def test_editing_a_file_changes_its_hash_and_what_is_loaded(tmp_path: Path) -> None:
    """Code changed and the cache did not (pytorch/ao#3073): same length, same second."""
    seen = []
    for number in (1, 2, 1):
        entry = _load(_write(tmp_path / "mine.py", number=number)).architectures.get("net")
        assert entry.record.build(None) == number  # type: ignore[arg-type, comparison-overlap]
        seen.append(provider_spec(entry).code_hash)
    assert seen[0] == seen[2] != seen[1]
    assert not (tmp_path / "__pycache__").exists()


def _install(site: Path, name: str, entry_points: str, files: dict[str, str], metadata: bool = True) -> None:
    info = site / f"{name.replace('-', '_')}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text(entry_points)
    if metadata:
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    for path, code in files.items():
        _write(site / path, code)


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
    _install(tmp_path, "zoo-nets", "[zoo]\nnets = zoo_nets\n", {"zoo_nets.py": GOOD})
    assert _installed(tmp_path)["nets"] == ["loaded", "", "zoo-nets", "1.2", "nets/net"]


def test_an_entry_point_that_breaks_costs_itself_only(tmp_path: Path) -> None:
    """One broken plugin killed even --help (llm#1280)."""
    _install(tmp_path, "a-exits", "[zoo]\na = a_exits\n", {"a_exits.py": "raise SystemExit(0)"})
    _install(tmp_path, "b-absent", "[zoo]\nb = b_absent:plugin\n", {})
    _install(tmp_path, "c-good", "[zoo]\nc = c_good\n", {"c_good.py": GOOD})
    plugins = _installed(tmp_path)
    assert [plugins[name][0] for name in "abc"] == ["broken", "broken", "loaded"]
    assert "sys.exit(0)" in plugins["a"][1]
    assert "b_absent" in plugins["b"][1]


def test_a_plugin_that_is_not_allowed_is_never_imported_and_is_listed_as_blocked(tmp_path: Path) -> None:
    _install(tmp_path, "zoo-bad", "[zoo]\nbad = bad_code\n", {"bad_code.py": "open('it ran', 'w')"})
    _install(tmp_path, "zoo-nets", "[zoo]\nnets = zoo_nets\n", {"zoo_nets.py": GOOD})
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
    _install(tmp_path, "zoo-nets", "[zoo]\nnets = zoo_nets\n", {"zoo_nets.py": GOOD})
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ZOO_PLUGINS", "-nets")
    catalog = build_catalog(Sources(builtin=False))
    with pytest.raises(PluginError, match=r"'nets/net' belongs to plugin 'nets', which is blocked: ZOO_PLUGINS blocks"):
        catalog.architectures.get("nets/net")


def test_a_block_is_not_a_break(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(tmp_path, "zoo-nets", "[zoo]\nnets = zoo_nets\n", {"zoo_nets.py": GOOD})
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ZOO_PLUGINS", "-nets")
    assert "blocked" in {plugin.state for plugin in build_catalog(Sources(builtin=False, strict=True)).plugins}


def test_plugins_are_listed_from_metadata_without_importing_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(tmp_path, "zoo-bad", "[zoo]\nbad = bad_code\n", {"bad_code.py": "raise AssertionError"})
    _install(tmp_path, "zoo-nets", "[zoo]\nnets = zoo_nets\n", {"zoo_nets.py": GOOD})
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
        _install(tmp_path, f"zoo-{letter}", f"[zoo]\nnets = clash_{letter}\n", {f"clash_{letter}.py": GOOD})
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
        _install(tmp_path, f"zoo-{letter}", f"[zoo]\nown{letter} = short_{letter}\n", {f"short_{letter}.py": GOOD})
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ZOO_PLUGINS", "owna,ownb")
    with pytest.raises(AmbiguousNameError, match=r"owna/net \(zoo-a 1\.2\) or ownb/net \(zoo-b 1\.2\)"):
        build_catalog(Sources(builtin=False)).architectures.get("net")


def test_a_plugin_says_which_hooks_it_has_even_where_they_yield_nothing(tmp_path: Path) -> None:
    plugin = _only(
        _load(_write(tmp_path / "plugin.py", GOOD + "\n" + textwrap.indent(_hook("return []", "zoo_metrics"), "    ")))
    )
    assert plugin.hooks == ("zoo_architectures", "zoo_metrics")
    assert set(plugin.provides) == {"architectures"}


def test_unreadable_entry_points_of_one_distribution_hide_no_other(tmp_path: Path) -> None:
    """Python's own reader stops at the first file that it cannot parse."""
    _install(tmp_path, "a-torn", "[zoo]\nno equals sign\n", {})
    _install(tmp_path, "b-bare", "[zoo]\nb = b_bare\n", {"b_bare.py": GOOD}, metadata=False)
    plugins = _installed(tmp_path)
    assert plugins["a-torn"][0] == "broken"
    assert "entry points of distribution 'a-torn' cannot be read" in plugins["a-torn"][1]
    assert plugins["b"][0] == "loaded"


def test_a_foreign_package_called_plugins_hides_the_built_ins_with_a_cause(tmp_path: Path) -> None:
    _write(tmp_path / "plugins" / "__init__.py", "BUILTIN = ('os',)")
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


def test_only_the_hooks_that_are_asked_for_are_called(tmp_path: Path) -> None:
    code = """
        from zoo import Architecture, Metric, hookimpl

        @hookimpl
        def zoo_architectures():
            raise AssertionError("nobody asked for models")

        @hookimpl
        def zoo_metrics():
            yield Metric(name="luck", compute=print)
    """
    file = _write(tmp_path / "mixed.py", code)
    sources = Sources(files=(str(file),), builtin=False, entry_points=False, strict=True)
    catalog = build_catalog(sources, hooks=("zoo_metrics",))
    assert [entry.full_name for entry in catalog.metrics] == ["mixed/luck"]
    assert len(catalog.architectures) == 0
