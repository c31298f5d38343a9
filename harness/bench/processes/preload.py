"""Imported once by the fork server, so that each trial starts with the heavy libraries already in memory.

Which ones is in the environment, because the fork server takes no arguments. It never touches a GPU: CUDA cannot be
used after a fork.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import os
import platform
import signal
import warnings

from harness.bench.processes.fork_server import PRELOAD_ALLOWED, PRELOAD_VARIABLE, UNSET_VARIABLE
from harness.bench.processes.server_start import Greeting
from harness.system.descendants import adopt_orphans, end_descendants
from zoo.errors import StoreError
from zoo.files.cache import cache_root, require_writable_cache

SPIN_COUNT = "30000"
"""Turns of the waiting loop of GNU's OpenMP library, which torch's Linux wheels bring along: a tenth of its default.
With 1,000, a ResNet-20 on two idle cores lost 5 to 9 %."""

# The flag that it has set stays for this process and its children; a program that a plugin starts may need its folder.
for _name in (os.environ.pop(UNSET_VARIABLE, ""), UNSET_VARIABLE):
    os.environ.pop(_name, None)

# A Ctrl-C at the terminal is for the bench, which decides; it has come in blocked until here.
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))

# What a trial leaves running comes to the fork server, where the bench finds it; what it leaves when the bench has died
# ends here. The server warns of a process that ends without having been asked for.
adopt_orphans()
warnings.filterwarnings("ignore", message="forkserver: waitpid returned unexpected pid")


def _end_descendants(server: int = os.getpid(), *, at_once: bool = False) -> None:
    if os.getpid() == server:
        end_descendants(server)
        if at_once:
            os._exit(0)
        gc.unfreeze()  # else Triton says last of all that it leaks, below what went wrong


atexit.register(_end_descendants)

# Whether there is a GPU is then asked of its management library, which leaves no trace that a fork could trip over.
os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")

# A thread that waits for others at the end of a parallel loop goes to sleep at once instead of spinning, so that on a
# machine that does other work its core is of use, first of all to the thread that it waits for. Read once, when the
# OpenMP library is loaded; what a user has set stays.
if not os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}:
    os.environ["GOMP_SPINCOUNT"] = SPIN_COUNT

# What the compiler made is kept for later trials and later benches, where `zoo cache` knows of it.
with contextlib.suppress(StoreError):  # a cache that cannot be written: the compiler's own choice
    require_writable_cache()
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_root() / "compiled"))

# It starts a program the first time, and every trial records it.
platform.platform()

# What is imported stays. To look through it for garbage takes a tenth of a second each time, here again and again and
# in each trial, which would also get a copy of all of it by that.
gc.disable()

_wanted = os.environ.get(PRELOAD_VARIABLE, "").split(",")
_greeting = Greeting()
try:
    for _name in _wanted:
        if _name in PRELOAD_ALLOWED:
            importlib.import_module(_name)
    if "torch" in _wanted:
        importlib.import_module("harness.trial.trial")
    for _name in _greeting.modules():
        if _name in PRELOAD_ALLOWED:
            importlib.import_module(_name)
finally:
    gc.freeze()
    gc.enable()
    _greeting.ready()
if _greeting.is_of_server:
    # To take torch apart takes half a second, for which whoever reads the bench's output would wait.
    atexit.unregister(_end_descendants)
    atexit.register(_end_descendants, at_once=True)
