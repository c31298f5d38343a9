"""What a plugin's code changes of the process is put back, and other changes are not touched.

Each runs in a process of its own: most would spoil the tests that follow.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from zoo.calling.process_state import put_back

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and limits as POSIX has them")

FRAME = """
import faulthandler, json, os, resource, signal, sys, threading, warnings
from pathlib import Path
from zoo.calling.containment import contained
{before}
try:
    with contained("testing"):
        {act}
except Exception as error:
    print("raised", type(error).__name__)
{after}
"""


def run(tmp_path: Path, act: str, after: str, before: str = "") -> subprocess.CompletedProcess[str]:
    code = FRAME.format(act=act, after=after, before=before)
    return subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize(
    ("act", "after"),
    [
        pytest.param("os.chdir('/')", "print(Path.cwd() == Path(WHERE))", id="working folder"),
        pytest.param(
            "signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_IGN)",
            "print(signal.getsignal(signal.SIGINT) is signal.default_int_handler"
            " and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)",
            id="Ctrl-C ignored",
        ),
        pytest.param(
            "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
            "import subprocess; print(subprocess.run(['false']).returncode == 1)",
            id="children that are not waited for",
        ),
        pytest.param(
            "signal.setitimer(signal.ITIMER_REAL, 60)",
            "print(signal.getitimer(signal.ITIMER_REAL)[0] == 0)",
            id="timer",
        ),
        pytest.param(
            "signal.setitimer(signal.ITIMER_PROF, 60)",
            "print(signal.getitimer(signal.ITIMER_PROF)[0] == 0)",
            id="timer of the processor's time",
        ),
        pytest.param(
            "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])",
            "print(not signal.pthread_sigmask(signal.SIG_BLOCK, []))",
            id="Ctrl-C blocked",
        ),
        pytest.param("sys.setrecursionlimit(10**9)", "print(sys.getrecursionlimit() == 1000)", id="deep recursion"),
        pytest.param(
            "sys.meta_path.clear(); sys.path.clear()", "import wave; print(True)", id="nothing to import from"
        ),
        pytest.param("sys.settrace(lambda *each: None)", "print(sys.gettrace() is None)", id="trace"),
        pytest.param("sys.setprofile(lambda *each: None)", "print(sys.getprofile() is None)", id="profile"),
        pytest.param("import gc; gc.disable()", "print(gc.isenabled())", id="no garbage collection"),
        pytest.param("sys.set_int_max_str_digits(640)", "print(int('9' * 4000) > 0)", id="digits"),
        pytest.param("sys.setswitchinterval(1000)", "print(sys.getswitchinterval() < 1)", id="time between threads"),
        pytest.param("os.close(1)", "print(True)", id="standard output closed"),
        pytest.param("os.close(1); os.close(2); os.close(0)", "print(True)", id="all streams closed"),
        pytest.param("sys.stdout.close()", "print(True)", id="stream closed"),
        pytest.param("sys.stdout = sys.stderr = None", "print(sys.stderr is not None)", id="streams removed"),
        pytest.param("os.umask(0o777)", "Path('f').touch(); print(os.stat('f').st_mode & 0o600 == 0o600)", id="mask"),
        pytest.param("sys.setrecursionlimit(60)", "print(sys.getrecursionlimit() == 1000)", id="recursion"),
        pytest.param(
            "resource.setrlimit(resource.RLIMIT_NOFILE, (5, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))",
            "open('f', 'w'), open('f'), open('f'); print(True)",
            id="open files",
        ),
        pytest.param(
            "resource.setrlimit(resource.RLIMIT_AS, (1, resource.getrlimit(resource.RLIMIT_AS)[1]))",
            "x = bytearray(10**8); print(True)",
            id="memory",
        ),
        pytest.param("warnings.simplefilter('error')", "warnings.warn('no error'); print(True)", id="warnings"),
        pytest.param(
            "import numpy; numpy.seterr(all='raise')",
            "print(numpy.geterr()['divide'] == 'warn')",
            id="floating-point errors",
        ),
        pytest.param("if os.fork(): os.wait()", "print(True)", id="fork"),
        pytest.param("if not os.fork(): raise ValueError", "os.wait(); print(True)", id="raising fork"),
        pytest.param("os.rmdir(WHERE) or os.chdir('/')", "print(True)", id="folder removed"),
    ],
)
def test_it_is_put_back(tmp_path: Path, act: str, after: str) -> None:
    done = run(tmp_path, act, after, before=f"WHERE = {str(tmp_path)!r}")
    assert done.stdout == "True\n", done.stderr


def test_torch_s_defaults_are_put_back(tmp_path: Path) -> None:
    act = "import torch; torch.set_default_dtype(torch.float64); torch.set_default_device('meta')"
    after = """print(torch.ones(1))
with contained("testing"):  # which finds torch imported
    torch.set_default_dtype(torch.float64)
print(torch.ones(1).dtype)"""
    done = run(tmp_path, act, after)
    assert done.stdout == "tensor([1.])\ntorch.float32\n", done.stderr


def test_a_timer_of_zoo_s_own_goes_on(tmp_path: Path) -> None:
    done = run(tmp_path, "pass", "print(signal.getitimer(0)[0] > 0)", before="signal.setitimer(0, 60)")
    assert done.stdout == "True\n"


def test_what_is_put_around_a_stream_and_filters_that_ignore_stay(tmp_path: Path) -> None:
    act = "sys.stdout.write = sys.stderr.write; warnings.filterwarnings('ignore', message='mine')"
    done = run(tmp_path, act, "print('around'); warnings.warn('mine'); warnings.warn('other')")
    assert (done.stdout, done.stderr.startswith("around\n"), "mine" in done.stderr.splitlines()[1]) == ("", True, False)


def test_filters_of_before_stay_and_nothing_is_left_open() -> None:
    filters = list(warnings.filters)
    count = _num_open()
    for _ in range(50):
        with put_back():
            pass
    assert warnings.filters == filters
    assert _num_open() == count


def _num_open() -> int:
    """Return the number of open files, where the system tells."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0
