"""The bench: every trial in a process of its own, whatever a plugin does in there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from harness.bench.bench import BenchSummary, run_bench
from harness.bench.settings import BenchSettings, DataSettings, RunLimits
from harness.planning.plan import make_plan
from harness.planning.request import BenchRequest
from harness.planning.selection import select
from harness.records.history import read_history
from harness.records.predictions import load_predictions
from harness.records.record import FailureKind, Outcome, Record
from harness.records.store import Store
from harness.system import oom_killer
from zoo.errors import UsageError, ZooError
from zoo.events import BenchEnded, BenchStarted, EpochEnded, Event, TrialEnded, TrialStarted
from zoo.loading import Sources, build_catalog

PLUGIN = textwrap.dedent("""
    import os, signal, sys, time
    from zoo import Architecture, Dataset, Hyperparameters, Recipe, Split, Splits, hookimpl
    from zoo.errors import DataError

    def linear(request):
        from torch import nn
        size = request.in_channels * request.image_size ** 2
        return nn.Sequential(nn.Flatten(), nn.Linear(size, request.num_classes))

    def raises(request):
        raise RuntimeError("no weights [/red]")

    def exits(request):
        sys.exit(0)

    def vanishes(request):
        os._exit(0)

    def dies(request):
        os.kill(os.getpid(), signal.SIGKILL)

    def segfaults(request):
        import ctypes
        ctypes.string_at(0)

    def loops(request):
        while True:
            time.sleep(0.01)

    def is_no_module(request):
        return [1, 2]

    def too_wide(request):
        from torch import nn
        return nn.Sequential(nn.Flatten(), nn.Linear(request.in_channels * request.image_size ** 2, 99))

    def returns_a_list(request):
        from torch import nn
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.net = linear(request)
            def forward(self, x):
                return [self.net(x)]
        return Net()

    def is_nan(request):
        import torch
        net = linear(request)
        with torch.no_grad():
            net[1].weight.fill_(float("nan"))
        return net

    def floods(request):
        while True:
            os.write(1, b"x" * 2**20)

    def changes_dtype(request):
        import torch
        torch.set_default_dtype(torch.float64)
        return linear(request)

    def changes_threads(request):
        import torch
        torch.set_num_threads(7)
        return linear(request)

    def slow(request):
        from torch import nn
        class Slow(nn.Module):
            def __init__(self):
                super().__init__()
                self.net = nn.Sequential(linear(request), nn.Dropout(0.1))
            def forward(self, x):
                time.sleep(0.005)
                return self.net(x)
        return Slow()

    def greedy(request, fits=6):
        import torch
        from torch import nn
        class Greedy(nn.Module):
            def __init__(self):
                super().__init__()
                self.net = linear(request)
            def forward(self, x):
                if len(x) > fits:
                    raise torch.OutOfMemoryError("CUDA out of memory")
                return self.net(x)
        return Greedy()

    def insatiable(request):
        net = greedy(request, fits=2)  # which is as many as the check of a network's output takes
        net.register_full_backward_pre_hook(refuse)
        return net

    def refuse(module, gradients):
        raise MemoryError

    def needs_all(request):
        import torch
        return torch.empty(10**15)

    def fills_the_disk(request):
        try:
            raise OSError(28, "No space left on device")
        except OSError:
            raise RuntimeError("cannot write")

    def forks_and_waits(request):
        import subprocess
        child = subprocess.Popen(["sleep", "3600"])
        with open(os.environ["ZOO_TEST_PID_FILE"], "w") as file:
            file.write(str(child.pid))
        time.sleep(3600)

    @hookimpl
    def zoo_architectures():
        for build in (linear, raises, exits, vanishes, dies, segfaults, loops, is_no_module, too_wide,
                      returns_a_list, is_nan, floods, changes_dtype, changes_threads, slow, forks_and_waits,
                      greedy, insatiable, needs_all, fills_the_disk):
            yield Architecture(name=build.__name__, build=build)

    def load(request):
        import numpy as np
        rng = np.random.default_rng(0)
        def split(count):
            labels = np.arange(count) % 2
            light = (labels * 150).astype(np.uint8)[:, None, None, None]
            images = rng.integers(0, 60, (count, 8, 8, 1), dtype=np.uint8) + light
            return Split(images=images, labels=labels.astype(np.int64))
        return Splits(classes=("dark", "light"), train=split(80), test=split(40))

    def cannot(request):
        raise DataError("put the files into X")

    @hookimpl
    def zoo_datasets():
        yield Dataset(name="shades", load=load)
        yield Dataset(name="absent", load=cannot)

    @hookimpl
    def zoo_recipes():
        yield Recipe(name="quick", hyperparameters=lambda: Hyperparameters(epochs=2, batch_size=16))
        yield Recipe(name="steady", hyperparameters=lambda: Hyperparameters(
            epochs=30, batch_size=16, ema_decay=0.9, keep="best", schedule="cosine", mixup_alpha=0.2, crop_padding=0.1))
        yield Recipe(name="long", hyperparameters=lambda: Hyperparameters(epochs=100_000, batch_size=16))
