"""Training state: it survives as bytes, and nothing else is taken for one."""

from __future__ import annotations

import pytest
import torch

from harness.training.state import TrainingState
from zoo.errors import StoreError


def test_a_state_survives_as_bytes_with_layouts_and_exact_numbers():
    tree = {
        "weights": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "step": torch.tensor(7.0),
        "strided": torch.arange(10)[::2],
        "state": {0: {"betas": (0.9, 0.1 + 0.2), "on": True, "none": None}},
        "list": [1, "two", 3.0],
        "empty": {},
    }
    state = TrainingState.from_bytes(TrainingState(epoch=3, tree=tree).to_bytes())
    assert state.epoch == 3
    assert torch.equal(state.tree["weights"], tree["weights"])
    assert state.tree["weights"].stride() == tree["weights"].stride()
    assert torch.equal(state.tree["strided"], tree["strided"])
    assert state.tree["state"] == tree["state"]
    assert state.tree["list"] == tree["list"]
    assert state.tree["empty"] == {}
    assert state.tree["step"].shape == ()


@pytest.mark.parametrize("content", [b"", b"not a state", b"\x02\0\0\0\0\0\0\0{}"])
def test_a_file_that_is_not_a_state_is_rejected_with_one_sentence(content):
    with pytest.raises(StoreError, match="cannot be read"):
        TrainingState.from_bytes(content)
