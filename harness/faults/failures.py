"""Failures: the kind of an exception, and one sentence for it."""

from __future__ import annotations

import errno
import traceback

from harness.faults.errors import TrialError
from harness.faults.out_of_memory import is_out_of_memory
from harness.records.record import Failure, FailureKind
from zoo.errors import DataError, PluginError
from zoo.text import error_message, error_text, exit_call, one_line

_UNWRITABLE = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EIO: "the disk reports an input/output error",
}


_LONGEST_SENTENCE = 2_000
"""Characters of a sentence that zoo itself wrote; it may quote several others."""


def classify(error: BaseException, phase: str) -> Failure:
    """Classify an exception. A full disk is recognised however deeply its error is wrapped.

    Nothing that a plugin raises makes this fail, not even an exception whose message cannot be read.
    """
    said = error_message(error)
    message = f"{one_line(type(error).__name__)} during {phase}: {said}".removesuffix(": ")
    kind = FailureKind.ERROR
    if problem := _problem_of_disk(error):
        kind, message = FailureKind.DISK, f"{problem} (during {phase})"
    elif isinstance(error, TrialError):
        kind, message = error.kind, error_message(error, max_length=_LONGEST_SENTENCE)
    elif isinstance(error, DataError):
        kind, message = FailureKind.DATA, error_message(error, max_length=_LONGEST_SENTENCE)
    elif isinstance(error, SystemExit):
        kind, message = FailureKind.PLUGIN, f"a plugin called {exit_call(error)} during {phase}"
    elif isinstance(error, PluginError):
        kind, message = FailureKind.PLUGIN, error_message(error, max_length=_LONGEST_SENTENCE)
    elif not isinstance(error, Exception):  # KeyboardInterrupt, too: a request of the user never comes here
        kind, message = FailureKind.PLUGIN, f"a plugin raised {error_text(error)} during {phase}"
    elif is_out_of_memory(error):
        kind, message = FailureKind.OOM, f"out of memory during {phase}: {said}"
    return Failure(kind=kind, message=message, traceback=_traceback(error))


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


def _traceback(error: BaseException) -> str:
    try:
        text = "".join(traceback.format_exception(error))
    except BaseException:  # a plugin's exception may be of any kind: one whose notes cannot be read, say
        return ""
    return text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate could not be stored
