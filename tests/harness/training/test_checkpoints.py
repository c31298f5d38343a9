"""Checkpoints: the newest state that is whole is found again, and weights are written by name."""

from __future__ import annotations

import time

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from harness.records.store import CHECKPOINT_FILE
from harness.system.atomic_files import TEMPORARY_PREFIX
from harness.training import checkpoints
from harness.training.checkpoints import TrainingStates, remove_stale_temporaries, save_weights
from harness.training.state import TrainingState


def state(epoch: int) -> TrainingState:
    return TrainingState(epoch=epoch, tree={"epoch": torch.tensor(epoch)})


@pytest.fixture
def states(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "MAX_SHARE", 1.0)  # every state is saved
    return TrainingStates(tmp_path)


def test_only_the_newest_state_is_kept(states, tmp_path):
    assert states.latest() is None
    for epoch in (1, 2, 10):
        states.save(state(epoch))
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("state-000010-")
    latest = states.latest()
    assert latest is not None
    assert (latest.epoch, latest.tree["epoch"].item()) == (10, 10)
    states.clear()
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_state_is_passed_over_for_an_older_one(states, tmp_path):
    states.save(state(1))
    (old,) = tmp_path.iterdir()
    content = old.read_bytes()
    states.save(state(2))
    (new,) = tmp_path.iterdir()
    old.write_bytes(content)
    new.write_bytes(new.read_bytes()[:-1] + b"?")
    latest = states.latest()
    assert latest is not None
    assert latest.epoch == 1


def test_a_file_with_another_name_is_not_a_state(states, tmp_path):
    (tmp_path / "state-old.safetensors").write_bytes(b"")
    assert states.latest() is None
    states.save(state(3))
    states.clear()
    assert (tmp_path / "state-old.safetensors").exists()


def test_a_state_that_comes_too_soon_is_not_saved(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(checkpoints, "write_bytes", _slow(now, 1.0))
    states = TrainingStates(tmp_path)
    saved = []
    for moment, epoch in [(0.0, 1), (10.0, 2), (19.0, 3), (20.5, 4)]:
        now[0] = max(now[0], moment)
        states.save(state(epoch))
        saved.append(states.latest().epoch)
    # Saving took 1 s, a twentieth of 20 s.
    assert saved == [1, 1, 1, 4]


def _slow(now, seconds):
    real = checkpoints.write_bytes

    def write(path, content):
        real(path, content)
        now[0] += seconds

    return write


def test_weights_are_saved_by_name_and_tied_ones_twice(tmp_path):
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 2))
    model[2].weight = model[0].weight
    path = save_weights(tmp_path, model)
    assert path == tmp_path / CHECKPOINT_FILE
    saved = load_file(path)
    assert set(saved) == set(model.state_dict())
    assert torch.equal(saved["0.weight"], saved["2.weight"])
    assert all(torch.equal(saved[name], value) for name, value in model.state_dict().items())


def test_only_what_was_left_half_written_is_removed(tmp_path):
    for name in (f"{TEMPORARY_PREFIX}half", "record.json"):
        (tmp_path / name).write_text("")
    remove_stale_temporaries(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]
