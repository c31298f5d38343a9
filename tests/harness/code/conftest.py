"""Plugins in files, packages and distributions that tests write, and their code identities in fresh processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

IDENTIFY = """
import dataclasses, json, sys
from harness.code.identity import code_identity
from zoo.errors import ZooError
from zoo.loading import Sources, build_catalog
catalog = build_catalog(Sources(files=tuple(sys.argv[2:]), builtin=False, strict=True))
try:
    found = code_identity(getattr(catalog, sys.argv[1].split()[0]).get(sys.argv[1].split()[1]))
    print(json.dumps({each.name: getattr(found, each.name) for each in dataclasses.fields(found)}))
except ZooError as error:
    print(json.dumps({"error": str(error)}))
"""


class Site:
    """A folder on the import path, with modules and installed distributions."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(exist_ok=True)

    def write(self, files: dict[str, str]) -> None:
        """Write files by path; code is dedented."""
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))

    def install(self, name: str, files: dict[str, str], *, version: str = "1.0", entry_point: str = "") -> None:
        """Install a distribution, or another version of it."""
        folder = f"{name.replace('-', '_')}.dist-info"
        listed = "".join(f"{path},,\n" for path in files)
        self.write(
            {
                f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
                f"{folder}/RECORD": f"{listed}{folder}/METADATA,,\n",
                f"{folder}/entry_points.txt": f"[zoo]\n{entry_point}\n" if entry_point else "",
                **files,
            }
        )


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A folder on the import path of :func:`identify`."""
    return Site(tmp_path / "site")


@pytest.fixture
def identify(site: Site) -> Callable[..., dict[str, Any]]:
    """Return the code identity of an entry, such as ``architectures net``, in a process that starts with the site."""

    def run(entry: str, *plugins: Path, path: tuple[Path, ...] = ()) -> dict[str, Any]:
        places = [*map(str, path), str(site.root), os.environ.get("PYTHONPATH", "")]
        done = subprocess.run(
            [sys.executable, "-c", IDENTIFY, entry, *map(str, plugins)],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places)), "PYTHONSAFEPATH": "1"},
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return run
