"""Files that stand in the way of a library: python -m zoo passes over the working folder, and others are named.

Resembles reports of a random.py, numpy.py or old clone in the working folder, which Python imports with ``python -m``
and, where PYTHONPATH has an empty entry, with every command.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from zoo.cli.diagnosis.wrong_imports import wrong_import, wrong_package

RAISES = "raise RuntimeError('from the working folder')\n"
CHECKOUT = Path(zoo.__file__).parents[1]
PLAN = ("plan", "--models", "linear", "--data", "digits")


def run(folder: Path, *command: str, path: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    return subprocess.run(
        command, cwd=folder, env=environment | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=120
    )


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return file


def test_the_module_passes_over_the_working_folder(tmp_path: Path) -> None:
    for name in ("numpy.py", "random.py", "click.py", "PIL/__init__.py", "harness/__init__.py", "plugins/__init__.py"):
        write(tmp_path, name, RAISES)
    done = run(tmp_path, sys.executable, "-m", "zoo", *PLAN, path=str(CHECKOUT))
    assert done.returncode == 0, done.stderr
    assert "linear" in done.stdout


@pytest.mark.parametrize(
    ("name", "text", "whose"),
    [
        ("random.py", RAISES, "Python's module 'random'"),
        ("numpy.py", "", "the library 'numpy'"),
        ("PIL/__init__.py", "", "the library 'PIL'"),
        ("click.py", "x = 1\n", "the library 'click'"),
        ("plugins/__init__.py", "", "zoo's package 'plugins'"),
    ],
)
def test_a_file_in_the_way_is_named_with_the_remedy(tmp_path: Path, name: str, text: str, whose: str) -> None:
    file = write(tmp_path, name, text)
    done = run(tmp_path, str(Path(sys.executable).with_name("zoo")), *PLAN, path=f"{os.pathsep}{CHECKOUT}")
    assert done.returncode == 2
    assert f"{file} is imported in place of {whose}: rename it" in done.stderr
    assert "bug" not in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_is_in_the_way_here() -> None:
    with pytest.raises(ValueError, match="another") as raised:
        raise ValueError("another reason")
    assert wrong_import(raised.value) == ""
    assert wrong_package() == ""
