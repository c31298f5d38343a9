"""Kinds of failure: a full disk is told from whatever it looks like."""

from __future__ import annotations

import errno

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
        (explicit, FailureKind.DISK),
        (implicit, FailureKind.DISK),
        (hidden, FailureKind.ERROR),
        (lambda: OSError(errno.EACCES, "Permission denied"), FailureKind.ERROR),
    ],
)
def test_a_full_disk_is_told_from_a_full_memory_however_it_was_wrapped(make, kind):
    """A full disk raised a RuntimeError elsewhere, which looked like out of memory."""
    assert classify(make(), "train").kind is kind
