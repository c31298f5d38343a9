"""Benchmarks run as trials do, with freed memory kept: page faults cost a virtual machine half of its rates."""

from __future__ import annotations

import pytest

from harness.system.malloc import keep_freed_memory


@pytest.fixture(scope="session", autouse=True)
def kept_memory() -> None:
    keep_freed_memory()
