"""Compiling: a network through ``torch.compile``, optionally with CUDA graphs.

A small network on a fast GPU waits for Python and for kernel launches. CUDA graphs launch a whole forward or backward
pass at once; torch's compiler records and replays them (``mode="reduce-overhead"``), one for each batch shape. Outputs
are in memory that the next replay overwrites, so each call marks the start of a step.

Each shape gets code of its own: after a smaller last batch, the compiler would otherwise make code for any shape, which
is slower, and record graphs anew.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from harness.faults.errors import TrialError
from harness.faults.out_of_memory import free_unused, is_out_of_memory
from harness.records.record import FailureKind
from zoo.text import error_message

_LIMIT_WORDS = ("recompile_limit", "cache_size_limit")
_CAPTURE_WORDS = ("during capture", "stream is capturing", "StreamCapture")
"""What CUDA says of a graph that could not be recorded; the reason may be another error before."""


class GraphRecordingError(TrialError):
    """CUDA graphs could not be recorded or replayed; without them, the training may fit into memory."""


def compiled(model: nn.Module, *, graphs: bool = False) -> Callable[[Tensor], Tensor]:
    """Compile *model*, anew for each shape; the result shares its parameters and its training mode.

    Args:
        graphs: Whether to record CUDA graphs. The output of a call is then valid only until the next call.
    """
    if not graphs:
        return torch.compile(model, dynamic=False)
    forward: Callable[[Tensor], Tensor] = torch.compile(model, dynamic=False, mode="reduce-overhead")

    def replay(images_BCHW: Tensor) -> Tensor:
        torch.compiler.cudagraph_mark_step_begin()
        return forward(images_BCHW)

    return replay


@contextmanager
def recording(graphs: bool) -> Iterator[None]:
    """If CUDA graphs are recorded in the body, turn running out of memory and failed recordings into an error.

    A failed recording leaves a pool of memory and the compiler's state behind, so the step cannot just be repeated.

    Raises:
        GraphRecordingError: If memory ran out or a recording failed.
    """
    try:
        yield
    except Exception as error:
        if not graphs or not (is_out_of_memory(error) or _is_failed_recording(error)):
            raise
        message = f"CUDA graphs could not be recorded or replayed: {error_message(error)}"
        raise GraphRecordingError(FailureKind.OOM, message) from error


def _is_failed_recording(error: BaseException) -> bool:
    said = error_message(error, max_length=10_000)
    return isinstance(error, RuntimeError) and any(words in said for words in _CAPTURE_WORDS)


def forget_compiled(device: torch.device) -> None:
    """Drop all compiled code, recorded graphs and memory that nothing uses, between two phases of a trial.

    The compiler gives a function up after eight versions of it, and tuning, training and measuring each make some of
    the same functions. What is compiled again comes from the compiler's cache on disk.
    """
    if "torch._dynamo" in sys.modules:  # otherwise nothing was compiled, and importing it takes seconds
        torch.compiler.reset()
    free_unused(device)


class GivenUp(logging.Handler):
    """Names of functions that the compiler gave up since :func:`watch_compiler` began: they run uncompiled."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.functions: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if any(words in said for words in _LIMIT_WORDS):
            _, _, function = said.partition("function: ")
            self.functions.append(function.split("\n")[0].split(" (")[0].strip("'") or "a function")

    def notes(self) -> tuple[str, ...]:
        """Return a sentence if part of what was to be compiled ran uncompiled."""
        if not self.functions:
            return ()
        names = " and ".join(dict.fromkeys(self.functions))
        return (
            f"the compiler gave up {names} after too many versions (for shapes or settings): that part ran uncompiled",
        )


@contextmanager
def watch_compiler() -> Iterator[GivenUp]:
    """Watch in the body for functions that the compiler gives up at its limit of versions, which it only logs."""
    log = logging.getLogger("torch._dynamo.convert_frame")
    given_up = GivenUp()
    log.addHandler(given_up)
    try:
        yield given_up
    finally:
        log.removeHandler(given_up)
