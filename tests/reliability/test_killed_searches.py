"""A search killed at random moments ends with the winner and the records of an undisturbed one."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.records.store import Store

from .conftest import told

SEARCHES = {"whole": ("--epochs", "3"), "pruned": ("--epochs", "9", "--pruner", "asha")}
"""Options of a search whose trials all run to their end, and of one that stops most of them early."""


def start(zoo: Path, folder: Path, more: Sequence[str]) -> subprocess.Popen[str]:
    """Start a search of 16 trials on digits as the command, the leader of a process group."""
    what = ["--models", "linear", "--data", "digits", "--recipes", "sgd_quick", "--seeds", "2", *more]
    how = ["--tune", "16", "--jobs", "2", "--measure-seconds", "0", "--device", "cpu", "--no-plugins"]
    return subprocess.Popen(
        [zoo, "bench", *what, *how, "--out", str(folder / "runs"), "-q", "--format", "csv"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "ZOO_CACHE": str(folder / "cache")},
    )


def content(folder: Path) -> dict[str, Any]:
    """Return all that the records of a bench and of its search say, times apart."""
    found: dict[str, Any] = {}
    for store in (folder / "runs", folder / "runs" / "search"):
        for path, record in Store(store).records():
            said = told_of(path, record)
            if said["record"]["spec"]["search"] is not None:
                del said["record"]["spec"]["search"]["seconds"]
            found[f"{store.name}/{record.trial_id}"] = said
    for file in (folder / "runs" / "search").glob("study-*.json"):
        study = json.loads(file.read_bytes())
        for trial in study["trials"]:
            del trial["seconds"]
        found[file.name] = study
    return found


def told_of(path: Path, record: Any) -> dict[str, Any]:
    checkpoint = path / "checkpoint.safetensors"
    if not record.spec.execution.tests:
        assert not checkpoint.exists()
        for name in ("predictions.safetensors", "checkpoint.safetensors"):
            (path / name).touch()
    return told(path, record)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="there are no process groups here")
@pytest.mark.parametrize("kind", SEARCHES)
def test_a_search_killed_again_and_again_has_the_same_winner_and_the_same_records(
    kind: str, tmp_path: Path, zoo_script: Path
) -> None:
    """Five kills; ``ZOO_KILLS=20`` makes it twenty, and ``ZOO_KILL_SECONDS`` sets the longest time before one."""
    kills, longest = int(os.environ.get("ZOO_KILLS", "5")), float(os.environ.get("ZOO_KILL_SECONDS", "12"))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    process = start(zoo_script, whole, SEARCHES[kind])
    _, said = process.communicate(timeout=600)
    assert (process.returncode, said) == (0, "")
    expected = content(whole)
    draw, hits = random.Random(f"{kills} kills"), 0
    for _ in range(kills):
        process = start(zoo_script, killed, SEARCHES[kind])
        try:
            process.communicate(timeout=draw.uniform(longest / 4, longest))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            hits += 1
    process = start(zoo_script, killed, SEARCHES[kind])
    _, said = process.communicate(timeout=600)
    assert (process.returncode, said) == (0, "")
    assert content(killed) == expected
    (study,) = (found for name, found in expected.items() if name.startswith("study-"))
    assert len(study["trials"]) == 16
    assert ("pruned" in {trial["outcome"] for trial in study["trials"]}) == (kind == "pruned")
    print(f"{hits} of {kills} kills hit a search at work; all were survived")
    assert hits > 0
