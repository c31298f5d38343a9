"""Which trials are handed out when, and what becomes of those that another process holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.bench import dispatcher
from harness.bench.crashes import crash_record
from harness.bench.dispatcher import Dispatcher
from harness.bench.local_trials import TrialOver
from harness.bench.settings import BenchSettings, RunLimits
from harness.records.record import Record
from harness.records.spec import ArchitectureSpec, DatasetSpec, ExecutionSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.records.store import Store, write_record
from harness.system.interrupts import Interrupts
from harness.trial.resolved_trial import ResolvedTrial
from zoo.events import Event, TrialEnded, TrialStarted

MakeTrials = Callable[[int], list[ResolvedTrial]]


@pytest.fixture
def make_trials(make_data) -> MakeTrials:  # type: ignore[no-untyped-def]
    data, provider = make_data(), ProviderSpec(plugin="toys")

    def make(count: int) -> list[ResolvedTrial]:
        specs = [
            TrialSpec(
                architecture=ArchitectureSpec(full_name="toys/net", display_name="net", provider=provider),
                dataset=DatasetSpec(full_name="toys/set", display_name="set", provider=provider),
                recipe=RecipeSpec(
                    full_name="toys/quick", display_name="quick", provider=provider, hyperparameters={"batch_size": 8}
                ),
                seed=seed,
                execution=ExecutionSpec(device="cpu", precision="fp32", threads=1),
            )
            for seed in range(count)
        ]
        return [
            ResolvedTrial(spec=spec, result_key=f"{spec.seed:064x}"[::-1], prepared=data, number=spec.seed + 1)
            for spec in specs
        ]

    return make


class QuickTrials:
    """Runs trials that end at once, in the order of their starts; another process holds those in *held* at first."""

    def __init__(self, room: int, held: Sequence[int] = ()) -> None:
        self.room, self.held = room, list(held)
        self.running: list[ResolvedTrial] = []
        self.started: list[int] = []
        self.most_running = 0
        self.killed = False

    def has_room(self) -> bool:
        return len(self.running) < self.room

    def is_idle(self) -> bool:
        return not self.running

    def capacity(self) -> int:
        return self.room

    def start(self, trial: ResolvedTrial, before: Record | None, companions: Sequence[ResolvedTrial] = ()) -> None:
        self.running.append(trial)
        self.started.append(trial.number)
        self.most_running = max(self.most_running, len(self.running))

    def poll(self, seconds: float) -> Iterator[Event | TrialOver]:
        if not self.running:
            return
        trial = self.running.pop(0)
        if trial.number in self.held:
            self.held.remove(trial.number)
            yield TrialOver(trial=trial, record=None)
        else:
            yield TrialOver(trial=trial, record=ended(trial), seconds=1.0)

    def stop(self) -> None:
        self.running.clear()

    def kill(self) -> None:
        self.killed = True
        self.running.clear()


def ended(trial: ResolvedTrial) -> Record:
    return crash_record(trial, status=1, seconds=1.0)


def dispatch(
    trials: QuickTrials, store: Path, waiting: list[ResolvedTrial], **changes: Any
) -> tuple[Dispatcher, list[Event]]:
    events: list[Event] = []
    settings = BenchSettings(limits=changes.pop("limits", RunLimits()))
    given = {"in_order": list, "total": lambda: len(waiting), "more": lambda number, record: [], **changes}
    emit = given.pop("emit", events.append)
    made = Dispatcher(Store(store), trials, emit, given.pop("interrupts", Interrupts()), settings, **given)
    made.run(waiting)
    return made, events


def test_as_many_trials_run_as_there_is_room_for_and_all_get_a_record(make_trials: MakeTrials, tmp_path: Path) -> None:
    trials = QuickTrials(2)
    made, events = dispatch(trials, tmp_path, make_trials(5))
    assert (trials.started, trials.most_running) == ([1, 2, 3, 4, 5], 2)
    assert sorted(made.records) == [1, 2, 3, 4, 5]
    started = [event for event in events if isinstance(event, TrialStarted)]
    assert [(event.number, event.total) for event in started] == [(number, 5) for number in range(1, 6)]


def test_a_trial_with_a_record_is_reused_and_makes_no_other_wait(make_trials: MakeTrials, tmp_path: Path) -> None:
    first, second = make_trials(2)
    folder = tmp_path / first.trial_id
    folder.mkdir()
    write_record(folder, ended(first))
    trials = QuickTrials(1)
    made, events = dispatch(trials, tmp_path, [first, second])
    assert trials.started == [2]
    assert {number: record.trial_id for number, record in made.records.items()} == {
        1: first.trial_id,
        2: second.trial_id,
    }
    assert [event.reused for event in events if isinstance(event, TrialEnded)] == [True, False]


def test_a_trial_that_another_process_holds_is_asked_for_again_after_a_while(
    make_trials: MakeTrials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]

    def tick() -> float:
        now[0] += 0.3
        return now[0]

    monkeypatch.setattr(dispatcher.time, "monotonic", tick)
    trials = QuickTrials(1, held=[1])
    made, _ = dispatch(trials, tmp_path, make_trials(3))
    assert trials.started == [1, 2, 3, 1]
    assert sorted(made.records) == [1, 2, 3]


def test_no_trial_starts_after_the_deadline(make_trials: MakeTrials, tmp_path: Path) -> None:
    trials = QuickTrials(1)
    made, _ = dispatch(trials, tmp_path, make_trials(2), limits=RunLimits(deadline=time.monotonic() - 1))
    assert (trials.started, made.records, len(made.not_started)) == ([], {}, 2)


def test_trials_that_follow_from_a_record_run_as_well(make_trials: MakeTrials, tmp_path: Path) -> None:
    first, second, third = make_trials(3)
    follow = {1: [third], 2: [], 3: []}
    trials = QuickTrials(1)
    made, _ = dispatch(trials, tmp_path, [first, second], more=lambda number, record: follow[number])
    assert trials.started == [1, 2, 3]
    assert sorted(made.records) == [1, 2, 3]


def test_after_an_interrupt_nothing_starts_and_after_a_fault_all_are_killed(
    make_trials: MakeTrials, tmp_path: Path
) -> None:
    interrupts, trials = Interrupts(), QuickTrials(1)

    def interrupt(event: Event) -> None:
        interrupts.count = 1

    made, _ = dispatch(trials, tmp_path, make_trials(3), emit=interrupt, interrupts=interrupts)
    assert (trials.started, sorted(made.records), trials.killed) == ([1], [1], False)

    def fail(event: Event) -> None:
        raise OSError("no space")

    broken = QuickTrials(2)
    with pytest.raises(OSError, match="no space"):
        dispatch(broken, tmp_path, make_trials(3), emit=fail)
    assert broken.killed
