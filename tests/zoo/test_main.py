"""``python -m zoo`` is the command line."""

from __future__ import annotations

import subprocess
import sys

import zoo


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "zoo", "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == f"zoo {zoo.__version__}\n"
