"""Global state: what a plugin changes of torch's settings is noticed and named."""

from __future__ import annotations

import pytest
import torch

from harness.faults.errors import TrialError
from harness.networks.global_state import snapshot, unchanged
from harness.records.record import FailureKind


def test_code_that_changes_no_settings_passes():
    with unchanged("building net"):
        torch.rand(1)


@pytest.mark.parametrize(
    ("change", "undo", "named"),
    [
        (
            lambda: torch.set_default_dtype(torch.float64),
            lambda: torch.set_default_dtype(torch.float32),
            "default dtype from torch.float32 to torch.float64",
        ),
        (
            lambda: torch.set_grad_enabled(False),
            lambda: torch.set_grad_enabled(True),
            "gradient mode from True to False",
        ),
        (
            lambda: torch.use_deterministic_algorithms(True),
            lambda: torch.use_deterministic_algorithms(False),
            "deterministic mode from False to True",
        ),
    ],
)
def test_a_setting_that_changed_is_the_plugins_fault(change, undo, named):
    try:
        with pytest.raises(TrialError, match=f"building net changed torch's {named}") as caught:
            checked(change)
    finally:
        undo()
    assert caught.value.kind is FailureKind.PLUGIN


def checked(*changes):
    with unchanged("building net"):
        for change in changes:
            change()


def test_several_settings_are_named_together():
    threads = torch.get_num_threads()
    try:
        with pytest.raises(TrialError, match=r"number of threads from .* and gradient mode"):
            checked(lambda: torch.set_num_threads(threads + 1), lambda: torch.set_grad_enabled(False))
    finally:
        torch.set_num_threads(threads)
        torch.set_grad_enabled(True)
    assert snapshot()["number of threads"] == threads
