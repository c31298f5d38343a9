"""Whole benches on a Ray cluster of several nodes: whatever fails on the way, the store is that of a bench at home."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="the extra zoobench[ray] is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ASKED = (
    *("--models", "linear,lenet5", "--data", "digits", "--recipes", "sgd_quick", "--seeds", "2", "--epochs", "40"),
    *("--device", "cpu", "--threads", "1", "--measure-seconds", "0", "--quiet"),
    # What auto takes depends on timing.
    *("--layout", "contiguous", "--precision", "fp32"),
)
NUM_TRIALS = 4


@dataclass
class Bench:
    """A ``zoo bench`` on a cluster, as a process of its own."""

    script: Path
    cluster: Any
    store: Path
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self) -> subprocess.Popen[str]:
        ray = ("--executor", "ray", "--address", self.cluster.address)
        process = subprocess.Popen(
            [self.script, "bench", *ASKED, *ray, "--out", self.store],
            env=self.cluster.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def start_and_train(self, node: Any) -> subprocess.Popen[str]:
        """Start it, and return when a trial is in the midst of its training on *node*."""
        before, process = node.num_epochs(), self.start()
        wait_until(lambda: process.poll() is not None or bool(node.busy() and node.num_epochs() >= before + 3))
        assert process.poll() is None, process.communicate()[0]
        return process


def wait_until(true: Callable[[], bool], seconds: float = 200) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)


def finish(process: subprocess.Popen[str], status: int = 0) -> str:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == status, output
    return output


def results(store: Path) -> dict[str, Any]:
    """Return all that must be the same wherever a trial runs, by trial."""
    found = {}
    for path in store.glob("*/record.json"):
        record = json.loads(path.read_bytes())
        sums = {name: record["files"][name] for name in ("predictions.safetensors", "checkpoint.safetensors")}
        found[record["trial_id"]] = (record["outcome"], record["result_key"], record["metrics"], sums)
    return found


@pytest.fixture(scope="session")
def at_home(zoo_script: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the same bench comes to on this machine, undisturbed."""
    store = tmp_path_factory.mktemp("home") / "runs"
    subprocess.run([zoo_script, "bench", *ASKED, "--out", store], check=True, capture_output=True, timeout=300)
    found = results(store)
    assert len(found) == NUM_TRIALS
    assert {outcome for outcome, *_ in found.values()} == {"done"}
    return found


