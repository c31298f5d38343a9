"""Jobs: what a child process does. In: one JSON file. Out: files and an exit status. Nothing is unpickled.

A job's file names its kind, where plugins come from, and where to write. The child leads a process group of its own,
so that a Ctrl-C at the terminal reaches only the bench, which then decides; it dies when the bench dies.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import multiprocessing
import multiprocessing.util
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from harness.system.descendants import adopt_orphans, end_descendants
from harness.system.process_exit import die_with_parent
from zoo.calling.interruption import INTERRUPTION
from zoo.errors import ManyErrors, ZooError
from zoo.loading import Sources, build_catalog

EXIT_BUSY = 75
"""Another process runs this trial (EX_TEMPFAIL of sysexits.h)."""

EXIT_UNWRITABLE = 74
"""Exit status if the files of the trial could not be written (EX_IOERR of sysexits.h)."""

UNWRITABLE = "the trial's files cannot be written"
"""Begins the last line that a process with that status prints."""
CLOSED = "a plugin closed files that the trial had open"
"""Begins it instead if no disk is at fault."""

RESULT_FILE = "result.json"


def run_job(job_file: str) -> NoReturn:
    """Do the job that *job_file* describes, and end the process."""
    job = json.loads(Path(job_file).read_bytes())
    os.environ.update(job.get("variables", {}))
    _become_leader()
    die_with_parent()
    _let_server_end()
    _redirect_output(Path(job["log"]))
    # Each request raises, until the job heeds one: a plugin's code may catch it, and the bench then asks again.
    INTERRUPTION.listen(signal.SIGTERM, signal.SIGINT)
    if hasattr(signal, "pthread_sigmask"):  # blocked while a fork server started
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))
    adopt_orphans()
    status = _KINDS[job["kind"]](job)
    _release_semaphores()
    end_descendants(os.getpid())
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: a plugin's threads and exit handlers must not keep a finished job alive.
    os._exit(status)


def _probe(job: dict[str, Any]) -> int:
    from harness.measuring.environment import check_compile, count_gpus, describe, resolve_device, resolve_precision

    def probe() -> dict[str, Any]:
        device = resolve_device(job["device"])
        precision = resolve_precision(job["precision"], device)
        check_compile(job.get("compile", "off"), device)
        return {
            "device": device,
            "precision": precision,
            "num_gpus": count_gpus(),
            "environment": describe(device, job["threads"]),
        }

    return _answer(job, probe)


def _prepare(job: dict[str, Any]) -> int:
    from pydantic import TypeAdapter

    from harness.data.image_shape import Wanted
    from harness.data.prepare import prepare_data
    from harness.data.settings import DataSettings
    from harness.records.history import HistoryWriter
    from harness.records.spec import DatasetSpec

    spec = DatasetSpec.model_validate(job["dataset"])
    history = HistoryWriter(Path(job["history"]))

    def report(message: str, share: float | None) -> None:
        history.write({"event": "progress", "message": message, "share": share})

    def prepare() -> dict[str, Any]:
        entry = build_catalog(Sources(**job["sources"])).datasets.get(spec.full_name)
        prepared = prepare_data(
            entry.record,
            spec,
            DataSettings(
                data_root=Path(job["data_root"]),
                cache=Path(job["cache"]),
                download=job["download"],
                cache_limit=job.get("cache_limit"),
            ),
            report=report,
            wanted=TypeAdapter(Wanted | None).validate_python(job.get("wanted")),
        )
        return prepared.model_dump(mode="json")

    return _answer(job, prepare)


def _trial(job: dict[str, Any]) -> int:
    from harness.system.malloc import keep_freed_memory
    from harness.trial.distributed.rank import run_rank
    from harness.trial.distributed.supervisor import RankSupervisor
    from harness.trial.job import TrialJob
    from harness.trial.trial import run_trial

    # First of all: it is a copy of this process as it is now, with no device in use.
    supervisor = RankSupervisor(run_rank) if _takes_several_devices(job) else None

    keep_freed_memory()
    catalog = build_catalog(Sources(**job["sources"]))
    trial_job = TrialJob.model_validate(job["trial"])
    ranks = None
    if supervisor is not None:
        from harness.trial.distributed.devices import rank_devices
        from harness.trial.distributed.multi_gpu import RankGroup

        execution = trial_job.trial.spec.execution
        devices = trial_job.devices or rank_devices(execution.device, execution.gpus_per_trial)
        ranks = RankGroup(supervisor, devices, job["sources"])
    try:
        return 0 if run_trial(trial_job, catalog, ranks) else EXIT_BUSY
    except OSError as error:  # of the trial's own files: what its plugins raise is in its record
        print(f"{CLOSED if error.errno == errno.EBADF else UNWRITABLE}: {error}", file=sys.stderr)
        return EXIT_UNWRITABLE
    finally:
        if supervisor is not None:
            supervisor.close()


def _takes_several_devices(job: dict[str, Any]) -> bool:
    return int(job["trial"]["trial"]["spec"]["execution"].get("gpus_per_trial", 1)) > 1


def _call(job: dict[str, Any]) -> int:
    """Call what the starter of the job names: nothing here knows of the rooms above."""
    module, _, name = job["function"].partition(":")
    function = getattr(importlib.import_module(module), name)
    return _answer(job, lambda: function(**job["arguments"]))


_KINDS = {"probe": _probe, "prepare": _prepare, "trial": _trial, "call": _call}


def _answer(job: dict[str, Any], work: Any) -> int:
    """Write what *work* returns, or the sentences of what it raises, as the job's result."""
    from harness.system.atomic_files import write_json

    try:
        answer = {"value": work()}
    except ManyErrors as errors:
        answer = {"errors": [str(error) for error in errors.errors]}
    except ZooError as error:
        answer = {"errors": [str(error)]}
    write_json(Path(job["result"]), answer)
    return 0


def _let_server_end() -> None:
    """Close this process's end of the pipe that keeps the fork server alive: what a plugin forks would inherit it."""
    server = getattr(sys.modules.get("multiprocessing.forkserver"), "_forkserver", None)
    kept = getattr(server, "_forkserver_alive_fd", None)
    if server is not None and kept is not None and getattr(server, "_forkserver_pid", None) is None:
        os.close(kept)
        server._forkserver_alive_fd = None


def _become_leader() -> None:
    if hasattr(os, "setsid"):
        with contextlib.suppress(PermissionError):  # it leads a group already
            os.setsid()


def _release_semaphores() -> None:
    """Give named semaphores back, as a process that exits by the usual way does: else Python warns that they leak.

    The compiler makes some. Other exit handlers are left alone: a plugin's could keep a finished job alive.
    """
    synchronize = sys.modules.get("multiprocessing.synchronize")
    if synchronize is None:
        return
    with contextlib.suppress(AttributeError, OSError):  # Python's own business, done only as long as it is like this
        cleanup = synchronize.SemLock._cleanup
        for finalizer in list(multiprocessing.util._finalizer_registry.values()):  # type: ignore[attr-defined]
            if finalizer._callback is cleanup:
                finalizer()


def _redirect_output(log: Path) -> None:
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(handle, stream)
    os.close(handle)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
