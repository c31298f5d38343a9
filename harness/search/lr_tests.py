"""Range tests of searches: trials that run before the others, in the same store, and find the range to search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.records.history import LR_TEST_EVENT, read_history
from harness.records.record import Outcome, Record
from harness.records.spec import LrTestSpec, TrialSpec
from harness.records.store import HISTORY_FILE, Store
from harness.search.lr_range import LrRange
from harness.search.objective import seconds_on_device
from harness.search.search import SEED, Search
from harness.search.space import LR
from zoo.errors import StoreError, ZooError


@dataclass(kw_only=True)
class LrTests:
    """Follows the range tests of several searches, see :class:`harness.bench.bench.Follow`."""

    searches: Sequence[Search]
    """Searches that have not begun."""
    store: Store
    """Store of their trials."""

    def __post_init__(self) -> None:
        self._places = [place for place, search in enumerate(self.searches) if search.space.wants_lr_test]
        self._records: dict[int, Record] = {}

    @property
    def specs(self) -> list[TrialSpec]:
        """The range tests, one for each search that begins with one."""
        return [
            range_test_of(self.searches[place].combination.spec, self.searches[place].repeat) for place in self._places
        ]

    @property
    def total(self) -> int:
        """Number of range tests."""
        return len(self._places)

    def begin(self, slots: int) -> list[TrialSpec]:
        """Return no further trials."""
        return []

    def __call__(self, number: int, record: Record) -> list[TrialSpec]:
        """Take the record of a range test, which no trial follows."""
        self._records[self._places[number - 1]] = record
        return []

    def results(self) -> list[Search]:
        """Return the searches with their ranges; one whose range test failed or has not run cannot go on."""
        found = list(self.searches)
        for place in self._places:
            found[place] = self._with_range(found[place], self._records.get(place))
        return found

    def _with_range(self, search: Search, record: Record | None) -> Search:
        test = f"the range test of {search.combination.title}"
        if record is None:
            return replace(search, problem=f"{test} has not run: run the same command again to continue")
        if record.outcome is not Outcome.DONE:
            return replace(search, problem=f"{test} failed (--retry runs it again): {record.reason}")
        path = self.store.folder(record.trial_id) / HISTORY_FILE
        measured = next((row for row in read_history(path) if row.get("event") == LR_TEST_EVENT), None)
        if measured is None:
            raise StoreError(f"{path} lacks the losses of the range test: remove its folder to have it run again")
        default = search.combination.hyperparameters.lr
        found = LrRange.of(search.combination.title, default, measured["lrs"], measured["losses"])
        try:
            space = search.space.with_lr_range(found.space.get(LR, ""))
        except ZooError as error:
            return replace(search, problem=f"{test} suggests nothing: {found.problem}; {error}")
        spec = LrTestSpec(suggestion=found.suggestion, problem=found.problem, seconds=seconds_on_device(record))
        return replace(search, space=space, lr_test=spec)


def range_test_of(spec: TrialSpec, repeat: int = 0) -> TrialSpec:
    """Return the range test of a combination, given one of its trials, for a repeat of its search.

    It has the seed of that search, so that it does not depend on those that winners are tested with.
    """
    changes = {"lr_test": True, "tests": False, "gpus_per_trial": 1, "compile": "off", "best_inference": False}
    execution = spec.execution.model_copy(update={**changes, "measure_seconds": 0.0, "looks": 1})
    return spec.model_copy(update={"execution": execution, "seed": SEED + repeat})


def lr_sentence(search: Search) -> str:
    """Return what the range test of a search found; empty if there was none, or the search cannot go on."""
    found = search.lr_test
    if found is None or search.problem:
        return ""
    title, searched = search.combination.title, search.space.texts()[LR]
    if found.suggestion is None:
        return f"{title}: the range test suggests no learning rate, because {found.problem}; searched: {searched}"
    return f"{title}: the range test suggests a learning rate of {found.suggestion:g}; searched: {searched}"
