"""Global state: changes are found by name, and undone."""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch

from zoo.testing.check_errors import CheckFailedError
from zoo.testing.global_state import GlobalState, require_no_side_effects, restored

CHANGES: dict[str, Callable[[], object]] = {
    "torch's default dtype": lambda: torch.set_default_dtype(torch.float64),
    "torch's seed": lambda: torch.manual_seed(12345),
    "torch's gradient mode": lambda: torch.set_grad_enabled(False),
    "torch's generator": lambda: torch.rand(1),
    "numpy's generator": np.random.random,
    "Python's generator": random.random,
    "the warnings filters": lambda: warnings.simplefilter("ignore"),
    "the environment's ZOO_TEST_VARIABLE": lambda: os.environ.update(ZOO_TEST_VARIABLE="1"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_named_and_undone(what: str) -> None:
    before = GlobalState.capture()
    with restored():
        CHANGES[what]()
        assert any(each.startswith(what) for each in before.differences(GlobalState.capture()))
    assert before.differences(GlobalState.capture()) == []


def test_drawing_from_the_generator_of_torch_may_be_allowed_but_seeding_never() -> None:
    with restored():
        require_no_side_effects(CHANGES["torch's generator"], "building", may_draw=True)
    with restored(), pytest.raises(CheckFailedError, match="building changes torch's generator"):
        require_no_side_effects(CHANGES["torch's generator"], "building")


def test_a_setting_that_is_made_only_once_is_found() -> None:
    with restored(), pytest.raises(CheckFailedError, match="loading changes torch's default dtype"):
        require_no_side_effects(CHANGES["torch's default dtype"], "loading")
