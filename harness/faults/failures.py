"""Failures: the kind of an exception, and one sentence for it."""

from __future__ import annotations

import errno
import traceback

from harness.faults.errors import TrialError
from harness.faults.out_of_memory import is_out_of_memory
from harness.records.record import Failure, FailureKind
from zoo.errors import DataError, PluginError

_UNWRITABLE = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
}


def classify(error: BaseException, phase: str) -> Failure:
    """Classify an exception. A full disk is recognised however deeply its error is wrapped."""
    message = f"{type(error).__name__} during {phase}: {one_line(error)}"
    kind = FailureKind.ERROR
    if problem := _problem_of_disk(error):
        kind, message = FailureKind.DISK, f"{problem} (during {phase})"
    elif isinstance(error, TrialError):
        kind, message = error.kind, str(error)
    elif isinstance(error, DataError):
        kind, message = FailureKind.DATA, str(error)
    elif isinstance(error, SystemExit):
        kind, message = FailureKind.PLUGIN, f"a plugin called sys.exit({error.code!r}) during {phase}"
    elif isinstance(error, PluginError):
        kind, message = FailureKind.PLUGIN, str(error)
    elif is_out_of_memory(error):
        kind, message = FailureKind.OOM, f"out of memory during {phase}: {one_line(error)}"
    return Failure(kind=kind, message=message, traceback="".join(traceback.format_exception(error)))


def _problem_of_disk(error: BaseException) -> str:
    """Search an exception and its causes for a failed write; return the disk's problem, or an empty string."""
    cause: BaseException | None = error
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, OSError) and cause.errno in _UNWRITABLE:
            return _UNWRITABLE[cause.errno]
        seen.add(id(cause))
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return ""


def one_line(error: BaseException) -> str:
    """Return an exception's message on one line of at most 300 characters."""
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else text[:299] + "…"
