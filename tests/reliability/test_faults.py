"""Faults at every write, fsync, rename and append of a bench: it goes on, and ends as if there had been none.

A fault is a SIGKILL, a full disk or an error of the disk, half of what was to be written being there already; it
strikes at the Nth place of a process. The four trials of a bench bear one each at a time.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.records.record import FailureKind, Outcome
from zoo.errors import ZooError

HOWS = ("kill", "enospc", "eio")
_KINDS = {
    "kill": FailureKind.KILLED,
    "enospc": FailureKind.DISK,
    "erofs": FailureKind.DISK,
    "eio": FailureKind.DISK,
}
_WORDS = {"kill": "SIGKILL", "enospc": "No space left on device", "eio": "Input/output error"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Decoded data that the benches whose trials are struck have in common."""
    return tmp_path_factory.mktemp("shared") / "cache"


def _places(bench: Any, process: str) -> list[list[str]]:
    """Run a bench that counts the places of those processes, and return their names."""
    bench.set_fault(process, 0, "kill")
    assert bench.run().counts == {"done": 4}
    bench.no_fault()
    places: list[list[str]] = bench.places()
    return places


@pytest.fixture(scope="module")
def trial_places(make_bench: Callable[..., Any], cache: Path) -> list[list[str]]:
    """The places of each trial of a bench that nothing disturbs."""
    places = _places(make_bench(cache=cache), "trial")
    assert len(places) == 4
    for each in places:
        assert {"fsync", "rename", "append", "write .json", "write .safetensors", "write .jsonl"} <= set(each)
    return places


def _trials_survive(bench: Any, clean: dict[str, Any], at: int | Sequence[int], how: str) -> int:
    """Strike each trial of a bench there, or at a place of its own, continue it, and return how many faults struck."""
    bench.set_fault("trial", at, how)
    bad = [record for record in bench.run().records if record.outcome is not Outcome.DONE]
    struck: int = bench.num_struck()
    # A fault after the record is there costs nothing at all.
    assert [record.failure.kind for record in bad] == [_KINDS[how]] * len(bad), bad
    assert len(bad) <= struck
    bench.no_fault()
    # A trial that was killed may have killed itself, and runs again when asked; a full disk is not its fault.
    assert bench.run(retry=how == "kill").counts == {"done": 4}
    assert bench.content() == clean, (at, how)
    return struck


@pytest.mark.parametrize("how", [*HOWS, "erofs"])
def test_a_fault_at_some_places_is_fixed_by_the_same_command(
    make_bench: Callable[..., Any],
    clean: dict[str, Any],
    cache: Path,
    trial_places: list[list[str]],
    how: str,
) -> None:
    """lightning#19970: an atomic save was lost in a refactor, and nobody saw; lm-evaluation-harness#2533."""
    some = random.Random(f"some {how}").sample(range(1, min(map(len, trial_places)) + 1), 4)
    assert _trials_survive(make_bench(cache=cache), clean, some, how) == 4


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("how", HOWS)
def test_a_fault_anywhere_in_a_trial_is_fixed_by_the_same_command(
    make_bench: Callable[..., Any],
    clean: dict[str, Any],
    cache: Path,
    trial_places: list[list[str]],
    how: str,
) -> None:
    """lightning#19970, lm-evaluation-harness#2533: every write, fsync, rename and append of four trials in turn."""
    longest = max(map(len, trial_places))
    struck = sum(_trials_survive(make_bench(cache=cache), clean, at, how) for at in range(1, longest + 1))
    # How often the training state is saved depends on how long saving takes.
    assert struck >= 4 * min(map(len, trial_places))
    print(f"{struck} faults ({how}) in trials injected and survived")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("how", HOWS)
def test_a_fault_anywhere_in_preparing_data_is_reported_and_fixed_by_the_same_command(
    make_bench: Callable[..., Any], clean: dict[str, Any], how: str
) -> None:
    """lightning#19970: what is half decoded is never taken for a dataset. One trial tells whether it is whole."""
    one = {"models": ("toy_hidden",), "seeds": 1}
    (places,) = _places(make_bench(), "prepare")
    for at in range(1, len(places) + 1):
        bench = make_bench()
        bench.set_fault("prepare", at, how)
        said = ""
        try:
            assert bench.run(**one).counts == {"done": 1}
        except ZooError as error:
            said = str(error)
        assert bench.num_struck() == 1
        assert not said or _WORDS[how] in said, said
        bench.no_fault()
        assert bench.run(**one).counts == {"done": 1}
        assert bench.content().items() <= clean.items(), (at, how, places[at - 1])
    print(f"{len(places)} faults ({how}) in the preparation of data injected and survived")
