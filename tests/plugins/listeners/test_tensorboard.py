"""Event files for TensorBoard that a crash has truncated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries' own warnings


def test_a_record_that_a_crash_tore_does_not_hide_what_follows(
    tensorboard: str, tell: Callable[..., None], store: Path, told: Any
) -> None:
    tell(tensorboard, told.started(), told.epoch(1), told.epoch(2), over=False)
    (file,) = (store / "tensorboard" / told.TRIAL).glob("*tfevents*")
    file.write_bytes(file.read_bytes()[:-5])
    tell(tensorboard, told.started(), told.epoch(1), told.epoch(2), told.epoch(3))
    assert told.read_tensorboard(store).curves["val/accuracy"] == [(1, 0.25), (2, 0.5), (3, 0.75)]
