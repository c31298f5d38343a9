"""A listener that writes runs for trackio on this machine (extra ``zoobench[trackio]``).

Each trial has one run of the project ``TRACKIO_PROJECT``, else ``zoo``, where trackio keeps its runs; ``trackio show``
opens them. Which points were written is kept in ``trackio`` beside the records.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from plugins.listeners._following import Follower, missing
from plugins.listeners._ledger import LedgerRun
from zoo.events import Event
from zoo.hookspecs import hookimpl
from zoo.listener import Listener

FOLDER = "trackio"


@hookimpl
def zoo_listeners() -> Iterator[Listener]:
    """Yield ``trackio``."""
    yield Listener(
        name="trackio",
        libraries=("trackio",),
        open=open_trackio,
        summary="log a run for each trial to trackio on this machine (extra: zoobench[trackio])",
    )


def open_trackio(store: Path) -> Callable[[Event], None]:
    """Return a function that writes the events of a bench for trackio.

    Raises:
        PluginError: If the library is not installed.
    """
    try:
        import trackio
    except ImportError as error:
        raise missing("trackio") from error
    ledgers = (store / FOLDER).absolute()
    ledgers.mkdir(parents=True, exist_ok=True)

    def open_run(trial: str, title: str, running: bool) -> LedgerRun:
        def begin(parameters: Mapping[str, Any]) -> _TrackioRun:
            # It prints where runs are, and standard output belongs to the table of results.
            with contextlib.redirect_stdout(sys.stderr):
                run = trackio.init(
                    project=os.environ.get("TRACKIO_PROJECT") or "zoo",
                    name=trial,
                    resume="allow",
                    config={"title": title, **parameters},
                    embed=False,
                    auto_log_gpu=False,
                    auto_log_cpu=False,
                )
            return _TrackioRun(run, trackio.finish)

        return LedgerRun(ledgers / f"{trial}.json", store / trial / "spec.json", begin)

    return Follower(store, lock_of=lambda trial: ledgers / f"{trial}.lock", open_run=open_run)


class _TrackioRun:
    def __init__(self, run: Any, finish: Callable[[], None]) -> None:
        self._run = run
        # The library's own function: it also forgets the run, which it would otherwise finish once more at the end.
        self._finish = finish

    def log(self, values: Mapping[str, float], step: int) -> None:
        self._run.log(dict(values), step=step)

    def end(self, results: Mapping[str, Any], parameters: Mapping[str, Any], *, is_done: bool) -> None:
        """Do nothing: results were logged, and parameters given when the run began."""

    def close(self) -> None:
        with contextlib.redirect_stdout(sys.stderr):
            self._finish()