""")


class Bench:
    """Runs benches of the toy plugin and keeps their events."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plugin = folder / "toys.py"
        self.plugin.write_text(PLUGIN)
        self.store = Store(folder / "runs")
        self.events: list[Event] = []

    def run(
        self, *models: str, data: str = "shades", timeout: float | None = None, retry: bool = False, **changes: object
    ) -> BenchSummary:
        """Run the models on the toy data, one seed unless changed."""
        raw = {"models": models, "data": [data], "recipes": ["quick"], "seeds": 1, "measure_seconds": 0, **changes}
        sources = Sources(files=(str(self.plugin),), builtin=False, entry_points=False, strict=True)
        request = BenchRequest.model_validate(raw)
        self.events.clear()
        return run_bench(
            make_plan(select(request, build_catalog(sources))),
            store=self.store,
            sources=sources,
            emit=self.events.append,
            settings=BenchSettings(
                data=DataSettings(data_root=self.folder / "data", cache=self.folder / "cache"),
                limits=RunLimits(timeout=timeout, retry=retry),
            ),
        )

    def run_one(self, model: str, **changes: object) -> Record:
        """Run one trial and return its record."""
        (record,) = self.run(model, **changes).records  # type: ignore[arg-type]
        return record


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A bench in a folder of its own."""
    return Bench(tmp_path)


def test_a_trial_leaves_a_record_predictions_and_a_history(bench: Bench) -> None:
    record = bench.run_one("linear", measure_seconds=0.02)
    assert record.outcome is Outcome.DONE, record.reason
    assert record.model is not None
    assert record.model.params == 8 * 8 * 2 + 2
    assert record.model.macs == 8 * 8 * 2
    assert record.data is not None
    assert (record.data.num_train, record.data.num_val, record.data.num_test) == (72, 8, 40)
    assert record.training is not None
    assert record.training.epochs_run == 2
    assert record.speed is not None
    assert record.speed.inference is not None
    assert record.speed.inference.median > 0
    assert record.environment["torch"]
    folder = bench.store.folder(record.trial_id)
    saved = load_predictions(folder)
    assert saved.predictions.logits.shape == (40, 2)
    assert set(record.files) >= {"history.jsonl", "predictions.safetensors"}
    kinds = [type(event) for event in bench.events if isinstance(event, BenchStarted | TrialStarted | EpochEnded)]
    assert kinds == [BenchStarted, TrialStarted, EpochEnded, EpochEnded]
    assert isinstance(bench.events[-1], BenchEnded)


@pytest.mark.parametrize(
    ("model", "kind", "words"),
    [
        ("raises", FailureKind.PLUGIN, "no weights [/red]"),
        ("exits", FailureKind.PLUGIN, "sys.exit"),
        ("vanishes", FailureKind.PLUGIN, "exit status 0"),
        ("dies", FailureKind.KILLED, "SIGKILL"),
        ("segfaults", FailureKind.KILLED, "SIGSEGV"),
        ("is_no_module", FailureKind.PLUGIN, "list"),
        ("too_wide", FailureKind.PLUGIN, "[2, 99]"),
        ("returns_a_list", FailureKind.PLUGIN, "list"),
        ("is_nan", FailureKind.DIVERGED, "finite"),
        ("floods", FailureKind.PLUGIN, "printed more than"),
        ("changes_dtype", FailureKind.PLUGIN, "default dtype"),
        ("changes_threads", FailureKind.PLUGIN, "number of threads"),
        ("insatiable", FailureKind.OOM, "out of memory even with 1 image at a time"),
        ("needs_all", FailureKind.OOM, "out of memory during build"),
        ("fills_the_disk", FailureKind.DISK, "the disk is full"),
    ],
)
def test_a_bad_plugin_costs_its_own_trial_and_says_why(bench: Bench, model: str, kind: FailureKind, words: str) -> None:
    summary = bench.run(model, "linear")
    bad, good = summary.records
    assert bad.outcome is Outcome.FAILED
    assert bad.failure is not None
    assert (bad.failure.kind, words in bad.reason) == (kind, True), bad.reason
    assert good.outcome is Outcome.DONE
    assert summary.counts == {"failed": 1, "done": 1}


def test_a_trial_that_had_to_take_fewer_images_at_a_time_is_done_and_says_so(bench: Bench) -> None:
    record = bench.run_one("greedy", measure_seconds=0.02)
    assert record.outcome is Outcome.DONE, record.reason
    assert record.training is not None
    assert record.training.micro_batch_size == 4
    assert record.warnings == (
        "out of memory with 16 images at a time: training used at most 4 at a time and accumulated the gradients of "
        "each batch",
    )
    assert record.speed is not None
    assert record.speed.train is not None
    assert record.speed.inference is not None
    assert (record.speed.train.batch_size, record.speed.inference.batch_size) == (4, 5)


def test_a_kill_by_the_system_for_memory_is_told_from_any_other(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    kills = iter([7, 8, 8, 8])
    monkeypatch.setattr(oom_killer, "count_kills", lambda: next(kills))
    for kind, reason in (
        (FailureKind.OOM, "its process ended with SIGKILL (the system ran out of memory)"),
        (FailureKind.KILLED, "its process ended with SIGKILL"),
    ):
        record = bench.run_one("dies", retry=True)
        assert record.failure is not None
        assert (record.failure.kind, record.reason) == (kind, reason)


def test_an_endless_trial_is_ended_at_its_time_limit_with_all_that_it_started(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid_file = bench.folder / "pid"
    monkeypatch.setenv("ZOO_TEST_PID_FILE", str(pid_file))
    # The fork server took its environment when it started, so the trial runs in a fresh interpreter.
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_bench import Bench
if __name__ == "__main__":
    record = Bench(Path({str(bench.folder)!r})).run_one("forks_and_waits", timeout=2)
    print(record.failure.kind, record.reason)
"""
    script = bench.folder / "script.py"
    script.write_text(code)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("timeout it took longer than 2 s")
    assert not alive(int(pid_file.read_text()))


