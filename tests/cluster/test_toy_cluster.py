"""A bench on several nodes: whatever is lost on the way, the store ends as that of an undisturbed bench at home."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="nodes are ended by their process groups"),
    pytest.mark.timeout(900),  # several benches in a row, whose nodes take minutes to start on a loaded machine
]

HERE = Path(__file__).parent
PLUGIN = textwrap.dedent("""
    import os, time
    from zoo import Architecture, Dataset, Hyperparameters, Recipe, Split, Splits, hookimpl

    def linear(request):
        from torch import nn
        size = request.in_channels * request.image_size ** 2
        return nn.Sequential(nn.Flatten(), nn.Linear(size, request.num_classes))

    def slow(request):
        from torch import nn
        class Slow(nn.Module):
            def __init__(self):
                super().__init__()
                self.net = nn.Sequential(linear(request), nn.Dropout(0.1))
            def forward(self, x):
                time.sleep(float(os.environ.get("TOYS_SLEEP", "0.005")))
                return self.net(x)
        return Slow()

    @hookimpl
    def zoo_architectures():
        yield Architecture(name="quick", build=linear, preload=("torch",))
        yield Architecture(name="slow", build=slow, preload=("torch",))

    def load(request):
        import numpy as np
        def split(count):
            labels = np.arange(count) % 2
            images = np.random.default_rng(count).integers(0, 60, (count, 8, 8, 1), dtype=np.uint8)
            images += (labels * 120)[:, None, None, None].astype(np.uint8)
            return Split(images=images, labels=labels.astype(np.int64))
        return Splits(classes=("dark", "light"), train=split(80), test=split(40))

    @hookimpl
    def zoo_datasets():
        yield Dataset(name="shades", load=load)

    @hookimpl
    def zoo_recipes():
        yield Recipe(name="steady", hyperparameters=lambda: Hyperparameters(
            epochs=60, batch_size=16, schedule="cosine", crop_padding=0.1))
""")


@pytest.fixture
def here(tmp_path: Path, make_cache: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a plugin of toys, which every test here runs."""
    monkeypatch.setenv("ZOO_CACHE", str(make_cache()))
    (tmp_path / "toys.py").write_text(PLUGIN)
    return tmp_path


def command(zoo: Path, here: Path, out: str, *options: str) -> list[str]:
    arguments = [str(zoo), "bench", "--plugin", str(here / "toys.py"), "--models", "quick,slow", "--data", "shades"]
    arguments += ["--recipes", "steady", "--seeds", "2", "--threads", "1", "--measure-seconds", "0", "--quiet"]
    return [*arguments, "--out", str(here / out), *options]


def start_at_home(zoo: Path, here: Path) -> subprocess.Popen[bytes]:
    """Start the bench that nothing disturbs: nobody waits for a place to strike, so that nothing sleeps."""
    return subprocess.Popen(command(zoo, here, "home"), cwd=here, env={**os.environ, "TOYS_SLEEP": "0"})


def on_cluster(here: Path, name: str = "cluster") -> list[str]:
    plugin, folder = str(HERE / "toy_cluster.py"), str(here / name)
    return ["--plugin", plugin, "--executor", "toy", "--executor-option", f"folder={folder}"]


def outcomes(store: Path) -> dict[str, tuple[Any, ...]]:
    """Return what matters of each trial: what it is, how it ended, and its predictions."""
    found: dict[str, tuple[Any, ...]] = {}
    for path in sorted(store.glob("*/record.json")):
        record = json.loads(path.read_bytes())
        sums = record["files"]
        found[record["trial_id"]] = (
            record["result_key"],
            record["outcome"],
            {name: value["value"] for name, value in record["metrics"].items()},
            sums["predictions.safetensors"],
            sums["checkpoint.safetensors"],
        )
        assert not list(path.parent.glob("state-*"))
    return found