@pytest.fixture
def bench(in_cluster: Any, zoo_script: Path, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(zoo_script, in_cluster, tmp_path / "runs")
    yield bench
    for process in bench.processes:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture
def node(in_cluster: Any) -> Iterator[Any]:
    """A node of two CPUs, which is soon in use, and can be spared."""
    number = 10 + len(in_cluster.nodes)
    node = in_cluster.add(number, cpus=2)
    yield node
    node.signal(signal.SIGCONT)
    node.kill()


def test_a_bench_on_several_nodes_gives_the_results_of_a_local_one(bench: Bench, at_home: dict[str, Any]) -> None:
    finish(bench.start())
    assert results(bench.store) == at_home
    names = {path.read_text() for path in bench.store.glob("*/record.json")}
    assert any("127.0.0.3" in text for text in names)
    assert any("127.0.0.4" in text for text in names)


def test_classifiers_are_tested_on_nodes_that_lack_their_files(bench: Bench, at_home: dict[str, Any]) -> None:
    finish(bench.start())
    trial_id = next(trial for trial in at_home if "linear" in trial)
    given = [f"trial:{bench.store / trial_id}"]
    here, away = (bench.store.parent / name for name in ("eval-here", "eval-away"))

    def evaluate(out: Path, *options: str) -> dict[str, Any]:
        words = ("eval", *given, "--data", "digits", "--carve-test", "--device", "cpu", "--threads", "1", "--quiet")
        subprocess.run(
            [bench.script, *words, "--measure-seconds", "0", "--out", out, *options],
            env=bench.cluster.environment,
            check=True,
            timeout=300,
        )
        (record,) = (json.loads(path.read_bytes()) for path in out.glob("*/record.json"))
        return record

    one, other = evaluate(here), evaluate(away, "--executor", "ray", "--address", bench.cluster.address)
    names = ("trial_id", "result_key", "metrics", "origin", "outcome")
    assert [one[name] for name in names] == [other[name] for name in names]
    assert one["files"]["predictions.safetensors"] == other["files"]["predictions.safetensors"]
    assert one["metrics"] == at_home[trial_id][2]
    assert other["environment"]["node"].startswith("127.0.0.")
    assert evaluate(away) == other  # finished on the cluster, and read here


def test_a_killed_worker_only_costs_time(bench: Bench, node: Any, at_home: dict[str, Any]) -> None:
    process = bench.start_and_train(node)
    for pid in node.busy():
        subprocess.run(["kill", "-9", str(pid)], check=True)
    finish(process)
    assert results(bench.store) == at_home


def test_a_killed_node_only_costs_time(bench: Bench, node: Any, at_home: dict[str, Any]) -> None:
    process = bench.start_and_train(node)
    node.kill()
    finish(process)
    assert results(bench.store) == at_home


def test_a_node_that_was_out_of_reach_does_nothing_twice(bench: Bench, node: Any, at_home: dict[str, Any]) -> None:
    process = bench.start_and_train(node)
    node.signal(signal.SIGSTOP)
    # Beyond the time after which the cluster gives it up; the bench goes on elsewhere.
    time.sleep(12)
    node.signal(signal.SIGCONT)
    finish(process)
    assert results(bench.store) == at_home


def test_a_killed_bench_goes_on_with_the_same_command(bench: Bench, node: Any, at_home: dict[str, Any]) -> None:
    process = bench.start_and_train(node)
    process.kill()
    process.communicate()
    wait_until(lambda: not node.busy(), 30)
    finish(bench.start())
    assert results(bench.store) == at_home


def test_an_interrupted_bench_goes_on_with_the_same_command(bench: Bench, node: Any, at_home: dict[str, Any]) -> None:
    process = bench.start_and_train(node)
    process.send_signal(signal.SIGINT)
    finish(process, 130)
    assert not node.busy()
    finish(bench.start())
    assert results(bench.store) == at_home


def test_a_bench_with_a_lost_cluster_reports_it_and_can_be_finished_locally(
    make_ray_nodes: Callable[[], Any], zoo_script: Path, tmp_path: Path, at_home: dict[str, Any]
) -> None:
    cluster = make_ray_nodes()
    node = cluster.add(100, cpus=2)
    bench = Bench(zoo_script, cluster, tmp_path / "runs")
    process = bench.start_and_train(node)
    lost = time.monotonic()
    cluster.end()
    output = finish(process, 2)
    assert time.monotonic() - lost < 75
    assert "Ray cluster" in output
    assert "Traceback" not in output
    subprocess.run([zoo_script, "bench", *ASKED, "--out", bench.store], check=True, capture_output=True, timeout=300)
    assert results(bench.store) == at_home


def test_a_search_with_a_pruner_runs_on_nodes_as_at_home(bench: Bench, zoo_script: Path, tmp_path: Path) -> None:
    what = ("--models", "lenet5", "--data", "digits", "--recipes", "sgd_quick", "--seeds", "1", "--epochs", "9")
    how = ("--tune", "6", "--pruner", "asha", "--device", "cpu", "--threads", "1", "--measure-seconds", "0", "--quiet")
    exact = ("--layout", "contiguous", "--precision", "fp32")
    stores = {"home": tmp_path / "home", "away": tmp_path / "away"}
    # As many trials at a time as the nodes have room for: what is proposed depends on it.
    room = str(bench.cluster.num_workers)
    ray = ("--executor", "ray", "--address", bench.cluster.address)
    places = {"home": ("--jobs", room), "away": (*ray, "--jobs", room)}
    studies = {}
    for place, store in stores.items():
        arguments = [zoo_script, "bench", *what, *how, *exact, *places[place], "--out", store]
        subprocess.run(arguments, check=True, env=bench.cluster.environment, timeout=500)
        (path,) = (store / "search").glob("study-*.json")
        studies[place] = json.loads(path.read_bytes())
        for trial in studies[place]["trials"]:
            del trial["seconds"]
    assert studies["home"] == studies["away"]
    assert "pruned" in {trial["outcome"] for trial in studies["home"]["trials"]}
    assert results(stores["home"]) == results(stores["away"])
