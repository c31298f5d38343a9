"""Isolation: a mistyped name is reported without a fork server; a plugin that dies fails its own check."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo.errors import UsageError
from zoo.loading import Sources
from zoo.testing.isolation import IsolatedChecks
from zoo.testing.verdicts import State


def _checks(tmp_path: Path, source: str, timeout: float = 60.0) -> IsolatedChecks:
    (tmp_path / "own.py").write_text(source)
    sources = Sources(files=(str(tmp_path / "own.py"),), entry_points=False, builtin=False)
    return IsolatedChecks(sources, data_root=tmp_path, modules=(), timeout=timeout)


def test_an_unknown_name_is_reported_before_anything_heavy_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "from zoo import hookimpl\n@hookimpl\ndef zoo_metrics():\n    return []\n"
    with _checks(tmp_path, source) as checks:
        monkeypatch.setattr(checks, "_starter", None)
        with pytest.raises(UsageError, match="is called 'nothing'"):
            checks.find(["nothing"], only=(), slow=False)


def test_a_plugin_that_ends_the_process_fails_as_a_whole(tmp_path: Path) -> None:
    with _checks(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGTERM)") as checks:
        (verdict,), records = checks.find(["own"], only=(), slow=False)
    assert (verdict.state, records) == (State.FAILED, [])
    assert "its process ended" in verdict.reason


def test_a_plugin_that_leaves_fails_by_what_it_called(tmp_path: Path) -> None:
    with _checks(tmp_path, "import os; os._exit(3)") as checks:
        (verdict,), records = checks.find(["own"], only=(), slow=False)
    assert (verdict.state, records) == (State.FAILED, [])
    assert "it called os._exit(3) while loading" in verdict.reason