def wait_until(condition: Callable[[], object], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def num_epochs(folder: Path, pattern: str) -> int:
    """Return how many epochs of the slow network the nodes have trained so far."""
    return sum(
        file.read_text().count('"event": "epoch"')
        for file in folder.glob(f"{pattern}/remote/*/toys-slow--*/history.jsonl")
    )


def test_a_bench_on_nodes_one_of_which_is_killed_ends_as_one_at_home(here: Path, zoo_script: Path) -> None:
    home = start_at_home(zoo_script, here)
    process = subprocess.Popen([*command(zoo_script, here, "away"), *on_cluster(here)], cwd=here)
    wait_until(lambda: num_epochs(here / "cluster", "cache-*") > 10)
    victim = next(name for name in ("node0", "node1") if num_epochs(here / "cluster", f"cache-{name}"))
    os.killpg(int((here / "cluster" / f"{victim}.pid").read_text()), signal.SIGKILL)
    assert process.wait(timeout=240) == 0
    assert home.wait(timeout=240) == 0
    assert outcomes(here / "away") == outcomes(here / "home")
    nodes = {json.loads(path.read_bytes())["environment"]["node"] for path in here.glob("away/*/record.json")}
    assert nodes == {"node0", "node1"}


@pytest.mark.slow
def test_a_bench_that_was_stopped_goes_on_on_other_nodes_from_where_it_was(here: Path, zoo_script: Path) -> None:
    home = start_at_home(zoo_script, here)
    process = subprocess.Popen([*command(zoo_script, here, "away"), *on_cluster(here, "first")], cwd=here)
    wait_until(lambda: num_epochs(here / "first", "cache-*") > 10)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=240) == 130
    states = list((here / "away").glob("toys-slow--*/state-*.safetensors"))
    assert states  # sent back by the nodes
    subprocess.run([*command(zoo_script, here, "away"), *on_cluster(here, "second")], check=True, cwd=here)
    assert home.wait(timeout=240) == 0
    assert outcomes(here / "away") == outcomes(here / "home")
    # A history comes along with the state: what counts is what was trained after the last attempt began.
    last_attempts = [
        path.read_text().rsplit('"attempt"', maxsplit=1)[-1].count('"event": "epoch"')
        for path in (here / "away").glob("toys-slow--*/history.jsonl")
    ]
    assert len(last_attempts) == 2
    assert min(last_attempts) < 60  # one of them at least did not begin anew


@pytest.mark.slow
def test_a_head_that_is_killed_takes_its_nodes_with_it_and_the_same_command_goes_on(
    here: Path, zoo_script: Path
) -> None:
    home = start_at_home(zoo_script, here)
    arguments = [*command(zoo_script, here, "away"), *on_cluster(here)]
    process = subprocess.Popen(arguments, cwd=here)
    wait_until(lambda: num_epochs(here / "cluster", "cache-*") > 10)
    process.kill()
    process.wait()
    subprocess.run(arguments, check=True, cwd=here)
    assert home.wait(timeout=240) == 0
    assert outcomes(here / "away") == outcomes(here / "home")


def test_data_unavailable_to_nodes_are_reported_before_any_trial(here: Path, zoo_script: Path) -> None:
    arguments = [*command(zoo_script, here, "away", "--data", "folder:absent"), *on_cluster(here)]
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=here)
    assert done.returncode == 2
    assert "absent" in done.stderr
    assert not list((here / "away").glob("*/record.json"))


def study(store: Path) -> dict[str, Any]:
    """Return what the file of a search says, times apart."""
    (path,) = (store / "search").glob("study-*.json")
    content: dict[str, Any] = json.loads(path.read_bytes())
    for trial in content["trials"]:
        del trial["seconds"]
    return content


@pytest.mark.slow
def test_a_search_with_a_pruner_gives_on_nodes_what_it_gives_at_home(here: Path, zoo_script: Path) -> None:
    what = ["--tune", "9", "--pruner", "asha", "--space", "recipe.lr=log(1e-6, 1e-1)", "--epochs", "18"]
    home = [*command(zoo_script, here, "home", "--jobs", "2", *what), "--models", "slow"]
    away = [*command(zoo_script, here, "away", *what), *on_cluster(here), "--models", "slow"]
    for arguments in (home, away):
        position = arguments.index("--models")
        del arguments[position : position + 2]
        subprocess.run(arguments, check=True, cwd=here)
    assert study(here / "away") == study(here / "home")
    assert {trial["outcome"] for trial in study(here / "home")["trials"]} == {"done", "pruned"}
    assert outcomes(here / "away") == outcomes(here / "home")
    assert not list((here / "away" / "search").glob("*/state-*"))
