"""A record that is damaged costs its own trial a second run, and is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize("how", ["flipped", "torn", "empty"])
def test_a_damaged_record_is_reported_and_kept_and_its_trial_runs_again(
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
    summary = bench.run()
    assert summary.counts == {"done": 4}
    (note,) = summary.notes
    assert note.startswith(str(path))
    assert note.endswith("it is kept as record.damaged-1.json, and the trial was run again")
    assert (folder / "record.damaged-1.json").read_bytes() == damaged
    assert bench.content() == clean


@pytest.mark.slow
def test_the_command_says_so_in_a_sentence_and_succeeds(make_bench: Callable[..., Any]) -> None:
    """optuna#5138, from the shell."""
    bench = make_bench()
    assert bench.run(seeds=1).counts == {"done": 2}
    folder, _ = next(iter(bench.store.records()))
    (folder / "record.json").write_bytes(b"{")
    process = bench.start(seeds=1)
    output, said = process.communicate(timeout=120)
    assert process.returncode == 0
    assert len(said.splitlines()) == 1
    assert "kept as record.damaged-1.json" in said
    assert len(output.splitlines()) == 3
