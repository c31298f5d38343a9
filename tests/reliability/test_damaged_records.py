"""A record that is damaged costs its own trial a second run, and is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize("how", ["flipped", "torn", "empty"])
def test_a_damaged_record_is_said_kept_and_its_trial_runs_again(
    make_bench: Callable[..., Any], clean: dict[str, Any], how: str
) -> None:
    """optuna#5138: one damaged piece of a store made every later start fail; the row "one flipped byte"."""
    bench = make_bench()
    assert bench.run().counts == {"done": 4}
    folder, _ = next(iter(bench.store.records()))
    path = folder / "record.json"
    whole = path.read_bytes()
    damaged = {"flipped": whole.replace(b'"done"', b'"dnne"'), "torn": whole[: len(whole) // 2], "empty": b""}[how]
    path.write_bytes(damaged)
    process = bench.start()
    output, said = process.communicate(timeout=120)
    assert process.returncode == 0
    assert len(said.splitlines()) == 1
    assert "record.json" in said
    assert "kept as record.damaged-1.json, and the trial ran again" in said
    assert len(output.splitlines()) == 3
    assert (folder / "record.damaged-1.json").read_bytes() == damaged
    assert bench.content() == clean
