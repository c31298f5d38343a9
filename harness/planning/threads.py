"""Threads: how many CPU threads a trial computes with, by the work of a training step."""

from __future__ import annotations

MACS_PER_THREAD = 1_000_000_000
"""Multiply-accumulates of a training step that make a thread worth having. Threads wait for each other some hundred
times a step; with less work than this, a second core saves little and is lost on a machine that does other work."""

PASSES_PER_STEP = 3
"""A training step costs about as much as three forward passes: the backward pass computes two gradients."""


def threads_for_work(macs: int | None, batch_size: int, *, available: int) -> int:
    """Return how many threads a network trains with.

    It depends on the network, the batch and the machine alone, never on what else runs, so that a trial gives the same
    bits beside others as alone.

    Args:
        macs: Multiply-accumulates of the forward pass of one image; None: not known, and all threads are used.
        batch_size: Number of images in a step.
        available: The most threads: the cores that a trial may use.
    """
    if macs is None:
        return available
    return max(1, min(available, PASSES_PER_STEP * macs * batch_size // MACS_PER_THREAD))
