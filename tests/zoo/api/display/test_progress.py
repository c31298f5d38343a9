from __future__ import annotations

from typing import Any

import pytest

from zoo.api.display.progress import BenchState, ExpectedTimes
from zoo.events import BenchStarted, EpochEnded, Event, TrialEnded, TrialStarted


def _heard(events: list[Event], clock: Any, *, seconds: float = 1.0) -> BenchState:
    state = BenchState(clock)
    for event in events:
        clock.now += seconds
        state.handle(event)
    return state


def test_the_leaderboard_so_far_is_by_mean_accuracy_over_seeds(recorded_events: list[Event], clock: Any) -> None:
    ranked = _heard(recorded_events, clock).ranked()
    assert [each.model for each in ranked] == ["resnet20_cifar", "simple_cnn", "lenet5"]
    assert ranked[0].accuracy == pytest.approx(0.98)
    assert (len(ranked[1].accuracies), ranked[1].num_failed) == (1, 1)


def test_a_model_without_a_score_ranks_last(recorded_events: list[Event], clock: Any) -> None:
    failures = [
        event for event in recorded_events if not isinstance(event, TrialEnded) or event.title.startswith("simple")
    ]
    without = [event for event in failures if not (isinstance(event, TrialEnded) and event.outcome == "done")]
    (only,) = _heard(without, clock).ranked()
    assert (only.model, only.accuracies, only.num_failed) == ("simple_cnn", [], 1)


def test_time_left_is_not_known_before_anything_is(recorded_events: list[Event], clock: Any) -> None:
    assert _heard(recorded_events[:2], clock).time_left() is None


def test_time_left_goes_by_epochs_and_then_by_what_other_trials_took(clock: Any) -> None:
    titles = tuple((f"t{index}", f"net · digits · quick · seed {index}") for index in range(3))
    state = BenchState(clock)
    state.handle(BenchStarted(store=_path(), trials=titles))
    state.handle(TrialStarted(trial_id="t0", title=titles[0][1], number=1, total=3))
    clock.now += 10.0
    state.handle(_epoch("t0", 1, 4))
    assert _left(state) == ("at least", pytest.approx(30.0 + 2 * 40.0))  # without test and measurements
    clock.now += 10.0
    state.handle(_end("t0", titles[0][1]))
    assert _left(state) == ("about", pytest.approx(2 * 20.0))
    state.handle(TrialStarted(trial_id="t1", title=titles[1][1], number=2, total=3))
    clock.now += 15.0
    assert _left(state) == ("about", pytest.approx(5.0 + 20.0))
    clock.now += 10.0  # longer than thought: what is left never goes below nothing, and is no longer known
    assert _left(state) == ("at least", pytest.approx(20.0))


def test_a_last_trial_that_takes_longer_than_thought_does_not_end_in_no_time(clock: Any) -> None:
    """Users of progress bars report "00:00 left" on the screen while the last step goes on."""
    titles = tuple((f"t{index}", f"net · digits · quick · seed {index}") for index in range(2))
    state = BenchState(clock)
    state.handle(BenchStarted(store=_path(), trials=titles))
    for key, title in titles:
        state.handle(TrialStarted(trial_id=key, title=title, number=1, total=2))
        clock.now += 5.0
        if key == "t0":
            state.handle(_end(key, title))
    clock.now += 1.0
    assert state.time_left() is None


def test_time_left_is_that_of_the_plan_until_something_is_measured(clock: Any) -> None:
    titles = [(f"a{index}", f"net · digits · quick · seed {index}") for index in range(2)]
    titles += [("b0", "slow · digits · quick · seed 0")]
    seconds = {"net · digits · quick": 20.0, "slow · digits · quick": 100.0}
    state = BenchState(clock, expected=ExpectedTimes(seconds=seconds, slots=2))
    assert state.time_left() is None
    state.handle(BenchStarted(store=_path(), trials=tuple(titles)))
    assert _left(state) == ("about", pytest.approx(70.0))  # the work of 140 s in two slots
    state.handle(TrialStarted(trial_id="a0", title=titles[0][1], number=1, total=3))
    clock.now += 8.0
    assert _left(state) == ("about", pytest.approx(66.0))
    state.handle(_end("a0", titles[0][1]))
    assert _left(state) == ("about", pytest.approx((8.0 + 100.0) / 2))  # as long as it took, not as was thought


def test_a_combination_that_the_plan_does_not_know_makes_time_left_a_bound(clock: Any) -> None:
    state = BenchState(clock, expected=ExpectedTimes(seconds={"net · digits · quick": 20.0}))
    trials = (("a", "net · digits · quick · seed 0"), ("b", "new · digits · quick · seed 0"))
    state.handle(BenchStarted(store=_path(), trials=trials))
    assert _left(state) == ("at least", pytest.approx(20.0))


