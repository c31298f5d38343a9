"""Plugins to load: files, and installed distributions."""

from __future__ import annotations

import textwrap
from pathlib import Path

from zoo.catalog import Catalog, Plugin
from zoo.loading import Sources, build_catalog

GOOD = """
    from zoo import Architecture, hookimpl

    def build(request):
        return {number}

    @hookimpl
    def zoo_architectures():
        yield Architecture(name="net", build=build)
"""


def write_plugin(path: Path, code: str = GOOD, **values: object) -> Path:
    """Write the code of a plugin to a file, with values filled in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = textwrap.dedent(code)
    for name, value in {"number": 1, **values}.items():
        text = text.replace(f"{{{name}}}", str(value))
    path.write_text(text, encoding="utf-8")
    return path


def load_files(*files: Path | str, strict: bool = False) -> Catalog:
    """Return the catalog of these files alone."""
    return build_catalog(Sources(files=tuple(map(str, files)), entry_points=False, builtin=False, strict=strict))


def only_plugin(catalog: Catalog) -> Plugin:
    """Return a catalog's only plugin."""
    (plugin,) = catalog.plugins
    return plugin


def hook(body: str, name: str = "zoo_architectures") -> str:
    """Return the source of a plugin with one hook."""
    head = f"from zoo import Architecture, Metric, hookimpl\n\n@hookimpl\ndef {name}():\n"
    return head + textwrap.indent(textwrap.dedent(body).strip(), "    ") + "\n"


def install(site: Path, name: str, entry_points: str, files: dict[str, str], metadata: bool = True) -> None:
    """Install a distribution into a folder, as pip would."""
    info = site / f"{name.replace('-', '_')}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text(entry_points)
    if metadata:
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    for path, code in files.items():
        write_plugin(site / path, code)
