"""Threads by work: small networks take one, and no other thing on the machine changes that."""

from __future__ import annotations

import pytest

from harness.planning.threads import MACS_PER_THREAD, threads_for_work


@pytest.mark.parametrize(
    ("macs", "batch_size", "expected"),
    [
        (420_000, 64, 1),  # LeNet-5 on CIFAR-10
        (41_000_000, 64, 7),  # ResNet-20 on CIFAR-10
        (1_800_000_000, 32, 16),  # ResNet-18 at 224 pixels
        (1, 1, 1),
        (0, 64, 1),
        (None, 64, 16),
    ],
)
def test_the_work_of_a_step_decides(macs: int | None, batch_size: int, expected: int) -> None:
    assert threads_for_work(macs, batch_size, available=16) == expected


def test_there_are_never_more_than_available() -> None:
    assert threads_for_work(10**12, 128, available=2) == 2
    assert threads_for_work(None, 128, available=1) == 1


def test_a_thread_is_added_when_its_work_is_whole() -> None:
    assert threads_for_work((2 * MACS_PER_THREAD - 3) // 3, 1, available=8) == 1
    assert threads_for_work(2 * MACS_PER_THREAD, 1, available=8) == 6
