"""Streams that are closed, full, or a pipe that nobody reads: a sentence where one can be read, and an exit code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
STORE = ROOT / "tests" / "fixtures" / "store-v1"
FULL = "standard output cannot be written: No space left on device"


def _sh(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell line in which ``zoo`` is this zoo."""
    line = command.replace("zoo ", f"{sys.executable} -m zoo ", 1)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ZOO_DEBUG": ""}
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=120, cwd=folder, env=environment, check=False
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(STORE, tmp_path_factory.mktemp("store") / "runs"))


@pytest.fixture(scope="module")
def table(store: Path) -> str:
    """What the command of the test below prints where all streams are open."""
    return _sh("zoo rank runs --format csv", store.parent).stdout


needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this platform has no /dev/full")


@pytest.mark.parametrize(
    ("redirection", "code", "sentence"),
    [
        (">&-", 74, "zoo: standard output cannot be written: it is closed\n"),
        pytest.param("> /dev/full", 74, f"zoo: {FULL}\n", marks=needs_full),
        (">&- 2>&-", 74, ""),
        pytest.param("> /dev/full 2> /dev/full", 74, "", marks=needs_full),
        ("| true; exit ${PIPESTATUS[0]}", 141, ""),
    ],
)
@pytest.mark.parametrize("command", ["zoo --help", "zoo rank runs"])
def test_standard_output_that_cannot_be_written(
    store: Path, command: str, redirection: str, code: int, sentence: str
) -> None:
    done = _sh(f"{command} {redirection}", store.parent)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert done.stderr.endswith(sentence)
    assert sentence or done.stderr == ""


@pytest.mark.parametrize("redirection", ["2>&-", pytest.param("2> /dev/full", marks=needs_full), "<&-", "<&- 2>&-"])
def test_the_work_goes_on_without_messages(store: Path, table: str, redirection: str) -> None:
    done = _sh(f"zoo rank runs --format csv {redirection}", store.parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == table
    assert done.stdout.startswith("fingerprint,rank_low,")


def test_a_mistake_without_a_stream_to_report_it_has_its_exit_code(tmp_path: Path) -> None:
    assert _sh("zoo list metrix 2>&-", tmp_path).returncode == 2


BENCH = "zoo bench --models linear --data synthetic --seeds 1 --epochs 1 --limit-train 64 --measure-seconds 0"


def test_a_bench_whose_table_nobody_reads_has_its_records_and_its_exit_code(tmp_path: Path) -> None:
    """``zoo bench | head -1``: the trials are done when the pipe closes."""
    done = _sh(f"{BENCH} | head -0; exit ${{PIPESTATUS[0]}}", tmp_path)
    assert done.returncode in (0, 141), done.stderr
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    (record,) = (tmp_path / "runs").rglob("record.json")
    assert json.loads(record.read_text())["outcome"] == "done"
    assert (tmp_path / "runs" / "leaderboard.csv").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("redirection", "code"), [("2>&-", 0), (">&-", 74), pytest.param("> /dev/full 2> /dev/full", 74, marks=needs_full)]
)
def test_no_record_is_lost_where_a_stream_is(tmp_path: Path, redirection: str, code: int) -> None:
    done = _sh(f"{BENCH} {redirection}", tmp_path)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert len(list((tmp_path / "runs").rglob("record.json"))) == 1
    assert (tmp_path / "runs" / "leaderboard.csv").is_file()
