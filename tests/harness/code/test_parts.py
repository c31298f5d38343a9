"""Parts: what of the files beside a plugin's file it needs on another machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.code.parts import parts_of
from zoo.loading import Sources, build_catalog

FILES = {
    "lab.py": """
import json
import parts_helper
import parts_unused
from parts_package.nets import net
from zoo import Architecture, hookimpl

@hookimpl
def zoo_architectures():
    yield Architecture(name="net", build=parts_helper.build, files=("widths.yaml", "tables", "../outside.yaml"))
""",
    "parts_helper.py": "def build(request):\n    import parts_late\n    return parts_late.net(request)\n",
    "parts_late.py": "def net(request):\n    return request\n",
    "parts_unused.py": "X = 1\n",
    "parts_package/__init__.py": "",
    "parts_package/nets.py": "from . import blocks\n\ndef net(): return blocks\n",
    "parts_package/blocks.py": "",
    "parts_package/other.py": "",
    "another.py": "raise RuntimeError\n",
    "json.py": "raise RuntimeError\n",
    "widths.yaml": "[1]",
    "tables/a/b.csv": "1",
    "notes.txt": "",
}
NEEDED = {
    "parts_helper.py", "parts_late.py", "parts_unused.py", "parts_package/__init__.py", "parts_package/nets.py",
    "parts_package/blocks.py", "widths.yaml", "tables/a/b.csv",
}  # fmt: skip


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder / "lab.py"


@pytest.mark.parametrize("given", ["lab.py", "../lab/lab.py", "{folder}/lab.py"])
def test_modules_that_are_imported_and_declared_files_are_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    write(tmp_path / "lab", FILES)
    (tmp_path / "outside.yaml").write_text("[2]")
    monkeypatch.chdir(tmp_path / "lab")
    file = given.format(folder=tmp_path / "lab")
    found = parts_of(file, build_catalog(Sources(files=(file,), builtin=False, strict=True)))
    assert found == {name: (tmp_path / "lab" / name).resolve() for name in sorted(NEEDED)}


def test_a_plugin_that_cannot_be_imported_has_no_parts(tmp_path: Path) -> None:
    plugin = write(tmp_path, {"lab.py": "import parts_nowhere"})
    assert parts_of(str(plugin), build_catalog(Sources(files=(str(plugin),), builtin=False))) == {}
