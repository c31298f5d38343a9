"""Training on several devices: the trial's process starts the ranks, waits for them, and collects the result.

The trial's process itself does not train. It can therefore react to interrupts and to the death of a rank. When the
ranks are done, it loads their weights and continues as after any training.
"""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from harness.faults.errors import TrialError
from harness.networks.heads import find_head, freeze_all_but
from harness.records import store as files
from harness.records.history import read_history
from harness.records.record import FailureKind, Layout
from harness.system import oom_killer
from harness.system.atomic_files import write_json
from harness.system.process_exit import describe_status
from harness.training.checkpoints import TrainingStates
from harness.training.ema import load_tensors
from harness.training.loop import TrainingResult
from harness.trial.distributed.rank import RankAnswer, RankJob
from harness.trial.distributed.supervisor import RankExit, RankSupervisor, SupervisorLostError, answer_file
from harness.trial.resolved_trial import ResolvedTrial
from harness.trial.setup import TrainingSetup
from zoo.files.plain_files import FACTS, read_bytes

TIMEOUT_SECONDS = 600.0
"""Time that ranks wait for each other: far longer than anything that a rank does alone, such as saving a state."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RankGroupResult:
    """The outcome of training on several ranks."""

    training: TrainingResult
    """Result of rank 0; its rates cover all ranks together."""
    peak_memory_mib: float | None
    """Maximum peak memory of all ranks."""


class RankGroup:
    """The ranks that train a trial together.

    Args:
        supervisor: Starts the ranks.
        devices: Device of each rank.
        sources: Where the ranks look for plugins.
        scratch: Folder on this machine for passing jobs to the ranks; None: the system's temporary folder.
        timeout_seconds: Time that ranks wait for each other.
    """

    def __init__(
        self,
        supervisor: RankSupervisor,
        devices: tuple[str, ...],
        sources: Mapping[str, Any],
        *,
        scratch: Path | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self.devices = devices
        self._supervisor, self._sources, self._scratch = supervisor, dict(sources), scratch
        self._timeout_seconds = timeout_seconds

    def train(self, trial: ResolvedTrial, setup: TrainingSetup, folder: Path, *, layout: Layout) -> RankGroupResult:
        """Train the network of *setup* on all devices; it ends up on the CPU, with the weights to test.

        Args:
            folder: Folder of the trial. Training resumes from the state saved in it, and appends to its history.

        Raises:
            TrialError: As in :func:`harness.training.loop.train`; ``killed`` if a rank was killed, ``timeout`` if a
                rank did not answer the others.
        """
        setup.model.cpu()  # the ranks have their own networks, and need the memory
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        at_most: int | None = None
        while True:
            state = TrainingStates(folder).latest()
            rows = read_history(folder / files.HISTORY_FILE)
            job = RankJob(
                rank=0,
                devices=self.devices,
                meeting_place="",
                timeout_seconds=self._timeout_seconds,
                trial=trial,
                folder=str(folder),
                sources=self._sources,
                layout=layout,
                at_most=at_most,
                epochs_done=0 if state is None else state.epoch,
                epochs_told=max((row.get("epoch", 0) for row in rows if row.get("event") == "epoch"), default=0),
            )
            del state
            answers = self._run(job)
            refused = [answer.at_most for answer in answers if answer.at_most is not None]
            if not refused:
                break
            at_most = min(refused)  # all ranks start again, from the last saved state
        trained = answers[0].training
        assert trained is not None, "there is a result if nothing failed"
        load_tensors(setup.model, load_file(folder / files.CHECKPOINT_FILE))
        if setup.resolved.hp.freeze_backbone:
            freeze_all_but(setup.model, find_head(setup.model))
        peaks = [answer.peak_memory_mib for answer in answers if answer.peak_memory_mib is not None]
        return RankGroupResult(
            training=TrainingResult(**{**trained, "images_per_second": tuple(trained["images_per_second"])}),
            peak_memory_mib=max(peaks, default=None),
        )

    def _run(self, job: RankJob) -> list[RankAnswer]:
        """Run all ranks once, and return their answers if they succeeded or only ran out of memory."""
        with tempfile.TemporaryDirectory(prefix="ranks-", dir=self._scratch) as scratch:
            paths = [Path(scratch) / f"{rank}.json" for rank in range(len(self.devices))]
            meeting_place = str(Path(scratch) / "meeting")
            for rank, path in enumerate(paths):
                own = job.model_copy(update={"rank": rank, "meeting_place": meeting_place})
                write_json(path, own.model_dump(mode="json"))
            kills_before = oom_killer.count_kills()
            try:
                endings = self._supervisor.run(paths)
            except SupervisorLostError:
                message = "the process that supervises the ranks was killed, and the ranks with it"
                raise TrialError(FailureKind.KILLED, message) from None
            answers = [_read_answer(path) for path in paths]
        if any(answer.at_most is not None for answer in answers) or all(answer.training for answer in answers):
            return answers
        raise self._failure(endings, answers, kills_before)

    def _failure(
        self, endings: Sequence[RankExit], answers: Sequence[RankAnswer], kills_before: int | None
    ) -> TrialError:
        """Find the first failure, which caused all others because a rank that ends takes the others with it."""
        for rank, (ending, answer) in enumerate(zip(endings, answers, strict=True)):
            if ending.status < 0 and not ending.was_killed and answer.failure is None:
                by_memory = oom_killer.killed(ending.status, kills_before)
                kind = FailureKind.OOM if by_memory else FailureKind.KILLED
                how = describe_status(ending.status, out_of_memory=by_memory)
                hint = ""
                if ending.status == -signal.SIGABRT and self.devices[rank].startswith("cuda"):
                    # NCCL's watchdog aborts the process.
                    hint = f", as happens if another rank does not answer for {self._timeout_seconds:g} s (see log.txt)"
                return TrialError(kind, f"{self._name(rank)} ended with {how} during the training{hint}")
        failed = [answer for answer in answers if answer.failure is not None]
        silent = [
            rank
            for rank, (ending, answer) in enumerate(zip(endings, answers, strict=True))
            if ending.was_killed and answer.failure is None
        ]
        first = min(failed, key=lambda answer: answer.seconds, default=None)
        for rank, (ending, answer) in enumerate(zip(endings, answers, strict=True)):
            if not ending.was_killed and answer.failure is None and answer.training is None:
                message = f"{self._name(rank)} ended with {describe_status(ending.status)} and without an answer"
                return TrialError(FailureKind.PLUGIN, message)
        assert first is not None, "there are results if nothing failed"
        failure = first.failure
        assert failure is not None
        if silent and _is_timeout(failure.message):
            who = " and ".join(self._name(rank) for rank in silent)
            return TrialError(FailureKind.TIMEOUT, f"{who} did not answer the others for {self._timeout_seconds:g} s")
        where = self._name(answers.index(first))
        print(failure.traceback, flush=True)  # into the trial's log
        return TrialError(failure.kind, f"{failure.message} ({where})")

    def _name(self, rank: int) -> str:
        return f"process {rank + 1} of {len(self.devices)} ({self.devices[rank]})"


def _read_answer(path: Path) -> RankAnswer:
    with suppress(FileNotFoundError, ValueError):
        return RankAnswer.model_validate_json(read_bytes(answer_file(path), FACTS))
    return RankAnswer()


def _is_timeout(message: str) -> bool:
    return any(words in message.lower() for words in ("timed out", "timeout"))
