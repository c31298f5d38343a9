"""What a task asks of a node: the same after JSON, and refused if it is anything else."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harness.bench.remote.job import FUNCTION, RemoteJob
from harness.bench.remote.node import work
from harness.records.spec import DatasetSpec, ProviderSpec

DATASET = DatasetSpec(full_name="toys/shades", display_name="shades", provider=ProviderSpec(plugin="toys"))


def test_a_job_is_the_same_after_json() -> None:
    job = RemoteJob(
        kind="prepare", bench="b", sources={"files": ["toys.py"]}, preload=("torch",), dataset=DATASET, timeout=2.5
    )
    again = RemoteJob.model_validate_json(job.model_dump_json())
    assert again == job
    assert again.dataset == DATASET


@pytest.mark.parametrize(
    ("changes", "field"), [({"kind": "shell"}, "kind"), ({"command": "rm"}, "command"), ({"bench": None}, "bench")]
)
def test_requests_that_no_bench_makes_are_rejected(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        RemoteJob.model_validate({"kind": "probe", "bench": "b", "sources": {}, **changes})


def test_the_function_of_tasks_is_the_one_of_nodes() -> None:
    assert f"{work.__module__}:{work.__name__}" == FUNCTION
