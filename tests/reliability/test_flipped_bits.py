"""A flipped bit anywhere in what a bench wrote gives no wrong number in silence."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.records.history import encode_row, read_history
from harness.records.merging import merge
from harness.records.store import Store
from harness.training.checkpoints import TrainingStates
from harness.training.state import TrainingState
from reports.leaderboard.building import build_leaderboard

FLIPS = 60
"""Offsets tried in each file, the first and the last byte among them."""


def _flips(content: bytes, name: str) -> list[bytes]:
    draw = random.Random(name)
    offsets = {0, len(content) - 1, *(draw.randrange(len(content)) for _ in range(FLIPS))}
    damaged = []
    for offset in sorted(offsets):
        changed = bytearray(content)
        changed[offset] ^= 1 << draw.randrange(8)
        damaged.append(bytes(changed))
    return damaged


@pytest.fixture(scope="module")
def store(make_bench: Callable[[], Any]) -> Store:
    """A store of two trials."""
    bench = make_bench()
    assert bench.run(seeds=1).counts == {"done": 2}
    found: Store = bench.store
    return found


@pytest.fixture
def copied(store: Store, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(store.root, tmp_path / "runs"))


def _numbers(store: Path) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Return the numbers that are ranked, by network, and what is said beside them."""
    board = build_leaderboard([store])
    rows = [row for table in board.tables for row in table.rows]
    numbers = {row.model: {name: estimate.mean for name, estimate in row.metrics.items()} for row in rows if row.seeds}
    return numbers, [*board.notes, *(note for table in board.tables for note in table.notes)]


@pytest.mark.parametrize("name", ["record.json", "predictions.safetensors", "history.jsonl", "checkpoint.safetensors"])
def test_a_flipped_bit_is_reported_or_changes_no_number_in_the_table(copied: Path, name: str) -> None:
    """The row "one flipped byte loads silently from .pt and safetensors"."""
    rows, notes = _numbers(copied)
    folder = sorted(path for path in copied.iterdir() if path.is_dir())[0]
    path = folder / name
    said = 0
    for content in _flips(path.read_bytes(), name):
        path.write_bytes(content)
        damaged_rows, damaged_notes = _numbers(copied)
        if damaged_notes == notes:
            assert damaged_rows == rows
            continue
        said += 1
        # What is still shown is what was measured.
        assert damaged_rows.items() <= rows.items()
    if name in ("record.json", "predictions.safetensors"):
        assert said >= FLIPS // 2, "flips were not noticed"


@pytest.mark.parametrize("name", ["predictions.safetensors", "checkpoint.safetensors", "history.jsonl"])
def test_a_trial_with_a_flipped_bit_is_not_merged(copied: Path, tmp_path: Path, name: str) -> None:
    """The row "one flipped byte loads silently": sums are checked before anything is taken."""
    path = next(copied.glob(f"*/{name}"))
    content = path.read_bytes()
    for number, damaged in enumerate(_flips(content, name)[:10]):
        path.write_bytes(damaged)
        summary = merge([copied], Store(tmp_path / f"merged-{number}"))
        assert (summary.added, len(summary.refused)) == (1, 1)
        assert name in summary.refused[0]


def test_a_training_state_with_a_flipped_bit_is_not_gone_on_from(tmp_path: Path) -> None:
    """The row "one flipped byte loads silently": training starts again instead."""
    import torch

    states = TrainingStates(tmp_path)
    states.save(TrainingState(epoch=3, tree={"model": {"weight": torch.arange(64.0)}, "rates": [1.5]}))
    (path,) = tmp_path.glob("state-*")
    whole = path.read_bytes()
    assert states.latest() is not None
    for damaged in _flips(whole, "state"):
        path.write_bytes(damaged)
        assert states.latest() is None


def test_a_history_with_a_flipped_bit_loses_that_row_and_changes_none() -> None:
    """optuna#5138: one bad line made every later start fail."""
    rows = [{"event": "epoch", "epoch": n, "val_loss": 0.125 * n, "seconds": 1.5} for n in range(1, 6)]
    whole = b"".join(map(encode_row, rows))
    for damaged in _flips(whole, "history"):
        read = _read(damaged)
        assert all(row in rows for row in read)
        assert len(read) >= 3


def test_a_history_torn_anywhere_keeps_its_whole_rows() -> None:
    """optuna#5138: a torn last line made every later start fail."""
    rows = [{"event": "epoch", "epoch": n} for n in range(1, 4)]
    whole = b"".join(map(encode_row, rows))
    for length in range(len(whole) + 1):
        assert _read(whole[:length]) == rows[: whole[:length].count(b"\n")]


def _read(content: bytes) -> list[dict[str, Any]]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.jsonl"
        path.write_bytes(content)
        return read_history(path)
