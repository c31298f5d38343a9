"""Code identity: what of a plugin changes the key of a result, by each door through which plugins arrive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.code.identity import code_identity
from zoo.catalog import Catalog

FILE = """
    import lab_helper
    from zoo import Architecture, Listener, hookimpl

    def build(request):
        return lab_helper.net(request)

    @hookimpl
    def zoo_architectures():
        yield Architecture(name="net", build=build, files=("widths.yaml",))
"""
HELPER = """
    def net(request):
        import lab_numbers
        return lab_numbers.pi(request)
"""
PACKAGE = {
    "lab_nets/__init__.py": "",
    "lab_nets/plugin.py": """
        from functools import partial
        from zoo import Architecture, Listener, Recipe, hookimpl
        import zoo
        from lab_nets import listeners, nets, schedules

        @hookimpl
        def zoo_architectures():
            yield Architecture(name="net", build=partial(nets.build, depth=18))

        @hookimpl
        def zoo_recipes():
            yield Recipe(name="plain", hyperparameters=lambda: zoo.Hyperparameters())
            yield Recipe(name="own", hyperparameters=lambda: zoo.Hyperparameters(), lr_factor=schedules.lr_factor)

        @hookimpl
        def zoo_listeners():
            yield Listener(name="log", open=listeners.open_log)
    """,
    "lab_nets/nets.py": "def build(request, depth):\n    from .blocks import block\n    return block(depth)\n",
    "lab_nets/blocks.py": "def block(depth):\n    return depth\n",
    "lab_nets/schedules.py": "def lr_factor(progress, hp):\n    return 1.0\n",
    "lab_nets/listeners.py": "def open_log(folder):\n    return print\n",
}


@pytest.fixture
def plugin(site: Any, tmp_path: Path) -> Path:
    """A plugin file with a helper beside it, a data file and a library."""
    folder = tmp_path / "lab"
    folder.mkdir()
    for name, text in (("lab.py", FILE), ("lab_helper.py", HELPER), ("widths.yaml", "widths: [1]")):
        type(site)(folder).write({name: text})
    site.install("lab-numbers", {"lab_numbers.py": "def pi(request):\n    return 3"}, version="1.0")
    return folder / "lab.py"


def test_a_file_counts_with_its_helper_its_data_file_and_its_library(plugin: Path, identify: Any) -> None:
    found = identify("architectures net", plugin)
    assert set(found["modules"]) == {"lab.py", "lab_helper"}
    assert set(found["files"]) == {"widths.yaml"}
    assert found["libraries"] == {"lab-numbers": "1.0"}


def test_a_change_of_each_is_seen_and_of_comments_is_not(plugin: Path, identify: Any, site: Any) -> None:
    """Issue 15, item 9: stale results were reused, while ``zoo why`` said that nothing had changed."""
    before = identify("architectures net", plugin)
    plugin.with_name("lab_helper.py").write_text('"""Helps."""\n' + plugin.with_name("lab_helper.py").read_text())
    plugin.write_text(f"# A comment\n{plugin.read_text()}")
    assert identify("architectures net", plugin) == before
    plugin.with_name("lab_helper.py").write_text(
        "def net(request):\n    import lab_numbers as n\n    return n.pi(request) + 1"
    )
    helped = identify("architectures net", plugin)
    assert {name for name in before["modules"] if before["modules"][name] != helped["modules"][name]} == {"lab_helper"}
    plugin.with_name("widths.yaml").write_text("widths: [2]")
    assert identify("architectures net", plugin)["files"] != before["files"]
    site.install("lab-numbers", {"lab_numbers.py": "def pi(request):\n    return 4"}, version="1.0.1")
    assert identify("architectures net", plugin)["libraries"] == {"lab-numbers": "1.0.1"}


def test_an_identity_is_the_same_elsewhere(plugin: Path, identify: Any, tmp_path: Path) -> None:
    before = identify("architectures net", plugin)
    moved = plugin.parent.rename(tmp_path / "moved")
    assert identify("architectures net", moved / "lab.py") == before


def test_a_data_file_that_is_missing_is_named(plugin: Path, identify: Any) -> None:
    plugin.with_name("widths.yaml").unlink()
    error = identify("architectures net", plugin)["error"]
    assert "lab/net of" in error
    assert "declares the data file 'widths.yaml', but" in error


def test_of_a_package_only_what_a_record_reaches_counts(site: Any, identify: Any) -> None:
    """Issue 15, item 9: a comment in ``listeners.py`` ran all models and recipes of the package again."""
    site.install("lab-nets", PACKAGE, entry_point="lab = lab_nets.plugin")
    entries = ("architectures net", "recipes own", "recipes plain", "listeners log")
    before = {entry: identify(entry) for entry in entries}
    assert {entry: set(found["modules"]) for entry, found in before.items()} == {
        "architectures net": {"lab_nets.nets", "lab_nets.blocks"},
        "recipes own": {"lab_nets.schedules"},
        "recipes plain": set(),
        "listeners log": {"lab_nets.listeners"},
    }
    site.write({"lab_nets/listeners.py": "def open_log(folder):\n    return repr\n"})
    changed = {entry for entry in entries if identify(entry) != before[entry]}
    assert changed == {"listeners log"}
    site.write({"lab_nets/blocks.py": "def block(depth):\n    return depth + 1\n"})
    assert identify("architectures net") != before["architectures net"]
    site.write({**PACKAGE, "lab_nets/plugin.py": PACKAGE["lab_nets/plugin.py"].replace("depth=18", "depth=34")})
    assert identify("architectures net")["arguments"] != before["architectures net"]["arguments"]


def test_declared_libraries_count(plugin: Path, identify: Any) -> None:
    plugin.write_text(plugin.read_text().replace('files=("widths.yaml",)', 'libraries=("Lab_Numbers", "no-such-one")'))
    plugin.with_name("lab_helper.py").write_text("net = None")
    assert identify("architectures net", plugin)["libraries"] == {"lab-numbers": "1.0", "no-such-one": "absent"}


def test_a_built_in_counts_with_what_it_reaches(catalog: Catalog) -> None:
    network = code_identity(catalog.architectures.get("speedrun_cnn"))
    assert {"plugins.architectures.speedrun", "plugins.architectures.speedrun_net"} <= set(network.modules)
    assert not any(".timm_models" in name or ".listeners" in name for name in network.modules)
    assert set(code_identity(catalog.architectures.get("timm/resnet18")).libraries) == {"timm"}
    assert code_identity(catalog.recipes.get("sgd_quick")).modules == {}


def test_a_folder_of_data_counts_with_all_its_files(plugin: Path, identify: Any) -> None:
    plugin.write_text(plugin.read_text().replace("widths.yaml", "tables"))
    tables = plugin.with_name("tables")
    tables.mkdir()
    (tables / "a.csv").write_text("1")
    before = identify("architectures net", plugin)["files"]
    (tables / "b.csv").write_text("2")
    assert identify("architectures net", plugin)["files"] != before
