"""Trials in processes of this machine: whatever a plugin does in there, its trial ends with a record."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from harness.records.record import FailureKind, Outcome
from harness.system import oom_killer


@pytest.mark.parametrize(
    ("model", "kind", "words"),
    [
        ("raises", FailureKind.PLUGIN, "no weights [/red]"),
        ("exits", FailureKind.PLUGIN, "sys.exit"),
        ("vanishes", FailureKind.PLUGIN, "exit status 0"),
        ("dies", FailureKind.KILLED, "SIGKILL"),
        ("segfaults", FailureKind.KILLED, "SIGSEGV"),
        ("is_no_module", FailureKind.PLUGIN, "list"),
        ("too_wide", FailureKind.PLUGIN, "[2, 99]"),
        ("returns_a_list", FailureKind.PLUGIN, "list"),
        ("is_nan", FailureKind.DIVERGED, "finite"),
        ("floods", FailureKind.PLUGIN, "printed more than"),
        ("changes_dtype", FailureKind.PLUGIN, "default dtype"),
        ("changes_threads", FailureKind.PLUGIN, "number of threads"),
        ("insatiable", FailureKind.OOM, "out of memory even with 1 image at a time"),
        ("needs_all", FailureKind.OOM, "out of memory during build"),
        ("fills_the_disk", FailureKind.DISK, "the disk is full"),
    ],
)
def test_a_bad_plugin_costs_its_own_trial_and_says_why(bench: Any, model: str, kind: FailureKind, words: str) -> None:
    summary = bench.run(model, "linear")
    bad, good = summary.records
    assert bad.outcome is Outcome.FAILED
    assert bad.failure is not None
    assert (bad.failure.kind, words in bad.reason) == (kind, True), bad.reason
    assert good.outcome is Outcome.DONE
    assert summary.counts == {"failed": 1, "done": 1}


def test_a_kill_by_the_system_for_memory_is_told_from_any_other(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kills = iter([7, 8, 8, 8])
    monkeypatch.setattr(oom_killer, "count_kills", lambda: next(kills))
    for kind, reason in (
        (FailureKind.OOM, "its process ended with SIGKILL (the system ran out of memory)"),
        (FailureKind.KILLED, "its process ended with SIGKILL"),
    ):
        record = bench.run_one("dies", retry=True)
        assert record.failure is not None
        assert (record.failure.kind, record.reason) == (kind, reason)


def test_an_endless_trial_is_ended_at_its_time_limit_with_all_that_it_started(
    bench: Any, alive: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid_file = bench.folder / "pid"
    monkeypatch.setenv("ZOO_TEST_PID_FILE", str(pid_file))
    # The fork server took its environment when it started, so the trial runs in a fresh interpreter.
    code = 'record = bench.run_one("forks_and_waits", timeout=2)\nprint(record.failure.kind, record.reason)'
    done = subprocess.run(bench.script(code), capture_output=True, text=True, check=True)
    assert done.stdout.startswith("timeout it took longer than 2 s")
    assert not alive(int(pid_file.read_text()))
