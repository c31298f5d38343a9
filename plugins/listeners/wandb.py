"""A listener that writes runs for Weights & Biases, offline unless asked otherwise (extra ``zoobench[wandb]``).

Each trial has one run, in ``wandb`` beside the records; ``wandb sync`` sends them. ``WANDB_MODE=online`` sends them at
once, and ``WANDB_PROJECT`` names the project, else ``zoo``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from plugins.listeners._following import Follower, missing
from plugins.listeners._ledger import LedgerRun
from zoo.events import Event
from zoo.hookspecs import hookimpl
from zoo.listener import Listener
from zoo.names import short_hash

FOLDER = "wandb"


@hookimpl
def zoo_listeners() -> Iterator[Listener]:
    """Yield ``wandb``."""
    yield Listener(
        name="wandb",
        libraries=("wandb",),
        open=open_wandb,
        summary=f"log a run for each trial to {FOLDER}, offline unless $WANDB_MODE says so (extra: zoobench[wandb])",
    )


def open_wandb(store: Path) -> Callable[[Event], None]:
    """Return a function that writes the events of a bench for Weights & Biases.

    Raises:
        PluginError: If the library is not installed.
    """
    try:
        import wandb
    except ImportError as error:
        raise missing("wandb") from error
    root = (store / FOLDER).absolute()
    ledgers = root / "ledgers"
    ledgers.mkdir(parents=True, exist_ok=True)

    def open_run(trial: str, title: str, running: bool) -> LedgerRun:
        def begin(parameters: Mapping[str, Any]) -> _WandbRun:
            run = wandb.init(
                project=os.environ.get("WANDB_PROJECT") or "zoo",
                mode=os.environ.get("WANDB_MODE") or "offline",
                id=short_hash(f"{store.absolute()}/{trial}", 16),
                resume="allow",
                name=title,
                dir=str(root.parent),  # it makes a folder wandb there
                config=dict(parameters),
                settings=wandb.Settings(silent=True, console="off", disable_git=True, disable_code=True),
            )
            return _WandbRun(run)

        return LedgerRun(ledgers / f"{trial}.json", store / trial / "spec.json", begin)

    return Follower(store, lock_of=lambda trial: ledgers / f"{trial}.lock", open_run=open_run)


class _WandbRun:
    def __init__(self, run: Any) -> None:
        self._run = run
        self._code = 0

    def log(self, values: Mapping[str, float], step: int) -> None:
        self._run.log(dict(values), step=step)

    def end(self, results: Mapping[str, Any], parameters: Mapping[str, Any], *, is_done: bool) -> None:
        self._run.config.update(dict(parameters), allow_val_change=True)
        self._run.summary.update(dict(results))
        self._code = 0 if is_done else 1

    def close(self) -> None:
        self._run.finish(exit_code=self._code)
