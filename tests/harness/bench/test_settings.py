"""Settings of a bench: which deadline holds, and what a changed copy keeps."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from harness.bench.settings import BenchSettings, RunLimits
from harness.bench.slots import SlotRequest
from harness.data.settings import DataSettings


def test_a_deadline_is_over_from_its_moment_on(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = RunLimits(deadline=100.0)
    for now, over in ((99.9, False), (100.0, True), (250.0, True)):
        monkeypatch.setattr(time, "monotonic", lambda now=now: now)
        assert limits.is_over() is over


def test_without_a_deadline_it_is_never_over() -> None:
    assert not RunLimits().is_over()


def test_another_deadline_leaves_all_else_as_it_was(tmp_path: Path) -> None:
    data = DataSettings(data_root=tmp_path / "data", cache=tmp_path / "cache", download=False, cache_limit=7)
    before = BenchSettings(data=data, limits=RunLimits(retry=True, timeout=5.0), slots=SlotRequest(jobs=3))
    after = before.with_deadline(12.0)
    assert after == BenchSettings(
        data=data, limits=RunLimits(retry=True, timeout=5.0, deadline=12.0), slots=SlotRequest(jobs=3)
    )
    assert before.limits.deadline is None
    assert after.with_deadline(None) == before
