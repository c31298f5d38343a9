"""Faults at every write, fsync and rename of a bench: it goes on, and ends as if there had been none.

``process`` says where they strike: in the processes of trials and of data preparation, or in that of the bench.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from harness.record import FailureKind, Outcome
from zoo.errors import ZooError

FEW = 3
"""Places in a fast run."""


def _survives(bench: Any, clean: dict[str, Any], at: int, how: str) -> None:
    bench.set_fault("trial", at, how)
    said = ""
    try:
        bad = [record for record in bench.run().records if record.outcome is not Outcome.DONE]
    except ZooError as error:  # while the data was prepared: no trial ran
        said, bad = str(error), []
    # A fault after the record is there costs nothing at all.
    wanted, words = (FailureKind.KILLED, "SIGKILL") if how == "kill" else (FailureKind.DISK, "No space left")
    assert [record.failure.kind for record in bad] in ([wanted], []), bad
    assert not said or words in said, said
    assert len(bench.places()) >= at, "the fault did not strike"
    bench.no_fault()
    # A trial that was killed may have killed itself, and runs again when asked; a full disk is not its fault.
    assert bench.run(retry=how == "kill").counts == {"done": 4}
    assert bench.content() == clean, (at, how, bench.places()[at - 1])


@pytest.fixture(scope="module")
def num_places(make_bench: Callable[[], Any], clean: dict[str, Any]) -> int:
    """Number of places in the trials of a bench that nothing disturbs."""
    bench = make_bench()
    bench.set_fault("trial", 0, "kill")
    bench.run()
    assert bench.content() == clean
    passed = bench.places()
    assert {"fsync", "rename", "append", "write .json", "write .safetensors"} <= set(passed)
    return len(passed)


@pytest.mark.parametrize("how", ["kill", "enospc"])
def test_a_fault_at_some_places_costs_nothing_that_the_same_command_does_not_mend(
    make_bench: Callable[[], Any], clean: dict[str, Any], num_places: int, how: str
) -> None:
    """lightning#19970: an atomic save was lost in a refactor, and nobody saw; lm-evaluation-harness#2533."""
    for at in random.Random(f"some {how}").sample(range(1, num_places + 1), FEW):
        _survives(make_bench(), clean, at, how)
    print(f"{FEW} of {num_places} faults ({how}) injected and survived")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("how", ["kill", "enospc"])
def test_a_fault_at_any_place_costs_nothing_that_the_same_command_does_not_mend(
    make_bench: Callable[[], Any], clean: dict[str, Any], num_places: int, how: str
) -> None:
    """lightning#19970, lm-evaluation-harness#2533: every write, fsync, rename and append of four trials in turn."""
    for at in range(1, num_places + 1):
        _survives(make_bench(), clean, at, how)
    print(f"{num_places} faults ({how}) injected and survived")


def _bench_survives(bench: Any, clean: dict[str, Any], at: int, how: str) -> None:
    bench.set_fault("bench", at, how)
    process = bench.start()
    _, said = process.communicate(timeout=120)
    assert len(bench.places()) >= at, "the fault did not strike"
    assert process.returncode == (-9 if how == "kill" else 2), said
    if how == "enospc":
        assert "No space left on device" in said
        assert "Traceback" not in said
        assert "bug" not in said
    bench.no_fault()
    again = bench.start()
    _, said = again.communicate(timeout=120)
    assert (again.returncode, said) == (0, "")
    assert {key: told["epochs"] for key, told in bench.content().items()} == {
        key: told["epochs"] for key, told in clean.items()
    }
    assert not [path.name for path in bench.store.root.glob(".tmp-*")]
    assert (bench.store.root / "leaderboard.csv").is_file()


@pytest.fixture(scope="module")
def num_bench_places(make_bench: Callable[[], Any]) -> int:
    """Number of places in the process of a bench that nothing disturbs."""
    bench = make_bench()
    bench.set_fault("bench", 0, "kill")
    assert bench.start().wait(120) == 0
    return len(bench.places())


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("how", ["kill", "enospc"])
def test_a_fault_at_any_place_of_the_bench_itself_is_mended_by_the_same_command(
    make_bench: Callable[[], Any], clean: dict[str, Any], num_bench_places: int, how: str
) -> None:
    """lm-evaluation-harness#2533: what was finished is not lost with the process that ran it."""
    for at in range(1, num_bench_places + 1):
        _bench_survives(make_bench(), clean, at, how)
    print(f"{num_bench_places} faults ({how}) injected and survived")
