"""Slots: how many trials run at a time on this machine, and what each of them may use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zoo.errors import UsageError

TRIAL_BYTES = 2**30
"""Upper bound of the memory of a trial of a small network: a third for torch, the rest for activations."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SlotRequest:
    """How many trials a user wants at a time, and where."""

    jobs: int | None = None
    """Trials at a time; None: one for each device, times ``jobs_per_device``, and on a CPU as many as fill it."""
    devices: tuple[int, ...] | None = None
    """Indices of the GPUs to use; empty: all; None: the one of ``--device``."""
    jobs_per_device: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """A place for one trial at a time."""

    devices: tuple[str, ...]
    """Devices of the trial: ``cpu``, ``mps``, or one ``cuda:N`` for each GPU that it uses."""
    sharing: int = 1
    """Number of slots with the same devices."""


def make_slots(
    request: SlotRequest, *, device: str, num_gpus: int, gpus_per_trial: int = 1, fill: int = 1
) -> list[Slot]:
    """Return the slots of this machine in the order of filling: the first of each device, then the second ones.

    Args:
        device: The resolved ``--device``: ``cpu``, ``mps`` or ``cuda:N``.
        num_gpus: Number of GPUs of this machine.
        gpus_per_trial: Number of GPUs per trial.
        fill: How many trials fill the CPU; see :func:`trials_that_fill`.

    Raises:
        UsageError: If the machine has no such device, or too few GPUs.
    """
    if not device.startswith("cuda"):
        if request.devices is not None:
            raise UsageError(f"--devices names GPUs, but this bench runs on {device}")
        jobs = request.jobs or (request.jobs_per_device if request.jobs_per_device > 1 else fill)
        return [Slot(devices=(device,), sharing=jobs)] * jobs
    groups = _groups(_gpus(request, device, num_gpus, gpus_per_trial), gpus_per_trial)
    most = len(groups) * request.jobs_per_device
    jobs = request.jobs or most
    if jobs > most:
        has = f"{len(groups)} GPU(s)" if gpus_per_trial == 1 else f"{len(groups)} group(s) of {gpus_per_trial} GPUs"
        needed = -(-jobs // len(groups))
        raise UsageError(
            f"--jobs {jobs}: {has} with {request.jobs_per_device} trial(s) on each take {most}; "
            f"--devices names more of them, --jobs-per-device {needed} lets trials share"
        )
    counts = [len(range(index, jobs, len(groups))) for index in range(len(groups))]
    return [Slot(devices=groups[number % len(groups)], sharing=counts[number % len(groups)]) for number in range(jobs)]


def trials_that_fill(*, trials: int, threads: int, wanted_threads: int | None, free_bytes: int | None) -> int:
    """Return how many trials at a time fill a CPU, assuming that each uses one thread.

    This is not too many, since trials with more threads wait for their cores (:mod:`harness.measuring.core_locks`).

    Args:
        trials: Number of trials of the bench.
        threads: Number of threads that the machine runs at a time.
        wanted_threads: Threads per trial as set by the user, if at all.
        free_bytes: Free memory; None: unknown, in which case one trial runs at a time.
    """
    room = 1 if free_bytes is None else free_bytes // TRIAL_BYTES
    return max(1, min(trials, threads // (wanted_threads or 1), room))


def threads_for(slots: int, *, wanted: int | None, available: int) -> int:
    """Return the number of CPU threads per trial: as set by the user, else an equal share."""
    return wanted or max(1, available // slots)


def _gpus(request: SlotRequest, device: str, num_gpus: int, gpus_per_trial: int) -> Sequence[int]:
    first = int(device.partition(":")[2] or 0)
    if request.devices is None:
        # Those after it, as far as what is asked for takes them.
        wanted = gpus_per_trial * -(-(request.jobs or 1) // request.jobs_per_device)
        return range(first, min(first + wanted, num_gpus))
    indices = request.devices or tuple(range(num_gpus))
    missing = [index for index in indices if index >= num_gpus]
    if missing:
        named = ", ".join(map(str, missing))
        raise UsageError(f"--devices {named}: this machine has {num_gpus} GPU(s), numbered from 0")
    return indices


def _groups(gpus: Sequence[int], size: int) -> list[tuple[str, ...]]:
    if len(gpus) < size:
        raise UsageError(f"--gpus-per-trial {size}: only {len(gpus)} GPU(s) are available")
    return [
        tuple(f"cuda:{gpu}" for gpu in gpus[start : start + size]) for start in range(0, len(gpus) - size + 1, size)
    ]
