"""Trials in processes of this machine: whatever a plugin does in there, its trial ends with a record."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.bench import local_trials
from harness.bench.bench import BenchSummary
from harness.bench.local_trials import LocalTrials
from harness.bench.machine import Machine
from harness.bench.processes.starter import Starter
from harness.bench.settings import RunLimits
from harness.bench.slots import SlotRequest
from harness.records.record import FailureKind, Outcome
from harness.records.spec import ExecutionSpec
from harness.records.store import Store
from harness.system import oom_killer

from .toy_bench import Bench

BAD = {
    "raises": (FailureKind.PLUGIN, "no weights [/red]"),
    "exits": (FailureKind.PLUGIN, "sys.exit"),
    "vanishes": (FailureKind.PLUGIN, "building vanishes failed: it called os._exit(0)"),
    "dies": (FailureKind.KILLED, "SIGKILL"),
    "segfaults": (FailureKind.KILLED, "SIGSEGV"),
    "is_no_module": (FailureKind.PLUGIN, "list"),
    "too_wide": (FailureKind.PLUGIN, "[2, 99]"),
    "returns_a_list": (FailureKind.PLUGIN, "list"),
    "is_nan": (FailureKind.DIVERGED, "finite"),
    "floods": (FailureKind.PLUGIN, "printed more than"),
    "changes_dtype": (FailureKind.PLUGIN, "default dtype"),
    "changes_threads": (FailureKind.PLUGIN, "number of threads"),
    "insatiable": (FailureKind.OOM, "out of memory even with 1 image at a time"),
    "needs_all": (FailureKind.OOM, "out of memory during build"),
    "fills_the_disk": (FailureKind.DISK, "the disk is full"),
    "interrupts": (FailureKind.PLUGIN, "building interrupts failed: it raised KeyboardInterrupt"),
    "closes_files": (FailureKind.PLUGIN, "a plugin closed files that the trial had open"),
    "unprintable": (FailureKind.PLUGIN, "building unprintable failed: Unprintable"),
}
"""What a plugin may do, and how its trial fails."""


@pytest.mark.parametrize(("threads", "fitting"), [(1, 4), (2, 2), (3, 1), (8, 1)])
def test_trials_of_a_given_number_of_threads_fill_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int, fitting: int
) -> None:
    """The machine was probed with that number of threads, which is then all that its environment tells."""
    monkeypatch.setattr(local_trials, "usable_threads", lambda: 4)
    monkeypatch.setattr(local_trials, "free_bytes", lambda: 2**40)
    machine = Machine(device="cpu", precision="fp32", num_gpus=0, environment={"threads": threads})
    store = Store(tmp_path / "runs")
    trials = LocalTrials(store, Starter(()), SlotRequest(), scratch=tmp_path, sources={}, limits=RunLimits())
    assert trials.arrange(machine, ExecutionSpec(threads=threads), 9) == threads
    assert trials.capacity() == fitting


@pytest.fixture(scope="module")
def bad_bench(tmp_path_factory: pytest.TempPathFactory) -> BenchSummary:
    """One bench of all of them; a network that is right comes last."""
    bench = Bench(tmp_path_factory.mktemp("bad"))
    return bench.run(*BAD, "linear")


@pytest.mark.parametrize("model", BAD)
def test_a_bad_plugin_fails_its_own_trial_with_the_reason(bad_bench: BenchSummary, model: str) -> None:
    (record,) = [each for each in bad_bench.records if each.spec.architecture.display_name == model]
    kind, words = BAD[model]
    assert record.outcome is Outcome.FAILED
    assert record.failure is not None
    assert (record.failure.kind, words in record.reason) == (kind, True), record.reason


def test_no_bad_plugin_fails_the_trial_of_another(bad_bench: BenchSummary) -> None:
    assert bad_bench.counts == {"failed": len(BAD), "done": 1}
    (good,) = [each for each in bad_bench.records if each.outcome is Outcome.DONE]
    assert good.spec.architecture.display_name == "linear"
    assert good.attempts == 1


def test_a_kill_by_the_oom_killer_is_distinguished_from_other_kills(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
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


linux = pytest.mark.skipif(sys.platform != "linux", reason="orphans are found on Linux only")


def _attempts(bench: Any) -> int:
    return len((bench.folder / "attempts").read_text())


def _left(bench: Any) -> list[int]:
    pids = [int(word) for word in (bench.folder / "pids").read_text().split()]
    assert len(pids) == 4
    return pids


@pytest.mark.slow
def test_a_trial_that_kills_the_fork_server_is_named_and_others_go_on(bench: Any) -> None:
    bad, good = bench.run("kills_its_server", "linear").records
    assert bad.failure is not None
    assert bad.failure.kind is FailureKind.KILLED
    assert bad.reason == "the process that had started it ended with SIGKILL"
    assert good.outcome is Outcome.DONE
    assert _attempts(bench) == 1


@linux
@pytest.mark.timeout(120)
def test_a_trial_that_stops_the_fork_server_holds_up_nothing(bench: Any) -> None:
    records = bench.run("stops_its_server", "linear").records
    assert [record.outcome for record in records] == [Outcome.DONE, Outcome.DONE]


@pytest.mark.slow
def test_trials_lost_with_the_fork_server_run_again_alone_so_that_the_culprit_is_known(bench: Any) -> None:
    records = bench.run("kills_its_server", "slow", jobs=2, recipes=["steady"]).records
    assert [record.outcome for record in records] == [Outcome.FAILED, Outcome.DONE], [each.reason for each in records]
    assert records[0].failure is not None
    assert records[0].failure.kind is FailureKind.KILLED
    assert 1 <= _attempts(bench) <= 2


@linux
@pytest.mark.parametrize(
    ("model", "outcome", "timeout"),
    [
        ("leaves_children", Outcome.DONE, None),
        ("leaves_children_and_dies", Outcome.FAILED, None),
        ("leaves_children_and_hangs", Outcome.FAILED, 5),
    ],
)
def test_nothing_that_a_trial_started_outlives_it(
    bench: Any, alive: Any, model: str, outcome: Outcome, timeout: float | None
) -> None:
    assert bench.run_one(model, timeout=timeout).outcome is outcome
    assert [pid for pid in _left(bench) if alive(pid)] == []


@linux
def test_ending_the_orphans_of_a_trial_ends_no_trial_beside_it(bench: Any, alive: Any) -> None:
    records = bench.run("leaves_children_and_dies", "slow", jobs=2, recipes=["steady"]).records
    assert [record.outcome for record in records] == [Outcome.FAILED, Outcome.DONE], [each.reason for each in records]
    assert records[1].attempts == 1
    assert [pid for pid in _left(bench) if alive(pid)] == []


def test_a_trial_that_changes_its_working_folder_writes_where_it_was_asked_to(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bench.folder)
    bench.store.root = Path("runs")
    assert bench.run_one("moves").outcome is Outcome.DONE
    assert (bench.folder / "runs").is_dir()


def test_a_signal_that_a_trial_sends_to_itself_is_no_request_of_the_user(bench: Any) -> None:
    record = bench.run_one("interrupts_itself")
    assert (record.outcome, record.reason) == (
        Outcome.INTERRUPTED,
        "stopped by a signal that zoo did not send during build",
    )
    assert bench.store.read(record.trial_id) == record


@linux
@pytest.mark.timeout(120)
def test_a_record_that_a_plugin_spoiled_is_no_record(bench: Any) -> None:
    bad, good = bench.run("spoils_its_record", "linear").records
    assert bad.failure is not None
    assert bad.failure.kind is FailureKind.PLUGIN
    assert "it left no record" in bad.reason
    assert good.outcome is Outcome.DONE


def test_a_trial_that_stays_held_by_another_process_fails(bench: Any) -> None:
    record = bench.run_one("exits_busy")  # in a way that cannot be caught
    assert record.reason == "its process ended with exit status 75 and wrote no record"
    assert _attempts(bench) == 3


@linux
@pytest.mark.slow
def test_a_request_to_stop_that_a_plugin_catches_is_heeded_after_the_step(bench: Any, wait_until: Any) -> None:
    process = bench.start(
        'print(bench.run_one("swallows", recipes=["long"]).reason)', stdout=subprocess.PIPE, text=True
    )
    wait_until(lambda: any(b'"epoch"' in path.read_bytes() for path in bench.store.root.glob("*/history.jsonl")))
    os.kill(process.pid, 15)
    assert process.communicate(timeout=60)[0] == "stopped by the user during train\n"
