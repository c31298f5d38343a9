"""A disk that fails to read: the trial that met it says so, and the same command then gives what it should have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.records.record import FailureKind, Outcome

_EVERY = pytest.param(1, id="everywhere", marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Decoded data that the benches have in common."""
    return tmp_path_factory.mktemp("shared") / "cache"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("step", [pytest.param(4, id="some places"), _EVERY])
def test_a_trial_that_cannot_read_its_data_fails_alone_and_is_run_again(
    make_bench: Callable[..., Any], clean: dict[str, Any], cache: Path, step: int
) -> None:
    one = {"models": ("toy_hidden",), "seeds": 1}
    bench = make_bench(cache=cache)
    bench.set_fault("trial", 0, "eio", "reads")
    assert bench.run(**one).counts == {"done": 1}
    (places,) = bench.places()
    assert "read .npy" in places
    survived = 0
    for at in range(1, len(places) + 1, step):
        bench = make_bench(cache=cache)
        bench.set_fault("trial", at, "eio", "reads")
        (record,) = bench.run(**one).records
        assert bench.num_struck() == 1
        if record.outcome is not Outcome.DONE:
            assert record.failure is not None
            assert record.failure.kind in (FailureKind.DISK, FailureKind.DATA), (places[at - 1], record.reason)
            assert "input/output error" in record.reason.lower()
            assert "bug" not in record.reason
        bench.no_fault()
        assert bench.run(**one, retry=True).counts == {"done": 1}
        assert bench.content().items() <= clean.items(), places[at - 1]
        survived += 1
    print(f"{survived} faults (eio) at reads of trials injected and survived")