def test_a_fast_network_does_not_predict_the_time_of_a_slow_one(clock: Any) -> None:
    titles = [("t0", "linear · digits · quick · seed 0"), ("t1", "resnet · digits · quick · seed 0")]
    titles += [("t2", "linear · digits · quick · seed 1")]
    state = BenchState(clock)
    state.handle(BenchStarted(store=_path(), trials=tuple(titles)))
    state.handle(TrialStarted(trial_id="t0", title=titles[0][1], number=1, total=3))
    clock.now += 2.0
    state.handle(_end("t0", titles[0][1]))
    assert _left(state) == ("at least", pytest.approx(2.0))
    state.handle(TrialStarted(trial_id="t1", title=titles[1][1], number=2, total=3))
    clock.now += 100.0
    state.handle(_end("t1", titles[1][1]))
    assert _left(state) == ("about", pytest.approx(2.0))


def test_while_only_unknown_networks_are_left_no_time_is_shown(clock: Any) -> None:
    titles = (("t0", "linear · digits · quick · seed 0"), ("t1", "resnet · digits · quick · seed 0"))
    state = BenchState(clock)
    state.handle(BenchStarted(store=_path(), trials=titles))
    state.handle(TrialStarted(trial_id="t0", title=titles[0][1], number=1, total=2))
    clock.now += 2.0
    state.handle(_end("t0", titles[0][1]))
    assert state.time_left() is None


def test_a_reused_trial_does_not_affect_the_remaining_time(clock: Any) -> None:
    titles = tuple((f"t{index}", f"net · digits · quick · seed {index}") for index in range(2))
    state = BenchState(clock)
    state.handle(BenchStarted(store=_path(), trials=titles))
    state.handle(_end("t0", titles[0][1], reused=True))
    assert state.time_left() is None
    assert state.share == 0.5


def test_the_best_epoch_survives_a_validation_accuracy_that_is_no_number(clock: Any) -> None:
    """A NaN first metric stays best for ever in timm's saver: NaN, 10, 50, 90, 20 has best 90."""
    state = BenchState(clock)
    state.handle(TrialStarted(trial_id="t", title="net", number=1, total=1))
    for number, accuracy in enumerate((float("nan"), 0.10, 0.50, 0.90, 0.20), start=1):
        state.handle(_epoch("t", number, 5, accuracy))
    assert state.current is not None
    assert state.current.best_val_accuracy == 0.90


def test_a_trial_that_another_process_held_may_start_twice(clock: Any) -> None:
    state = BenchState(clock)
    state.handle(BenchStarted(store=_path(), trials=(("t", "net"), ("u", "other"))))
    for trial in ("t", "u", "t"):
        state.handle(TrialStarted(trial_id=trial, title=trial, number=1, total=2))
        state.handle(_epoch(trial, 1, 2))
    assert state.share <= 1.0


def test_rows_of_a_grid_and_tuned_rows_stand_apart(clock: Any) -> None:
    recipes = ("quick, lr=0.01", "quick, lr=0.1", "quick, lr=0.1, tuned")
    titles = tuple((recipe, f"net · digits · {recipe} · seed 0") for recipe in recipes)
    state = BenchState(clock)
    state.handle(BenchStarted(store=_path(), trials=titles))
    for trial, title in titles:
        state.handle(TrialStarted(trial_id=trial, title=title, number=1, total=3))
        state.handle(_end(trial, title))
    assert {(each.model, each.data, each.recipe) for each in state.ranked()} == {
        ("net", "digits", recipe) for recipe in recipes
    }


def test_trials_of_a_search_are_not_ranked_and_one_that_goes_on_counts_once(clock: Any) -> None:
    state = BenchState(clock)
    title = "net · digits · quick · search"
    state.handle(BenchStarted(store=_path(), trials=(("t", title),)))
    for _ in range(2):  # it pauses, and goes on
        state.handle(TrialStarted(trial_id="t", title=title, number=1, total=4))
        assert (len(state.ended), state.total) == (0, 4)
        state.handle(_end("t", title, tests=False))
    assert (len(state.ended), state.share) == (1, 0.25)
    assert state.ranked() == []


def test_trials_that_a_search_has_yet_to_propose_take_time_too(clock: Any) -> None:
    state, title = BenchState(clock), "net · digits · quick · search"
    state.handle(BenchStarted(store=_path(), trials=(("t0", title),)))
    state.handle(TrialStarted(trial_id="t0", title=title, number=1, total=4))
    clock.now += 10.0
    state.handle(_end("t0", title, tests=False))
    assert _left(state) == ("about", pytest.approx(30.0))


def _left(state: BenchState) -> tuple[str, float]:
    left = state.time_left()
    assert left is not None
    return left.words, left.seconds


def _path() -> Any:
    from pathlib import Path

    return Path("runs")


def _epoch(trial: str, epoch: int, epochs: int, val_accuracy: float = 0.5) -> EpochEnded:
    return EpochEnded(
        trial_id=trial, epoch=epoch, epochs=epochs, train_loss=1.0, train_accuracy=None, val_loss=1.0,
        val_accuracy=val_accuracy, lr=0.1, images_per_second=1.0, seconds=1.0,
    )  # fmt: skip


def _end(trial: str, title: str, *, reused: bool = False, tests: bool = True) -> TrialEnded:
    record = {"spec": {"execution": {"tests": tests}}}
    return TrialEnded(
        trial_id=trial, title=title, number=1, total=3, outcome="done", reused=reused, reason="", record=record
    )
