"""Kinds of failure: a full disk is told from whatever it looks like."""

from __future__ import annotations

import errno
import json

import pytest

from harness.faults.errors import TrialError
from harness.faults.failures import classify
from harness.records.record import FailureKind


def full_disk() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device")


def explicit() -> Exception:
    try:
        raise TrialError(FailureKind.PLUGIN, "building net raised OSError") from full_disk()
    except TrialError as error:
        return error


def implicit() -> Exception:
    try:
        try:
            raise full_disk()
        except OSError:
            raise RuntimeError("PytorchStreamWriter failed writing file data/0")  # noqa: B904 -- as torch does
    except RuntimeError as error:
        return error


def hidden() -> Exception:
    try:
        try:
            raise full_disk()
        except OSError:
            raise ValueError("another matter") from None
    except ValueError as error:
        return error


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (full_disk, FailureKind.DISK),
        (lambda: OSError(errno.EDQUOT, "Disk quota exceeded"), FailureKind.DISK),
        (lambda: OSError(errno.EROFS, "Read-only file system"), FailureKind.DISK),
        (lambda: OSError(errno.EIO, "Input/output error"), FailureKind.DISK),
        (explicit, FailureKind.DISK),
        (implicit, FailureKind.DISK),
        (hidden, FailureKind.ERROR),
        (lambda: OSError(errno.EACCES, "Permission denied"), FailureKind.ERROR),
    ],
)
def test_a_full_disk_is_distinguished_from_full_memory_in_any_wrapper(make, kind):
    """A full disk raised a RuntimeError elsewhere, which looked like out of memory."""
    assert classify(make(), "train").kind is kind


class UnprintableError(Exception):
    """An exception whose message cannot be read."""

    def __str__(self) -> str:
        raise SystemExit(3)


class UnprintableCode:
    """An exit code that cannot be shown."""

    def __repr__(self) -> str:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (UnprintableError(), FailureKind.ERROR, "UnprintableError during train"),
        (RuntimeError("a\ud800b"), FailureKind.ERROR, "RuntimeError during train: ab"),
        (RuntimeError("x" * 10_000), FailureKind.ERROR, f"RuntimeError during train: {'x' * 299}…"),
        (SystemExit(0), FailureKind.PLUGIN, "a plugin called sys.exit(0) during train"),
        (SystemExit(UnprintableCode()), FailureKind.PLUGIN, "a plugin called sys.exit(…) during train"),
        (KeyboardInterrupt(), FailureKind.PLUGIN, "a plugin raised KeyboardInterrupt during train"),
        (GeneratorExit("early"), FailureKind.PLUGIN, "a plugin raised GeneratorExit: early during train"),
    ],
)
def test_any_error_of_a_plugin_becomes_a_sentence_that_can_be_stored(error, kind, message):
    failure = classify(error, "train")
    assert (failure.kind, failure.message) == (kind, message)
    assert json.loads(failure.model_dump_json()) == failure.model_dump(mode="json")


def test_a_cause_whose_message_cannot_be_read_leaves_a_traceback():
    error = RuntimeError("outer")
    error.__cause__ = UnprintableError()
    assert "RuntimeError: outer" in classify(error, "train").traceback
