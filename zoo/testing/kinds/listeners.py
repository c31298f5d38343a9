"""Checks of listeners; the table in :mod:`zoo.testing.checks` gives their rationales."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from zoo.errors import PluginError, UsageError
from zoo.events import BenchEnded, BenchStarted, EpochEnded, Event, PhaseStarted, Progress, TrialEnded, TrialStarted
from zoo.listener import Listener
from zoo.testing.check_errors import CheckFailedError, NotApplicableError
from zoo.testing.global_state import require_no_side_effects
from zoo.testing.subjects import Subject


def opens_without_the_folder(subject: Subject[Listener]) -> None:
    with _store() as store:
        try:
            receive = _open(subject, store)
            for event in _events(store):
                if isinstance(event, TrialEnded):
                    store.mkdir(parents=True, exist_ok=True)  # at the latest, the first record is written there
                receive(event)
        except OSError as error:
            raise CheckFailedError(
                f"while the folder of records does not exist yet, it raises {type(error).__name__}: {error}"
            ) from error


def accepts_every_event(subject: Subject[Listener]) -> None:
    with _store() as store:
        store.mkdir(parents=True)
        for bench in ("the first bench", "a second bench on the same folder"):
            receive = _open(subject, store)
            for event in _events(store):
                try:
                    receive(event)
                except (Exception, SystemExit) as error:
                    raise CheckFailedError(
                        f"{type(event).__name__} of {bench}: {type(error).__name__}: {error}"
                    ) from error


def listener_has_no_side_effects(subject: Subject[Listener]) -> None:
    def receive_a_bench() -> None:
        with _store() as store:
            store.mkdir(parents=True)
            receive = _open(subject, store)
            for event in _events(store):
                receive(event)

    require_no_side_effects(receive_a_bench, "receiving the events of a bench")


@contextmanager
def _store() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="zoo-kit-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "runs"


def _open(subject: Subject[Listener], store: Path) -> Callable[[Event], None]:
    try:
        receive = subject.record.open(store)
    except (ImportError, UsageError, PluginError) as error:
        raise NotApplicableError(f"it cannot be opened here: {error}") from error
    if not callable(receive):
        raise CheckFailedError(f"open returned {type(receive).__name__}; expected a function")
    return receive


def _events(store: Path) -> Iterator[Event]:
    """Yield the events of a bench with a finished and a failed trial, with unusual numbers and names."""
    titles = ("net · digits · quick · seed 0", "[b]net[/b] · a/b:ü · =quick · seed 1")
    yield Progress(message="decoding digits", share=0.5)
    yield Progress(message="starting", share=None)
    yield BenchStarted(store=store, trials=tuple((f"t{number}", title) for number, title in enumerate(titles)))
    for number, title in enumerate(titles):
        yield TrialStarted(trial_id=f"t{number}", title=title, number=number + 1, total=2)
        for phase in ("build", "train", "test", "measure"):
            yield PhaseStarted(trial_id=f"t{number}", phase=phase)
            if phase == "train":
                yield from (_epoch(number, epoch) for epoch in (1, 2))
        yield TrialEnded(
            trial_id=f"t{number}",
            title=title,
            number=number + 1,
            total=2,
            outcome=("done", "failed")[number],
            reused=False,
            reason=("", "the training loss of epoch 2 is not finite")[number],
            record={
                "metrics": {"accuracy": {"value": 0.5, "version": 1}, "auc": {"value": None, "version": 1}},
                "spec": {"recipe": {"hyperparameters": {"lr": 0.1, "flip": True, "name": "x"}}},
                "seconds": {"total": 1.5},
            }
            if number == 0
            else {},
        )
    yield BenchEnded(counts={"done": 1, "failed": 1}, interrupted=True)


def _epoch(number: int, epoch: int) -> EpochEnded:
    return EpochEnded(
        trial_id=f"t{number}",
        epoch=epoch,
        epochs=2,
        train_loss=math.nan if number else 1.0 / epoch,
        train_accuracy=None if number else 0.5,
        val_loss=math.inf if number else 1.0,
        val_accuracy=0.5,
        lr=0.1,
        images_per_second=1000.0,
        seconds=0.1,
    )
