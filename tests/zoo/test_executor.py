"""Executors: options are checked when a record is made, and tasks have harmless defaults."""

from __future__ import annotations

import pytest

from zoo.executor import Executor, Task, TaskEnded


def test_an_executor_rejects_an_option_that_is_not_a_scalar() -> None:
    with pytest.raises(ValueError, match="executor 'x': option 'hosts' has a list, not a scalar"):
        Executor(name="x", open=len, options={"hosts": ["a"]})  # type: ignore[arg-type, dict-item]


def test_a_task_takes_one_core_on_any_node_and_succeeds_by_default() -> None:
    task = Task(task_id="t", function="os:getpid", payload={})
    assert (task.cpus, task.gpus, task.node, task.files) == (1, 0, "", {})
    end = TaskEnded(task_id="t")
    assert (end.problem, end.lost) == ("", False)
