"""Networks, datasets and recipes that do what a bench must survive. Tests load copies of this file as a plugin."""

import os
import signal
import sys
import time
from pathlib import Path

from zoo import Architecture, Dataset, Hyperparameters, Recipe, Split, Splits, hookimpl
from zoo.errors import DataError

HERE = Path(__file__).parent


def linear(request):
    from torch import nn

    size = request.in_channels * request.image_size**2
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

    return nn.Sequential(nn.Flatten(), nn.Linear(request.in_channels * request.image_size**2, 99))


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


def dies_batched(request):
    import torch
    from torch import nn

    class Batched(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = linear(request)

        def forward(self, x):
            if torch._C._functorch.is_batchedtensor(x):
                os.kill(os.getpid(), signal.SIGKILL)
            return self.net(x)

    return Batched()


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
        raise RuntimeError("cannot write")  # noqa: B904 -- as a plugin may: the cause is found in the context


def forks_and_waits(request):
    import subprocess

    child = subprocess.Popen(["sleep", "3600"])
    Path(os.environ["ZOO_TEST_PID_FILE"]).write_text(str(child.pid))
    time.sleep(3600)


def stops_its_server(request):
    os.kill(os.getppid(), signal.SIGSTOP)
    return linear(request)


def kills_its_server(request):
    with (HERE / "attempts").open("a") as file:
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
    with (HERE / "pids").open("w") as file:
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


def interrupts_itself(request):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)


def spoils_its_record(request):
    import ctypes

    Path("/proc/self/fd/1").readlink().with_name("record.json").write_text("{}")
    ctypes.CDLL(None)._exit(0)


def closes_files(request):
    os.closerange(3, 200)
    return linear(request)


def moves(request):
    os.chdir("/")
    return linear(request)


def exits_busy(request):
    with (HERE / "attempts").open("a") as file:
        file.write("x")
    import ctypes

    ctypes.CDLL(None)._exit(75)


class Unprintable(Exception):
    def __str__(self):  # noqa: PLE0307 -- it never returns
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
            try:  # noqa: SIM105
                time.sleep(0.05)
            except:  # noqa: E722 -- as a plugin may: it swallows interrupts too
                pass
            return self.net(x)

    return Swallowing()


@hookimpl
def zoo_architectures():
    for build in (
        linear,
        raises,
        exits,
        vanishes,
        dies,
        dies_batched,
        segfaults,
        loops,
        is_no_module,
        too_wide,
        returns_a_list,
        is_nan,
        floods,
        changes_dtype,
        changes_threads,
        slow,
        forks_and_waits,
        greedy,
        insatiable,
        needs_all,
        fills_the_disk,
        kills_its_server,
        stops_its_server,
        leaves_children,
        leaves_children_and_dies,
        leaves_children_and_hangs,
        interrupts,
        interrupts_itself,
        closes_files,
        spoils_its_record,
        moves,
        exits_busy,
        unprintable,
        swallows,
    ):
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
    yield Recipe(
        name="steady",
        hyperparameters=lambda: Hyperparameters(
            epochs=30, batch_size=16, ema_decay=0.9, keep="best", schedule="cosine", mixup_alpha=0.2, crop_padding=0.1
        ),
    )
    yield Recipe(name="long", hyperparameters=lambda: Hyperparameters(epochs=100_000, batch_size=16))
