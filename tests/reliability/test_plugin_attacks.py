"""Attacks of a plugin on the process that calls it, through the real command: ``zoo rescore`` with a hostile metric.

The store has two trials. Whatever the metric does with the first one, the other metrics of both are computed and
written, standard output says so, and the exit status is that of a metric without a value, or of success. Where the
process cannot go on, the plugin is named by the next command that loads it.

What gets through is listed in SECURITY.md: a plugin that replaces functions, adds finders of imports, interrupts the
main thread as Ctrl-C does, or leaves processes behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

STORE = Path(__file__).parents[1] / "fixtures" / "store-v1"
FRAME = """
import atexit, ctypes, gc, json, os, random, resource, signal, subprocess, sys, threading, time, warnings
import numpy as np
from zoo import Metric, hookimpl

def attack(p):
{body}
    return 0.5

@hookimpl
def zoo_metrics():
    yield Metric(name="attack", compute=attack)
    yield Metric(name="after", compute=lambda p: float((p.logits.argmax(1) == p.labels).mean()))
"""

SURVIVED = {
    # What ends a process
    "sys.exit": "sys.exit(0)",
    "sys.exit with text": "sys.exit('all is well')",
    "os._exit": "os._exit(0)",
    "a kept os._exit": "__import__('os').__dict__['_exit'](0)",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "GeneratorExit": "raise GeneratorExit",
    "BaseException": "raise BaseException('x')",
    "StopIteration": "raise StopIteration",
    "MemoryError": "raise MemoryError",
    "RecursionError": "f = lambda: f(); f()",
    "exception that cannot be shown": """
        class E(Exception):
            def __str__(self): sys.exit(0)
            __repr__ = __str__
        raise E""",
    "exception with a hostile class": """
        class M(type):
            def __getattribute__(c, n):
                if n == '__name__': raise SystemExit
                return super().__getattribute__(n)
        class E(Exception, metaclass=M): pass
        raise E('x')""",
    "exception group": "raise BaseExceptionGroup('g', [KeyboardInterrupt(), SystemExit(0)])",
    "exception with a loop of causes": "e = ValueError('x'); e.__cause__ = e; raise e",
    "exception with a long message": "raise ValueError('x' * 10**8)",
    # What changes the process
    "working folder": "os.chdir('/')",
    "Ctrl-C ignored": "signal.signal(signal.SIGINT, signal.SIG_IGN)",
    "SIGTERM ignored": "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "SIGCHLD ignored": "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
    "signals blocked": "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])",
    "timer": "signal.setitimer(signal.ITIMER_REAL, 0.3)",
    "timer of the processor's time": "signal.setitimer(signal.ITIMER_PROF, 0.05)",
    "standard output closed": "os.close(1)",
    "collection at once": "gc.set_threshold(1)",
    "import path cleared": "sys.path.clear()",
    "finders removed": "sys.meta_path.clear()",
    "arguments removed": "sys.argv.clear()",
    "integers of few digits": "sys.set_int_max_str_digits(640)",
    "trace": "sys.settrace(lambda *a: (_ for _ in ()).throw(RuntimeError('traced')))",
    "profile": "sys.setprofile(lambda *a: (_ for _ in ()).throw(RuntimeError('profiled')))",
    "trace of threads": "threading.settrace(lambda *a: 1 / 0)",
    "excepthook": "sys.excepthook = sys.unraisablehook = lambda *a: os._exit(0)",
    "switch interval": "sys.setswitchinterval(1000)",
    "generators seeded": "random.seed(0); np.random.seed(0)",
    # Processes and threads
    "fork": "os.fork()",
    "fork that raises": "if not os.fork(): raise ValueError('child')",
    "thread": "threading.Thread(target=time.sleep, args=[600]).start()",
    "atexit that exits": "atexit.register(os._exit, 0)",
    "atexit that raises": "atexit.register(lambda: 1 / 0)",
    "atexit that hangs": "atexit.register(time.sleep, 600)",
}
ENDED = {
    "SIGKILL": "os.kill(os.getpid(), 9)",
    "crash": "ctypes.string_at(0)",
    "abort": "os.abort()",
    "real exit": "ctypes.CDLL(None)._exit(0)",
    "SIGTERM": "signal.raise_signal(signal.SIGTERM)",
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def attacked(tmp_path: Path, body: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Rescore a store with a metric of this body; return how it ended and the store."""
    store = Path(shutil.copytree(STORE, tmp_path / "runs"))
    body = textwrap.indent(textwrap.dedent(body), "    ")
    (tmp_path / "hostile.py").write_text(FRAME.format(body=body))
    metrics = "attack,after,accuracy,macro_f1"
    done = run(tmp_path, "rescore", str(store), "--metrics", metrics, "--plugin", str(tmp_path / "hostile.py"))
    return done, store


def run(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ZOO_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-P", "-m", "zoo", *arguments]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, text=True, encoding="utf-8", errors="replace", start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            out, err = process.communicate(timeout=120)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


@pytest.mark.parametrize("name", SURVIVED)
def test_the_other_metrics_are_computed_and_written(tmp_path: Path, name: str) -> None:
    done, store = attacked(tmp_path, SURVIVED[name])
    shown = f"{done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert done.returncode in (0, 1), shown
    assert "2 trials rescored" in done.stdout, shown
    assert "a bug in zoo" not in done.stderr, shown
    before = {path.parent.name: json.loads(path.read_bytes()) for path in STORE.glob("*/record.json")}
    for path in store.glob("*/record.json"):
        metrics = json.loads(path.read_bytes())["metrics"]
        old = before[path.parent.name]["metrics"]
        assert metrics["after"]["value"] == pytest.approx(old["accuracy"]["value"]), shown
        for each in ("accuracy", "macro_f1"):
            assert metrics[each]["value"] == pytest.approx(old[each]["value"]), shown


@pytest.mark.parametrize("name", ENDED)
def test_a_plugin_that_ends_the_process_is_named_by_the_next_command(tmp_path: Path, name: str) -> None:
    done, store = attacked(tmp_path, ENDED[name])
    assert "2 trials rescored" not in done.stdout
    after = run(tmp_path, "list", "metrics", "--plugin", str(tmp_path / "hostile.py"))
    assert "ended without a word while computing metric 'hostile/attack'" in after.stderr, (done, after)
    assert all(json.loads(path.read_bytes()) for path in store.glob("*/record.json"))
