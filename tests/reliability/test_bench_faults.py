"""Faults at every write, fsync and rename of the process of a bench: the same command mends what they cost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("how", ["kill", "enospc", "eio"])
def test_a_fault_at_any_place_of_the_bench_itself_is_mended_by_the_same_command(
    make_bench: Callable[..., Any], clean: dict[str, Any], tmp_path: Path, resident: Any, how: str
) -> None:
    """lm-evaluation-harness#2533: what was finished is not lost with the process that ran it."""
    cache = tmp_path / "cache"
    bench = make_bench(cache=cache)
    bench.set_fault("bench", 0, how)
    assert bench.call(resident).code == 0
    (places,) = bench.places()
    assert {"fsync", "rename", "write .json", "write .csv", "write .md"} <= set(places)
    for at in range(1, len(places) + 1):
        _bench_survives(make_bench(cache=cache), resident, clean, at, how)
    print(f"{len(places)} faults ({how}) in the bench itself injected and survived")


def _bench_survives(bench: Any, resident: Any, clean: dict[str, Any], at: int, how: str) -> None:
    bench.set_fault("bench", at, how)
    ended = bench.call(resident)
    assert bench.num_struck() == 1
    assert ended.code == (-9 if how == "kill" else 2), ended
    if how != "kill":
        assert {"enospc": "No space left on device", "eio": "Input/output error"}[how] in ended.said
        assert "Traceback" not in ended.said
        assert "bug" not in ended.said
    bench.no_fault()
    again = bench.call(resident)
    assert (again.code, again.said) == (0, "")
    # A trial that was running when its bench was killed ran twice; all else is as it was.
    assert {key: told["epochs"] for key, told in bench.content().items()} == {
        key: told["epochs"] for key, told in clean.items()
    }
    assert not list(bench.store.root.glob(".tmp-*"))
    assert (bench.store.root / "leaderboard.csv").is_file()