def test_the_same_command_again_reuses_what_is_done(bench: Bench) -> None:
    (first,) = bench.run("linear").records
    (again,) = bench.run("linear").records
    assert again == first
    ended = [event for event in bench.events if isinstance(event, TrialEnded)]
    assert [event.reused for event in ended] == [True]


def test_failed_trials_run_again_only_when_asked(bench: Bench) -> None:
    first = bench.run_one("raises")
    assert bench.run_one("raises") == first
    bench.run_one("raises", retry=True)
    assert [event.reused for event in bench.events if isinstance(event, TrialEnded)] == [False]


def test_editing_a_plugin_runs_its_trials_again(bench: Bench) -> None:
    """pytorch/ao#3073: the code changed and the cache did not."""
    first = bench.run_one("linear")
    script = bench.folder / "again.py"
    bench.plugin.write_text(PLUGIN + "\n# edited\n")
    # In another process, as it would be: this one has imported the plugin already.
    script.write_text(f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
import test_bench
test_bench.PLUGIN += "\\n# edited\\n"
if __name__ == "__main__":
    print(test_bench.Bench(Path({str(bench.folder)!r})).run_one("linear").result_key)
""")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() != first.result_key
    assert len(list(bench.store.records())) == 2


def test_the_same_seed_twice_gives_the_same_bits_and_another_seed_does_not(bench: Bench) -> None:
    first = bench.run("linear", seeds=2).records
    elsewhere = Bench(bench.folder / "b") if (bench.folder / "b").mkdir() is None else bench
    second = elsewhere.run("linear", seeds=2).records

    def logits(owner: Bench, record: Record) -> bytes:
        return load_predictions(owner.store.folder(record.trial_id)).predictions.logits.tobytes()

    assert logits(bench, first[0]) == logits(elsewhere, second[0])
    assert logits(bench, first[0]) != logits(bench, first[1])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_stopped_trial_goes_on_and_ends_with_the_same_bits(bench: Bench, number: signal.Signals) -> None:
    """ctlearn#179, sparseml#159: a resume reset the best metric, or was off by one epoch."""
    (bench.folder / "whole").mkdir()
    whole = Bench(bench.folder / "whole")
    expected = whole.run_one("slow", recipes=["steady"])
    script = bench.folder / "script.py"
    script.write_text(f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_bench import Bench
if __name__ == "__main__":
    Bench(Path({str(bench.folder)!r})).run_one("slow", recipes=["steady"])
""")
    process = subprocess.Popen([sys.executable, str(script)])
    wait_until(lambda: any(bench.store.root.glob("*/state-*.safetensors")), 120)
    process.send_signal(number)
    process.wait()
    record = bench.run_one("slow", recipes=["steady"])
    assert record.outcome is Outcome.DONE, record.reason
    assert record.attempts == 2
    folder, whole_folder = bench.store.folder(record.trial_id), whole.store.folder(expected.trial_id)
    got, wanted = load_predictions(folder), load_predictions(whole_folder)
    assert got.predictions.logits.tobytes() == wanted.predictions.logits.tobytes()
    assert record.training is not None
    assert expected.training is not None
    assert record.training.best_val_accuracy == expected.training.best_val_accuracy
    assert record.training.tested_epoch == expected.training.tested_epoch
    epochs = [row["epoch"] for row in read_history(folder / "history.jsonl") if row["event"] == "epoch"]
    assert epochs == list(range(1, 31))
    assert (folder / "checkpoint.safetensors").read_bytes() == (whole_folder / "checkpoint.safetensors").read_bytes()
    assert not list(folder.glob("state-*"))


def test_data_that_cannot_be_had_ends_the_bench_before_any_trial(bench: Bench) -> None:
    with pytest.raises(ZooError, match="put the files into X"):
        bench.run("linear", data="absent")
    assert not list(bench.store.root.glob("*/record.json"))


@pytest.mark.skipif("__import__('torch').cuda.is_available()", reason="this machine has a CUDA device")
def test_a_device_that_is_not_there_is_said_before_any_trial(bench: Bench) -> None:
    with pytest.raises(UsageError, match="no CUDA device"):
        bench.run("linear", device="cuda:3")


@pytest.mark.parametrize("signals", [1, 2])
def test_ctrl_c_stops_the_bench_and_leaves_no_process(bench: Bench, signals: int) -> None:
    script = bench.folder / "script.py"
    script.write_text(f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_bench import Bench
if __name__ == "__main__":
    summary = Bench(Path({str(bench.folder)!r})).run("linear", "raises", recipes=["long"])
    print(summary.interrupted, [record.outcome.value for record in summary.records])
""")
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    wait_until(lambda: any(bench.store.root.glob("*/history.jsonl")), 60)
    children = descendants(process.pid)
    assert children
    for _ in range(signals):
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    output, _ = process.communicate(timeout=30)
    assert output.strip() == "True ['interrupted']"
    wait_until(lambda: not any(alive(pid) for pid in children), 10)
    again = bench.run_one("linear")
    assert again.outcome is Outcome.DONE


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a parent's death")
def test_a_killed_bench_takes_its_trial_with_it(bench: Bench) -> None:
    script = bench.folder / "script.py"
    script.write_text(f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_bench import Bench
if __name__ == "__main__":
    Bench(Path({str(bench.folder)!r})).run("linear", recipes=["long"])
""")
    process = subprocess.Popen([sys.executable, str(script)])
    wait_until(lambda: any(bench.store.root.glob("*/history.jsonl")), 60)
    children = descendants(process.pid)
    process.kill()
    process.wait()
    wait_until(lambda: not any(alive(pid) for pid in children), 10)


def wait_until(condition: object, seconds: float) -> None:
    """Wait until *condition* holds; fail after *seconds*."""
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def descendants(pid: int) -> list[int]:
    """All processes below *pid*, as Linux tells."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found: list[int] = []
    layer = [pid]
    while layer:
        layer = [child for child, parent in parents.items() if parent in layer]
        found += layer
    return found
