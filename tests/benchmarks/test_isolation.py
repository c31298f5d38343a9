"""What it costs to give a job a process of its own, torch and all, once the fork server is warm."""

from __future__ import annotations

import itertools
from pathlib import Path

from pytest_benchmark.fixture import BenchmarkFixture

from harness.bench.processes.starter import Starter

LIMIT_S = 0.5


def test_a_job_of_its_own_process_costs_less_than_half_a_second(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    starter = Starter(("torch",))
    numbers = itertools.count()

    def job() -> int:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        # The smallest job there is: it loads no plugin, looks at the machine, writes down what it saw, and ends.
        started = starter.start(
            {
                "kind": "probe",
                "device": "cpu",
                "precision": "auto",
                "threads": None,
                "result": str(folder / "result.json"),
                "log": str(folder / "log.txt"),
            },
            folder,
        )
        assert started.wait(120)
        assert (folder / "result.json").exists()
        return started.status

    assert job() == 0  # starts the fork server, which imports torch
    benchmark.pedantic(job, rounds=10)
    if benchmark.enabled:
        assert benchmark.stats.stats.min < LIMIT_S
