"""The process of a rank: builds the trial's network and trains it together with the other ranks.

Input is a JSON file; output is an answer beside it. Rank 0 also writes the history, training states and weights to the
trial's folder, as in any training.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from harness.records.record import Failure, Layout
from harness.records.spec import FrozenModel
from harness.system.atomic_files import write_json
from harness.trial.distributed.supervisor import answer_file
from harness.trial.resolved_trial import ResolvedTrial


class RankJob(FrozenModel):
    """The task of a rank."""

    rank: int
    devices: tuple[str, ...]
    """Devices of all ranks, in order."""
    meeting_place: str
    """Path of a new file on this machine through which the ranks find each other."""
    timeout_seconds: float
    """Time that ranks wait for each other."""
    trial: ResolvedTrial
    folder: str
    """Folder of the trial."""
    sources: dict[str, Any]
    """Fields of :class:`zoo.loading.Sources`: where to load plugins from."""
    layout: Layout
    at_most: int | None = None
    """Images at a time for which memory was sufficient; None: unknown."""
    epochs_done: int = 0
    """Number of epochs in the saved state to resume from; 0: there is none."""
    epochs_told: int = 0
    """Number of epochs with a row in the history."""


class RankAnswer(FrozenModel):
    """The answer of a rank."""

    training: dict[str, Any] | None = None
    """Fields of :class:`harness.training.loop.TrainingResult` if the training succeeded."""
    peak_memory_mib: float | None = None
    failure: Failure | None = None
    at_most: int | None = None
    """If memory ran out: images at a time to try next."""
    seconds: float = 0.0
    """Time of writing, by a clock that all processes on a machine share."""


def run_rank(file: str) -> None:
    """Run the job in *file*.

    Raises:
        Exception: The error of the training, which the answer describes as well.
    """
    from harness.faults.failures import classify
    from harness.training.distributed.ranks import MemoryRefusedError

    path = Path(file)
    try:
        answer = _train(RankJob.model_validate_json(path.read_bytes()))
    except BaseException as error:
        at_most = error.at_most if isinstance(error, MemoryRefusedError) else None
        answer = RankAnswer(failure=classify(error, "train"), at_most=at_most)
        raise
    finally:
        # The file is renamed into place, so that it is never read half-written.
        write_json(answer_file(path), answer.model_copy(update={"seconds": time.monotonic()}).model_dump(mode="json"))


def _train(job: RankJob) -> RankAnswer:
    import torch

    from harness.batches.forward_settings import ForwardSettings
    from harness.data.images import TrialImages
    from harness.measuring.device_lock import DeviceSharing, device_name
    from harness.measuring.environment import available_threads
    from harness.measuring.peak_memory import PeakMemory
    from harness.measuring.timer import synchronize
    from harness.records import store as files
    from harness.records.history import HistoryWriter
    from harness.system.malloc import keep_freed_memory
    from harness.training.checkpoints import TrainingStates, save_weights
    from harness.training.distributed.ranks import ManyRanks
    from harness.training.loop import EpochResult, TrainingHooks, train
    from harness.training.precision import fastest_kernels
    from harness.training.state import TrainingState
    from harness.trial.setup import make_setup
    from zoo.loading import Sources, build_catalog

    keep_freed_memory()
    device = torch.device(job.devices[job.rank])
    execution = job.trial.spec.execution
    assert execution.precision != "auto", "the bench resolves the precision"
    if device.type == "cuda":
        torch.cuda.set_device(device)
    # The ranks share the trial's threads.
    torch.set_num_threads(max(1, (execution.threads or available_threads()) // len(job.devices)))
    _meet(job, device)
    setup = make_setup(job.trial.spec, job.trial.prepared, build_catalog(Sources(**job.sources)))
    memory = PeakMemory(device)
    folder = Path(job.folder)
    states = TrainingStates(folder)
    state = states.latest() if job.epochs_done else None
    assert (0 if state is None else state.epoch) == job.epochs_done, "all ranks resume from the same state"

    leads = job.rank == 0
    history = HistoryWriter(folder / files.HISTORY_FILE)
    unsaved: list[TrainingState] = []

    def emit(epoch: EpochResult) -> None:
        if epoch.epoch > job.epochs_told:
            history.write({"event": "epoch", **asdict(epoch)})
        states.save(unsaved.pop())

    # Only rank 0 gives way, and the others wait for it, because two ranks that give way could deadlock.
    sharing = DeviceSharing(
        device_name(str(device)),
        synchronize=lambda: synchronize(device),
        tell=lambda waits: history.write({"event": "waits" if waits else "waited"}),
    )
    with sharing.joined() if leads else nullcontext(), fastest_kernels(device):
        trained = train(
            setup.model,
            TrialImages(job.trial.prepared),
            setup.resolved,
            ForwardSettings(
                device=device,
                normalization=setup.normalization,
                precision=execution.precision,
                channels_last=job.layout == "channels_last",
            ),
            seed=job.trial.spec.seed,
            hooks=TrainingHooks(
                emit=emit, save=unsaved.append, give_way=sharing.give_way, pause_after=execution.pause_after
            )
            if leads
            else TrainingHooks(pause_after=execution.pause_after),
            state=state,
            ranks=ManyRanks(device, at_most=job.at_most),
        )
    if leads:
        save_weights(folder, setup.model)
    return RankAnswer(training=asdict(trained), peak_memory_mib=memory.mib())


def _meet(job: RankJob, device: Any) -> None:
    """Connect the ranks. They are on one machine, so no data leave the machine."""
    import os
    import sys

    import torch.distributed

    loopback = "lo0" if sys.platform == "darwin" else "lo"
    os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback)
    os.environ.setdefault("NCCL_SOCKET_IFNAME", loopback)
    is_cuda = device.type == "cuda"
    torch.distributed.init_process_group(
        "nccl" if is_cuda else "gloo",
        # Not through a file:// URL, which cannot express every path.
        store=torch.distributed.FileStore(job.meeting_place, len(job.devices)),  # type: ignore[attr-defined]
        rank=job.rank,
        world_size=len(job.devices),
        timeout=timedelta(seconds=job.timeout_seconds),
        device_id=device if is_cuda else None,
    )
