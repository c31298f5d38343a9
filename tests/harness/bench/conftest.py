"""A toy plugin, benches of it, and processes as the system lists them."""

from __future__ import annotations

import json
import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.bench.bench import BenchSummary, run_bench
from harness.bench.remote.cluster import Cluster
from harness.bench.remote.messages import Message
from harness.bench.remote.node import work
from harness.bench.remote.node_cache import MACHINES, PREPARED
from harness.bench.settings import BenchSettings, RunLimits
from harness.bench.slots import SlotRequest
from harness.data.settings import DataSettings
from harness.planning.plan import Plan, make_plan
from harness.planning.request import BenchRequest
from harness.planning.selection import select
from harness.records.record import Record
from harness.records.store import Store
from zoo.events import Event
from zoo.executor import Node, Task, TaskEnded, TaskEvent, TaskMessage
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

    def kills_its_server(request):
        with open(os.path.join(os.path.dirname(__file__), "attempts"), "a") as file:
            file.write("x")
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(3600)

    def leaves_children(request):
        import subprocess
        children = [subprocess.Popen(["sleep", "3600"], start_new_session=apart) for apart in (False, True, False)]
        pids = [child.pid for child in children]
        read, write = os.pipe()
        if os.fork() == 0:  # a daemon: it leaves the group, and its parent ends
            os.setsid()
            daemon = os.fork()
            if daemon == 0:
                time.sleep(3600)
            os.write(write, str(daemon).encode())
            os._exit(0)
        pids.append(int(os.read(read, 20)))
        with open(os.path.join(os.path.dirname(__file__), "pids"), "w") as file:
            file.write(" ".join(map(str, pids)))
        return linear(request)

    def leaves_children_and_dies(request):
        leaves_children(request)
        os.kill(os.getpid(), signal.SIGKILL)

    def leaves_children_and_hangs(request):
        leaves_children(request)
        time.sleep(3600)

    def interrupts(request):
        raise KeyboardInterrupt

    def moves(request):
        os.chdir("/")
        return linear(request)

    def exits_busy(request):
        with open(os.path.join(os.path.dirname(__file__), "attempts"), "a") as file:
            file.write("x")
        import ctypes
        ctypes.CDLL(None)._exit(75)

    class Unprintable(Exception):
        def __str__(self):
            sys.exit(0)

    def unprintable(request):
        raise Unprintable

    def swallows(request):
        from torch import nn
        class Swallowing(nn.Module):
            def __init__(self):
                super().__init__()
                self.net = linear(request)
            def forward(self, x):
                try:
                    time.sleep(0.05)
                except:
                    pass
                return self.net(x)
        return Swallowing()

    @hookimpl
    def zoo_architectures():
        for build in (linear, raises, exits, vanishes, dies, segfaults, loops, is_no_module, too_wide,
                      returns_a_list, is_nan, floods, changes_dtype, changes_threads, slow, forks_and_waits,
                      greedy, insatiable, needs_all, fills_the_disk, kills_its_server, leaves_children,
                      leaves_children_and_dies, leaves_children_and_hangs, interrupts, moves, exits_busy, unprintable,
                      swallows):
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

    def never_ends(request):
        request.report("loading", None)
        time.sleep(3600)

    @hookimpl
    def zoo_datasets():
        yield Dataset(name="shades", load=load)
        yield Dataset(name="absent", load=cannot)
        yield Dataset(name="endless", load=never_ends)

    @hookimpl
    def zoo_recipes():
        yield Recipe(name="quick", hyperparameters=lambda: Hyperparameters(epochs=2, batch_size=16))
        yield Recipe(name="steady", hyperparameters=lambda: Hyperparameters(
            epochs=30, batch_size=16, ema_decay=0.9, keep="best", schedule="cosine", mixup_alpha=0.2, crop_padding=0.1))
        yield Recipe(name="long", hyperparameters=lambda: Hyperparameters(epochs=100_000, batch_size=16))
