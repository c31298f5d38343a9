"""The cluster: tasks carry the plugin files, and name the store that the bench fills."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.bench.remote.cluster import Cluster
from harness.bench.remote.job import FUNCTION, RemoteJob
from zoo.errors import UsageError
from zoo.loading import Sources

WORKERS: Any = None
"""To make a task, no node is asked."""


def test_a_task_carries_the_plugin_files_by_name(tmp_path: Path) -> None:
    plugin = tmp_path / "toys.py"
    plugin.write_bytes(b"x = 1\n")
    cluster = Cluster(WORKERS, tmp_path / "runs", Sources(files=(str(plugin),)), preload=("torch",), download=False)
    task = cluster.task("t-1", cpus=2, gpus=0.5, node="a", files={"state": b"s"}, kind="probe", values={"threads": 2})
    assert (task.task_id, task.function, task.cpus, task.gpus, task.node) == ("t-1", FUNCTION, 2, 0.5, "a")
    assert task.files == {"plugin/toys.py": b"x = 1\n", "state": b"s"}
    job = RemoteJob.model_validate(task.payload)
    assert (job.kind, job.preload, job.download, job.values) == ("probe", ("torch",), False, {"threads": 2})
    assert job.sources["files"] == ["toys.py"]


def test_the_files_that_a_plugin_needs_are_sent_with_it(tmp_path: Path) -> None:
    """A node had the plugin's file alone, and every trial failed with "No module named"."""
    plugin = tmp_path / "toys.py"
    plugin.write_text("import cluster_helper\n")
    (tmp_path / "cluster_helper.py").write_text("X = 1\n")
    (tmp_path / "unrelated.py").write_text("X = 1\n")
    task = Cluster(WORKERS, tmp_path, Sources(files=(str(plugin),))).task("t", cpus=1, gpus=0, kind="probe")
    assert task.files == {
        "plugin/toys.py": b"import cluster_helper\n",
        "plugin/toys.py/cluster_helper.py": b"X = 1\n",
    }
    assert RemoteJob.model_validate(task.payload).sources["files"] == ["toys.py"]


def test_a_bench_is_known_by_its_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def bench(store: str | Path) -> str:
        task = Cluster(WORKERS, Path(store), Sources()).task("t", cpus=1, gpus=0, kind="probe")
        return str(task.payload["bench"])

    assert bench("runs") == bench(tmp_path / "runs")
    assert bench("runs") != bench("other")
    assert len(bench("runs")) == 20


def test_a_plugin_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^--plugin .*absent\.py: cannot be read: No such file or directory$"):
        Cluster(WORKERS, tmp_path, Sources(files=(str(tmp_path / "absent.py"),)))


def test_the_same_file_twice_is_sent_once(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "toys.py").write_bytes(b"x = 1\n")
    files = tuple(str(tmp_path / folder / "toys.py") for folder in ("a", "b"))
    task = Cluster(WORKERS, tmp_path, Sources(files=files)).task("t", cpus=1, gpus=0, kind="probe")
    assert task.files == {"plugin/toys.py": b"x = 1\n"}
