"""The state of the process that all code in it shares, put back after a plugin's code has changed it.

A plugin that ignores Ctrl-C, closes standard output, sets a low recursion limit or turns warnings into errors would
otherwise spoil what runs after it, and another plugin, or zoo, would be blamed.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

_SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGCHLD", "SIGPIPE", "SIGALRM")
    if hasattr(signal, name)
)
_TIMERS = ("ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF")
_STREAMS = (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w"))
_LIMITS = ("RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CPU", "RLIMIT_STACK")
_SETTINGS: tuple[tuple[Callable[[], Any], Callable[[Any], object]], ...] = (
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (sys.getswitchinterval, sys.setswitchinterval),
    (sys.get_int_max_str_digits, sys.set_int_max_str_digits),
    (sys.gettrace, sys.settrace),
    (sys.getprofile, sys.setprofile),
    (gc.isenabled, lambda is_enabled: gc.enable() if is_enabled else gc.disable()),
)
"""How settings of the interpreter are read and set."""
_NUMPY_ERRORS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
"""What numpy does about floating-point errors unless it is told otherwise."""


@contextmanager
def put_back() -> Iterator[None]:
    """Run a plugin's code in the body, and put back what it changed of the process.

    ====================  =========================================================================================
    working folder        also if it was removed
    signals               handlers and timers, in the main thread, and which are blocked
    interpreter           recursion limit, time between threads, digits of numbers, functions that trace and profile,
                          garbage collection, and what it took away of the import path and its finders
    standard streams      those that it closed or replaced by None; what it puts around them stays
    limits                open files, memory, sizes of files, below the hard limits; the file mask
    errors                filters that turn warnings into errors, numpy's treatment of floating-point errors
    torch                 default dtype and device
    forks                 a process that it forked, and that returns from it, ends
    ====================  =========================================================================================
    """
    state = _State()
    try:
        yield
    finally:
        state.put_back()


class _State:
    def __init__(self) -> None:
        self._process = os.getpid()
        self._is_main = threading.current_thread() is threading.main_thread()
        self._folder = _working_folder()
        self._handlers = {number: signal.getsignal(number) for number in _SIGNALS} if self._is_main else {}
        self._timer = _timer() if self._is_main else 0.0
        self._mask = _mask() if self._is_main else None
        self._streams = {name: getattr(sys, name) for name, _, _ in _STREAMS if _is_open(getattr(sys, name))}
        self._copies = {number: copy for _, number, _ in _STREAMS if (copy := _copy(number)) is not None}
        self._settings = [read() for read, _ in _SETTINGS]
        self._blocked = _blocked()
        self._finders, self._path = list(sys.meta_path), list(sys.path)
        self._limits = _limits()
        self._error_filters = _error_filters()
        self._numpy = _of_numpy() or _NUMPY_ERRORS
        self._torch = _of_torch()

    def put_back(self) -> None:
        if os.getpid() != self._process:
            _leave()
        for (read, write), before in zip(_SETTINGS, self._settings, strict=True):
            if (now := read()) is not before and now != before:
                write(before)
        sys.meta_path += [each for each in self._finders if not any(each is other for other in sys.meta_path)]
        sys.path += [each for each in self._path if each not in sys.path]
        if self._blocked is not None and _blocked() != self._blocked:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._blocked)
        self._put_back_limits()
        self._put_back_streams()
        if self._folder and self._folder != _working_folder():
            with suppress(OSError):
                os.chdir(self._folder)
        if self._is_main:
            self._put_back_signals()
            if self._mask is not None:
                os.umask(self._mask)
        for number in [place for place, each in enumerate(warnings.filters) if each[0] == "error"][::-1]:
            if warnings.filters[number] not in self._error_filters:
                del warnings.filters[number]  # type: ignore[attr-defined]  # it is a list
                warnings._filters_mutated() if hasattr(warnings, "_filters_mutated") else None
        if (found := _of_numpy()) is not None and found != self._numpy:
            sys.modules["numpy"].seterr(**self._numpy)
        self._put_back_torch()

    def _put_back_limits(self) -> None:
        if not self._limits:
            return
        import resource

        for number, soft in self._limits.items():
            now = resource.getrlimit(number)
            if now[0] == soft:
                continue
            # Whoever lowers the hard limit as well means it.
            possible = now[1] if soft == resource.RLIM_INFINITY else soft
            if now[1] != resource.RLIM_INFINITY:
                possible = min(possible, now[1])
            with suppress(OSError, ValueError):
                resource.setrlimit(number, (possible, now[1]))

    def _put_back_streams(self) -> None:
        for number, copy in self._copies.items():
            try:
                os.fstat(number)
            except OSError:
                with suppress(OSError):
                    os.dup2(copy, number)
            with suppress(OSError):
                os.close(copy)
        for name, number, mode in _STREAMS:
            before, now = self._streams.get(name), getattr(sys, name)
            if before is None or _is_open(now):
                continue
            if not _is_open(before):
                before = _reopened(number, mode)
            setattr(sys, name, before)
            if not _is_open(getattr(sys, f"__{name}__")):
                setattr(sys, f"__{name}__", before)

    def _put_back_signals(self) -> None:
        for number, handler in self._handlers.items():
            if handler is not None and signal.getsignal(number) != handler:
                with suppress(OSError, ValueError):
                    signal.signal(number, handler)
        for name in _TIMERS if not self._timer and _timer() else ():
            signal.setitimer(getattr(signal, name), 0)

    def _put_back_torch(self) -> None:
        if (found := _of_torch()) is None or (self._torch is not None and found == self._torch):
            return
        torch: Any = sys.modules["torch"]
        dtype, device = self._torch or (torch.float32, torch.device("cpu"))
        if found[0] != dtype:
            torch.set_default_dtype(dtype)
        if found[1] != device:
            torch.set_default_device(None if device.type == "cpu" else device)


def _leave() -> None:
    """End a process that a plugin forked: it would go on as zoo, beside zoo."""
    # Not os._exit as an attribute: it may be replaced while a plugin's code runs.
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def _working_folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # it was removed
        return ""


def _timer() -> float:
    return max(signal.getitimer(getattr(signal, name))[0] for name in _TIMERS) if hasattr(signal, "getitimer") else 0.0


def _blocked() -> set[Any] | None:
    """Return the signals that this thread does not receive; None where the system does not tell."""
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, ())) if hasattr(signal, "pthread_sigmask") else None


def _mask() -> int:
    mask = os.umask(0o077)  # there is no other way to ask
    os.umask(mask)
    return mask


def _is_open(stream: Any) -> bool:
    return stream is not None and not getattr(stream, "closed", False)


def _copy(number: int) -> int | None:
    try:
        return os.dup(number)
    except OSError:
        return None


def _reopened(number: int, mode: str) -> IO[Any] | None:
    try:
        return open(number, mode, encoding="utf-8", errors="backslashreplace", closefd=False)
    except OSError:
        return None


def _limits() -> dict[int, int]:
    try:
        import resource
    except ImportError:  # Windows
        return {}
    return {
        number: resource.getrlimit(number)[0]
        for name in _LIMITS
        if (number := getattr(resource, name, None)) is not None
    }


def _error_filters() -> list[Any]:
    return [each for each in warnings.filters if each[0] == "error"]


def _of_numpy() -> dict[str, Any] | None:
    """Return numpy's treatment of floating-point errors; None if numpy has not been imported."""
    geterr = getattr(sys.modules.get("numpy"), "geterr", None)
    return None if geterr is None else dict(geterr())


def _of_torch() -> tuple[Any, Any] | None:
    """Return torch's default dtype and device; None if torch has not been imported."""
    torch: Any = sys.modules.get("torch")
    if not hasattr(torch, "get_default_device"):  # also while it is being imported
        return None
    return torch.get_default_dtype(), torch.get_default_device()
