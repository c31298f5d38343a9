"""The progress of a bench as plain lines, for logs and pipes: the start, some epochs and the end of each trial."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from zoo.api.display.progress import BenchState, ExpectedTimes, accuracy_of
from zoo.events import BenchEnded, BenchStarted, EpochEnded, Event, Progress, TrialEnded, TrialStarted
from zoo.text import clean, duration, plural

EPOCH_LINES = 10
"""Maximum number of lines for the epochs of a trial, unless they are slow."""
PATIENCE_SECONDS = 30.0
"""Time without a line after which the next epoch gets one."""


class Lines:
    """Writes a line for each important event."""

    def __init__(
        self,
        write: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        *,
        expected: ExpectedTimes | None = None,
    ) -> None:
        self._write = write
        self._clock = clock
        self._last = clock()
        self._last_message = ""
        self._told: dict[str, int] = {}
        """Last epoch of each trial that events have told of: one that goes on tells of its earlier epochs again."""
        self._state = BenchState(clock, expected=expected)

    def __call__(self, event: Event) -> None:
        """Handle an event."""
        started = {key: trial.since for key, trial in self._state.running.items()}
        self._state.handle(event)
        if isinstance(event, BenchStarted):
            self._say(f"{plural(len(event.trials), 'trial')}, records in {event.store}")
        elif isinstance(event, Progress):
            if event.message != self._last_message:  # shares alone make no new line
                self._say(event.message)
            self._last_message = event.message
        elif isinstance(event, TrialStarted):
            self._say(f"{_place(event)} {event.title}")
        elif isinstance(event, EpochEnded):
            if event.epoch > self._told.get(event.trial_id, 0):
                self._told[event.trial_id] = event.epoch
                self._say_epoch(event)
        elif isinstance(event, TrialEnded):
            self._say_end(event, self._clock() - started.get(event.trial_id, self._clock()))
        elif isinstance(event, BenchEnded):
            counts = ", ".join(f"{count} {outcome}" for outcome, count in event.counts.items())
            ending = "interrupted" if event.interrupted else "finished"
            taken = duration(self._state.round_seconds)
            if self._state.num_rounds > 1:
                taken += f" ({duration(self._state.elapsed)} in all)"
            self._say(f"{ending} after {taken}: {counts or 'no trials'}")

    def note(self, sentence: str) -> None:
        """Write a sentence that does not belong to a trial."""
        self._say(f"zoo: {sentence}")

    def close(self) -> None:
        """Nothing is held open."""

    def _say_epoch(self, event: EpochEnded) -> None:
        step = math.ceil(event.epochs / EPOCH_LINES)
        due = event.epoch % step == 0 or event.epoch == event.epochs
        if not due and self._clock() - self._last < PATIENCE_SECONDS:
            return
        trial = self._state.running.get(event.trial_id)
        place = f"[{trial.number}/{self._state.total}]" if trial else ""
        width = len(str(event.epochs))
        self._say(
            f"{place}   epoch {event.epoch:>{width}}/{event.epochs}  loss {event.train_loss:.4f}  "
            f"val loss {event.val_loss:.4f}  val accuracy {event.val_accuracy:.2%}  "
            f"{event.images_per_second:,.0f} images/s"
        )

    def _say_end(self, event: TrialEnded, seconds: float) -> None:
        accuracy = accuracy_of(event)
        parts = [_place(event), _outcome(event) if event.outcome != "done" or accuracy is None else ""]
        if event.outcome == "done" and accuracy is not None:
            parts.append(f"accuracy {accuracy:.2%}")
        if event.reused:
            parts += ["reused:", event.title]
        else:
            parts.append(f"after {duration(seconds)}")
        line = " ".join(part for part in parts if part)
        goes_on = event.outcome != "interrupted" and len(self._state.ended) < self._state.total
        left = self._state.time_left() if goes_on else None
        if event.reason:
            line += f": {event.reason}"
        if left is not None and not event.reused:
            line += f" ({left.words} {duration(left.seconds)} left)"
        self._say(line)

    def _say(self, line: str) -> None:
        self._last = self._clock()
        self._write(clean(line))


def _outcome(event: TrialEnded) -> str:
    """Return how a trial ended; that of a search may have paused."""
    execution = (event.record.get("spec") or {}).get("execution") or {}
    paused = execution.get("pause_after")
    return f"paused at epoch {paused}" if event.outcome == "done" and paused else event.outcome


def _place(event: TrialStarted | TrialEnded) -> str:
    return f"[{event.number}/{event.total}]"