""")


class Bench:
    """Runs benches of the toy plugin and keeps their events."""

    def __init__(self, folder: Path, plugin: str = PLUGIN) -> None:
        self.folder = folder
        self.plugin = folder / "toys.py"
        self.plugin.write_text(plugin)
        self.others: list[Path] = []
        self.store = Store(folder / "runs")
        self.events: list[Event] = []

    @property
    def sources(self) -> Sources:
        """Where to load the toy plugin from, and others that a test adds."""
        return Sources(
            files=tuple(map(str, (self.plugin, *self.others))), builtin=False, entry_points=False, strict=True
        )

    def plan(self, *models: str, **changes: object) -> Plan:
        """Plan the models on the toy data, one seed unless changed."""
        toys = {"data": ["shades"], "recipes": ["quick"], "seeds": 1, "measure_seconds": 0}
        request = BenchRequest.model_validate({"models": models, **toys, **changes})
        return make_plan(select(request, build_catalog(self.sources)))

    def run(
        self,
        *models: str,
        data: str = "shades",
        timeout: float | None = None,
        retry: bool = False,
        jobs: int | None = None,
        **changes: object,
    ) -> BenchSummary:
        """Run the models on the toy data, one seed unless changed."""
        self.events.clear()
        return run_bench(
            self.plan(*models, data=[data], **changes),
            store=self.store,
            sources=self.sources,
            emit=self.events.append,
            settings=BenchSettings(
                data=DataSettings(data_root=self.folder / "data", cache=self.folder / "cache"),
                limits=RunLimits(timeout=timeout, retry=retry),
                slots=SlotRequest(jobs=jobs),
            ),
        )

    def run_one(self, model: str, **changes: object) -> Record:
        """Run one trial and return its record."""
        (record,) = self.run(model, **changes).records  # type: ignore[arg-type]
        return record

    def beside(self, name: str) -> Bench:
        """Return another bench, which shares nothing with this one."""
        folder = self.folder / name
        folder.mkdir()
        return Bench(folder)

    def script(self, code: str) -> list[str]:
        """Return a command that runs *code* in a fresh interpreter, where this bench is called ``bench``."""
        path = self.folder / "script.py"
        path.write_text(
            f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from conftest import PLUGIN, Bench
if __name__ == "__main__":
    bench = Bench(Path({str(self.folder)!r}))
"""
            + textwrap.indent(code, "    ")
        )
        return [sys.executable, str(path)]


class InlineWorkers:
    """One node, which is this process: a task runs to its end when it is polled for."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.killed: list[str] = []
        self.stopping = False

    def nodes(self) -> Sequence[Node]:
        return (Node(name="here", cpus=1),)

    def submit(self, task: Task) -> None:
        self.tasks.append(task)

    def poll(self, seconds: float) -> Sequence[TaskEvent]:
        events: list[TaskEvent] = []
        while self.tasks:
            task = self.tasks.pop(0)
            for message, content in self.work(task):
                events.append(TaskMessage(task_id=task.task_id, message=message, content=content))
            events.append(TaskEnded(task_id=task.task_id, node="here"))
        return events

    def stop(self, task_id: str) -> None:
        self.stopping = True

    def kill(self, task_id: str) -> None:
        self.killed.append(task_id)

    def work(self, task: Task) -> Iterator[Message]:
        """Yield what the node sends for a task."""
        payload = json.loads(json.dumps(task.payload))  # as it would arrive
        return work(payload, task.files, SimpleNamespace(node="here", stop_requested=lambda: self.stopping))


@pytest.fixture
def inline_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InlineWorkers:
    """A node in this process, with a cache of its own."""
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "node"))
    MACHINES.clear()
    PREPARED.clear()
    return InlineWorkers()


@pytest.fixture
def inline_cluster(inline_workers: InlineWorkers, bench: Bench) -> Cluster:
    """That node, with the toy plugin."""
    return Cluster(inline_workers, bench.store.root, bench.sources)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A bench in a folder of its own."""
    return Bench(tmp_path)


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool], float], None]:
    """Wait until a condition holds, and fail if that takes longer than a number of seconds."""

    def wait(condition: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.05)

    return wait


@pytest.fixture
def alive() -> Callable[[int], bool]:
    """Tell whether a process runs; a zombie does not."""

    def is_alive(pid: int) -> bool:
        try:
            os.kill(pid, 0)
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except (ProcessLookupError, FileNotFoundError):
            return False

    return is_alive


@pytest.fixture
def descendants() -> Callable[[int], list[int]]:
    """List all processes below one, as Linux tells."""

    def find(pid: int) -> list[int]:
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

    return find
