"""Several benches on one store share the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.records.history import read_history


def _share(bench: Any, count: int, *, models: tuple[str, ...], seeds: int) -> None:
    processes = [bench.start(models=models, seeds=seeds) for _ in range(count)]
    ends = [(*process.communicate(timeout=280), process.returncode) for process in processes]
    assert [(said, code) for _, said, code in ends] == [("", 0)] * count
    assert len({output for output, _, _ in ends}) == 1, "they show different tables"
    records = list(bench.store.records())
    assert len(records) == len(models) * seeds
    for folder, record in records:
        assert (record.outcome.value, record.attempts) == ("done", 1)
        rows = read_history(folder / "history.jsonl")
        assert [row["number"] for row in rows if row["event"] == "attempt"] == [1]
    assert not list(bench.store.root.rglob(".tmp-*"))


def test_two_benches_on_one_store_run_no_trial_twice_and_lose_none(make_bench: Callable[[], Any]) -> None:
    """optuna's and ray's storages under several workers: a trial taken by two, or by nobody."""
    _share(make_bench(), 2, models=("toy_linear", "toy_hidden"), seeds=2)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_eight_benches_on_one_store_run_no_trial_twice_and_lose_none(make_bench: Callable[[], Any]) -> None:
    """The row "eight processes on one store"."""
    _share(make_bench(), 8, models=("toy_linear", "toy_hidden", "toy_slow"), seeds=4)
