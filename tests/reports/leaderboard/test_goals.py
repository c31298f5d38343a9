"""Goals: time, energy and cost to a stated accuracy are those of histories that are known, and unknown ones say why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.records.history import HistoryWriter, read_history
from harness.records.origin import Origin, OriginKind
from harness.records.record import FeatureInfo, Record, TrainingInfo
from harness.records.store import HISTORY_FILE, write_record
from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.goals import Amount, Goal, reached_by

Trial = tuple[Path, Record]
Epochs = Sequence[tuple[float, float, float | None]]
"""Validation accuracy, seconds and joules of each epoch."""


@pytest.fixture
def trained(make_trial: Any) -> Callable[..., Trial]:
    """``trained([(0.5, 2.0, 100.0), …], "net", seed=1)`` writes a trial with a history of these epochs."""

    def make(epochs: Epochs, model: str = "net", *, problem: str = "", **fields: Any) -> Trial:
        folder, record = make_trial(model, **fields)
        writer = HistoryWriter(folder / HISTORY_FILE)
        writer.write({"event": "attempt", "number": 1})
        for number, (accuracy, seconds, joules) in enumerate(epochs, start=1):
            row = {"event": "epoch", "epoch": number, "val_accuracy": accuracy, "seconds": seconds, "joules": joules}
            writer.write(row)
        writer.close()
        training = TrainingInfo(
            epochs_run=len(epochs),
            tested_epoch=len(epochs),
            best_val_accuracy=max(accuracy for accuracy, _, _ in epochs),
            final_train_loss=0.1,
            seconds=sum(seconds for _, seconds, _ in epochs),
            energy_counter="" if problem else "RAPL",
            energy_problem=problem,
        )
        record = record.model_copy(update={"training": training})
        write_record(folder, record)
        return folder, record

    return make


def test_amounts_are_the_sums_up_to_the_first_epoch_that_reaches_the_goal(trained: Callable[..., Trial]) -> None:
    trial = trained([(0.5, 2.0, 100.0), (0.9, 1.0, 60.0), (0.8, 1.0, 50.0), (0.95, 1.0, 40.0)])
    found = reached_by([trial], Goal(accuracy=0.9, price_per_hour=7.2))
    assert found is not None
    assert (found.num_seeds, found.num_reached) == (1, 1)
    assert found.seconds == Amount(median=3.0, low=3.0, high=3.0)
    assert found.joules == Amount(median=160.0, low=160.0, high=160.0)
    assert found.cost is not None
    assert found.cost.median == pytest.approx(0.006)  # 3 s at 7.2 an hour


def test_an_accuracy_that_is_equal_is_reached_whatever_the_rounding(trained: Callable[..., Trial]) -> None:
    trial = trained([(0.9, 1.0, None), (0.9499999999999999, 1.0, None)])
    found = reached_by([trial], Goal(accuracy=0.95))
    assert found is not None
    assert found.seconds.median == 2.0


def test_a_seed_that_never_reaches_it_is_the_slowest(trained: Callable[..., Trial]) -> None:
    quick, slow = [(0.9, 1.0, 10.0)], [(0.5, 2.0, 20.0), (0.9, 2.0, 20.0)]
    never = [(0.5, 9.0, 90.0)]
    goal = Goal(accuracy=0.9)
    two = reached_by([trained(each, seed=seed) for seed, each in enumerate([quick, slow, never])], goal)
    assert two is not None
    assert (two.num_seeds, two.num_reached) == (3, 2)
    assert two.seconds == Amount(median=4.0, low=1.0, high=None)
    assert two.joules == Amount(median=40.0, low=10.0, high=None)
    one = reached_by([trained(each, "b", seed=seed) for seed, each in enumerate([quick, never])], goal)
    assert one is not None
    assert one.seconds == Amount(median=None, low=1.0, high=None)
    none = reached_by([trained(never, "c")], goal)
    assert none is not None
    assert none.seconds == none.joules == Amount(median=None, low=None, high=None)


def test_an_epoch_that_ran_again_counts_once(trained: Callable[..., Trial]) -> None:
    folder, record = trained([(0.5, 7.0, 1.0)])
    writer = HistoryWriter(folder / HISTORY_FILE)
    for number, accuracy in ((1, 0.5), (2, 0.9)):
        row = {"event": "epoch", "epoch": number, "val_accuracy": accuracy, "seconds": 2.0, "joules": 3.0}
        writer.write(row)
    writer.close()
    found = reached_by([(folder, record)], Goal(accuracy=0.9))
    assert found is not None
    assert (found.seconds.median, found.joules and found.joules.median) == (4.0, 6.0)


def test_energy_that_a_seed_does_not_know_is_no_figure_but_a_reason(trained: Callable[..., Trial]) -> None:
    known = trained([(0.9, 1.0, 10.0)])
    unknown = trained([(0.9, 1.0, None)], seed=1, problem="no counter")
    found = reached_by([known, unknown], Goal(accuracy=0.9))
    assert found is not None
    assert (found.joules, found.energy_problem) == (None, "no counter")
    folder, record = trained([(0.9, 1.0, None)], "old")
    assert record.training is not None
    training = record.training.model_copy(update={"energy_counter": ""})
    old = (folder, record.model_copy(update={"training": training}))
    found = reached_by([old], Goal(accuracy=0.9))
    assert found is not None
    assert found.energy_problem == "it was not recorded when these trials ran"
    gave_way = trained([(0.5, 1.0, None), (0.9, 1.0, 5.0)], "gave way")
    found = reached_by([gave_way], Goal(accuracy=0.9))
    assert found is not None
    assert (found.joules, found.energy_problem) == (
        None,
        "a trial began without the counter, or gave way to another trial",
    )


def test_what_was_not_trained_here_reached_nothing(make_trial: Any, trained: Callable[..., Trial]) -> None:
    evaluated = make_trial(origin=Origin(kind=OriginKind.EVALUATED, source="timm"))
    assert reached_by([evaluated], Goal(accuracy=0.9)) is None
    assert reached_by([], Goal(accuracy=0.9)) is None


def test_features_that_trials_share_are_no_time_of_one_of_them(trained: Callable[..., Trial]) -> None:
    folder, record = trained([(0.9, 1.0, None)])
    features = FeatureInfo(
        layer="fc", num_features=8, weights="0" * 64, num_computed=0, num_train=10, views=1, own_head=True
    )
    found = reached_by(
        [(folder, record.model_copy(update={"features": features}))], Goal(accuracy=0.9, price_per_hour=1)
    )
    assert found is not None
    assert (found.seconds, found.joules, found.cost, found.num_reached) == (None, None, None, 0)
    assert found.problem == "the features of a frozen backbone are computed once for several trials"


def test_a_history_with_a_gap_is_no_time(trained: Callable[..., Trial]) -> None:
    whole = trained([(0.5, 1.0, None), (0.9, 1.0, None)])
    folder, record = trained([(0.5, 1.0, None), (0.9, 1.0, None)], seed=1)
    path = folder / HISTORY_FILE
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if '"epoch": 1,' not in line))
    assert [row["epoch"] for row in read_history(path) if row["event"] == "epoch"] == [2]
    found = reached_by([whole, (folder, record)], Goal(accuracy=0.9))
    assert found is not None
    assert (found.seconds, found.problem) == (None, "a seed has no history of all its epochs")


def test_rows_are_built_with_a_goal_only_if_it_is_stated(trained: Callable[..., Trial]) -> None:
    trials = [trained([(0.5, 2.0, 1.0), (0.9, 1.0, 1.0)], seed=seed) for seed in range(2)]
    (without,) = build_leaderboard(trials).rows
    assert without.reached is None
    (row,) = build_leaderboard(trials, goal=Goal(accuracy=0.9)).rows
    assert row.reached is not None
    assert row.reached.seconds.median == 3.0
