"""Searches side by side: what a bench runs, trial after trial, and what it is told of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.records.record import Outcome, Record
from harness.records.spec import TrialSpec
from harness.records.store import CHECKPOINT_FILE, Store
from harness.records.study_file import StudyFile, read_study, study_path, write_study
from harness.search.objective import result_of
from harness.search.search import Search, Tried
from harness.system.atomic_files import writing
from zoo.errors import StoreError
from zoo.space import values_text


class Searches:
    """Follows the trials of several searches, see :class:`harness.bench.bench.Follow`.

    Args:
        searches: The searches, which have not begun.
        store: Store of their trials.
        tell: Takes a sentence for each result.
        open_width: Whether searches without a file yet run as many trials at a time as fill the slots, whose number is
            known only after the bench has connected to its machines.
    """

    def __init__(
        self, searches: Sequence[Search], store: Store, tell: Callable[[str], None], *, open_width: bool = False
    ) -> None:
        self._searches, self._store, self._tell = searches, store, tell
        self._open_width = open_width
        self._repeats = 1 + max((search.repeat for search in searches), default=0)
        self._handed_out: list[tuple[Search, Tried]] = []
        """Search and trial by the number of the trial in the bench, less one."""
        self._earlier: dict[Path, StudyFile | None] = {}
        """What earlier benches have written of the searches."""

    @property
    def total(self) -> int:
        """Number of trials that are expected in all; one that pauses and goes on counts once."""
        return sum(map(_expected, self._searches))

    def first(self) -> list[TrialSpec]:
        """Return the trials to begin with."""
        return [spec for search in self._searches for spec in self._due(search)]

    def begin(self, slots: int) -> list[TrialSpec]:
        """Return the trials that fill the rest of the slots, whose number may not have been known before."""
        if self._open_width:
            for search in self._searches:
                if not study_path(self._store.root, search.key, search.repeat).exists():
                    search.at_a_time = max(1, -(-slots // len(self._searches)))
        specs = self.first()
        for search in self._searches:
            self._write(search)  # how many trials may run at a time is settled by now, for all times
        return specs

    def __call__(self, number: int, record: Record) -> list[TrialSpec]:
        """Take the record of a trial, and return the trials that follow."""
        search, tried = self._handed_out[number - 1]
        folder = self._store.folder(record.trial_id)
        search.take(tried.number, result_of(record, folder, pause_after=tried.pause_after), record.trial_id)
        if record.outcome is Outcome.DONE:
            with contextlib.suppress(OSError):  # the winner is trained anew; only space is lost
                (folder / CHECKPOINT_FILE).unlink(missing_ok=True)
        due = self._due(search)
        self._write(search)
        if tried.result is not None:
            self._tell(_sentence(search, tried, self._repeats))
        if search.is_over:
            for each in search.tried:  # states of trials that were stopped early
                if each.trial_id:
                    self._store.remove_states(each.trial_id)
        return due

    def _write(self, search: Search) -> None:
        path, file = study_path(self._store.root, search.key, search.repeat), search.file()
        if path not in self._earlier:
            self._earlier[path] = _read(path)
        earlier = self._earlier[path]
        if earlier is not None and earlier.goes_on_from(file):
            return  # a row with a larger budget needs the rest of it
        with writing(path):
            write_study(path, file)

    def _due(self, search: Search) -> list[TrialSpec]:
        found = search.due()
        self._handed_out += [(search, each) for each in found]
        return [each.spec for each in found if each.spec is not None]


def _read(path: Path) -> StudyFile | None:
    with contextlib.suppress(StoreError):  # a damaged one is written again
        return read_study(path)
    return None


def _expected(search: Search) -> int:
    """Return how many trials of a search are run: those with the settings of an earlier one are not."""
    num_shared = sum(each.spec is None or each.same_as is not None for each in search.tried)
    most = len(search.tried) if search.is_over else max(search.budget.trials or 0, len(search.tried))
    return most - num_shared


def _sentence(search: Search, tried: Tried, repeats: int) -> str:
    """Return a sentence about the result of a trial, in one of several searches if a row has them."""
    result, best = tried.result, search.best()
    assert result is not None
    of = f" of 0–{search.budget.trials - 1}" if search.budget.trials else ""
    which = f"search {search.repeat + 1} of {repeats}, trial" if repeats > 1 else "search trial"
    settings = values_text(tried.values) or "the recipe's settings"
    gave = f"validation accuracy {result.value:.2%}" if result.is_done and result.value is not None else result.outcome
    text = f"{search.combination.title}: {which} {tried.number}{of}: {gave} with {settings}"
    if best is not None and best is not tried and best.result is not None and best.result.value is not None:
        text += f"; best so far {best.result.value:.2%} in trial {best.number}"
    return text
