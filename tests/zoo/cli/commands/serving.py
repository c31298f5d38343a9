"""``zoo serve`` in a process of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def serving(zoo_script: Path, *words: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the command; give its process and its address."""
    process = subprocess.Popen(
        [zoo_script, "--no-plugins", "serve", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", **variables},
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        if not first:
            pytest.fail(process.communicate()[1])
        yield process, first.rsplit(" ", 1)[1].strip()
    finally:
        process.kill()
        process.communicate()
