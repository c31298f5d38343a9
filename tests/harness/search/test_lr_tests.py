"""A search may begin with a range test: a trial in its store, whose result is the range of the learning rate."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.records.history import LR_TEST_EVENT, read_history
from harness.records.record import Outcome
from harness.records.store import HISTORY_FILE
from harness.search.lr_range import LrRange
from harness.search.lr_tests import LrTests, lr_sentence, range_test_of
from harness.search.search import SEED, Search
from zoo.errors import StoreError

from .toy_search import ToySearch, answer

LR_FIND = {"recipe.lr": "lr-find"}


def found_of(toys: ToySearch, *searches: Search) -> list[Search]:
    tests = LrTests(searches=searches, store=toys.store)
    summary = toys.run(tests, tests.specs)
    assert len(summary.records) == tests.total
    return tests.results()


def test_the_range_is_that_of_the_losses_in_the_history_of_a_trial(toys: ToySearch) -> None:
    search = toys.search("plain", space=LR_FIND)
    assert search.space.texts()["recipe.lr"] == "log(1e-06, 10)"
    (found,) = found_of(toys, search)
    ((trial_id, record),) = toys.store.records()
    assert record.outcome is Outcome.DONE
    assert (record.training, record.metrics) == (None, {})
    assert record.spec.seed == SEED
    (row,) = (row for row in read_history(toys.store.folder(trial_id) / HISTORY_FILE) if row["event"] == LR_TEST_EVENT)
    assert len(row["lrs"]) == len(row["losses"]) > 50
    expected = LrRange.of("", 0.01, row["lrs"], row["losses"])
    assert expected.suggestion is not None
    assert found.space.texts()["recipe.lr"] == expected.space["recipe.lr"]
    assert found.lr_test is not None
    assert found.lr_test.suggestion == expected.suggestion
    assert 0 < found.lr_test.seconds < record.seconds["total"] + 1e-6
    assert lr_sentence(found) == (
        f"toy · bright · plain: the range test suggests a learning rate of {expected.suggestion:g}; "
        f"searched: {expected.space['recipe.lr']}"
    )
    # What else is searched stays, and the key does not depend on the range: each machine may find another one.
    assert found.space.texts().keys() == search.space.texts().keys()
    assert found.key == search.key != toys.search("plain").key


def test_a_second_run_reads_the_range_instead_of_testing_again(toys: ToySearch) -> None:
    (first,) = found_of(toys, toys.search("plain", space=LR_FIND))
    (before,) = toys.store.records()
    (second,) = found_of(toys, toys.search("plain", space=LR_FIND, first_seed=5, tune=30))
    assert [record.started_at for _, record in toys.store.records()] == [before[1].started_at]
    assert second.space.texts() == first.space.texts()


def test_each_repeat_has_a_range_test_of_its_own(toys: ToySearch) -> None:
    (row,) = toys.rows("plain", space=LR_FIND, tune_repeats=2)
    one, two = found_of(toys, *row.searches)
    assert one.key == two.key
    assert {record.spec.seed for _, record in toys.store.records()} == {SEED, SEED + 1}
    assert one.lr_test is not None
    assert two.lr_test is not None


def test_searches_without_a_range_test_are_left_as_they_are(toys: ToySearch) -> None:
    plain, planted = toys.search("plain", space=LR_FIND), toys.search("planted")
    tests = LrTests(searches=[planted, plain], store=toys.store)
    assert tests.total == 1
    toys.run(tests, tests.specs)
    first, second = tests.results()
    assert first is planted
    assert second.lr_test is not None


def test_the_time_of_the_range_test_counts_for_the_search_and_its_budget(toys: ToySearch) -> None:
    search = toys.search("plain", space=LR_FIND, tune=None, tune_budget="3m")
    tests = LrTests(searches=[search], store=toys.store)
    toys.run(tests, tests.specs)
    (found,) = tests.results()
    assert found.lr_test is not None
    slow = replace(found, lr_test=found.lr_test.model_copy(update={"seconds": 100.0}))
    answer(slow, lambda settings: 0.5)  # each trial takes a minute
    assert len(slow.tried) == 2
    assert slow.spent_seconds == 220
    without = toys.search("plain", tune=None, tune_budget="3m")
    answer(without, lambda settings: 0.5)
    assert len(without.tried) == 3
    assert slow.file().lr_test == slow.lr_test


def test_trial_0_keeps_a_default_outside_of_the_range(toys: ToySearch) -> None:
    (found,) = found_of(toys, toys.search("plain", space=LR_FIND))
    low, high = found.space.dimensions["recipe.lr"].low, found.space.dimensions["recipe.lr"].high
    outside = replace(
        found.combination, hyperparameters=found.combination.hyperparameters.model_copy(update={"lr": high * 2})
    )
    values = answer(replace(found, combination=outside), lambda settings: float(settings["recipe.lr"]))  # type: ignore[arg-type]
    assert values[0] == {}
    assert all(low <= each["recipe.lr"] <= high for each in values[1:])


def test_a_range_that_was_not_found_is_the_declared_one_or_a_problem(toys: ToySearch) -> None:
    # Images of one colour: nothing can be learnt, at any rate.
    declared = toys.search("plain", space=LR_FIND, set={"recipe.label_smoothing": 0.0, "data.flat": True})
    (found,) = found_of(toys, declared)
    assert found.space.texts()["recipe.lr"] == "log(0.001, 1)"
    assert found.lr_test is not None
    assert found.lr_test.suggestion is None
    assert "the loss did not fall at any rate" in found.lr_test.problem
    assert "suggests no learning rate, because the loss did not fall" in lr_sentence(found)
    (none,) = found_of(toys, toys.search("planted", space=LR_FIND, set={"data.flat": True}))
    assert none.is_over
    assert none.problem.startswith(
        "the range test of toy · bright · planted suggests nothing: the loss did not fall at any rate"
    )
    assert none.problem.endswith("declares no range, either: give one, such as --space 'recipe.lr=log(1e-4, 1)'")


def test_a_range_test_that_fails_or_has_not_run_is_a_problem_of_its_search(toys: ToySearch) -> None:
    search = toys.search("plain", space=LR_FIND)
    tests = LrTests(searches=[search], store=toys.store)
    (waiting,) = tests.results()
    assert waiting.problem == (
        "the range test of toy · bright · plain has not run: run the same command again to continue"
    )
    toys.run(tests, tests.specs)
    ((trial_id, record),) = toys.store.records()
    tests(1, record.model_copy(update={"outcome": Outcome.FAILED, "reason": "out of memory"}))
    (failed,) = tests.results()
    assert failed.problem == ("the range test of toy · bright · plain failed (--retry runs it again): out of memory")
    tests(1, record)
    (toys.store.folder(trial_id) / HISTORY_FILE).write_bytes(b"")
    with pytest.raises(StoreError, match="lacks the losses of the range test"):
        tests.results()


def test_poisoned_test_labels_change_no_range(toys: ToySearch) -> None:
    clean, poisoned = found_of(
        toys, *(toys.search("plain", space=LR_FIND, set={"data.poison": poison}) for poison in (False, True))
    )
    assert clean.space.texts() == poisoned.space.texts()
    assert clean.lr_test is not None
    assert poisoned.lr_test is not None
    assert clean.lr_test.suggestion == poisoned.lr_test.suggestion


def test_a_range_test_runs_on_one_device_with_the_seed_of_its_search(toys: ToySearch) -> None:
    spec = toys.combination("plain").spec
    several = spec.model_copy(
        update={"execution": spec.execution.model_copy(update={"gpus_per_trial": 2, "compile": "on"}), "seed": 7}
    )
    test = range_test_of(several, 2)
    assert test.seed == SEED + 2
    execution = test.execution
    assert (execution.lr_test, execution.tests, execution.gpus_per_trial, execution.compile) == (True, False, 1, "off")
    assert test.title == "toy · bright · plain · range test"
