"""Searches run as benches do: each trial a record, replayed after a stop, and the test images stay closed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.bench.bench import run_bench
from harness.bench.settings import BenchSettings
from harness.data.settings import DataSettings
from harness.planning.plan import Plan
from harness.records.history import read_history
from harness.records.record import Outcome
from harness.records.store import CHECKPOINT_FILE, HISTORY_FILE
from harness.records.study_file import read_study, study_path, write_study
from harness.search.search import Search, Tried
from harness.search.searches import Searches
from zoo.events import TrialEnded

from .toy_search import ToySearch, result
from .wandering_workers import WanderingWorkers


def tried(search: Search) -> list[Any]:
    return [(each.values, each.trial_id, value_of(each)) for each in search.tried]


def value_of(tried: Tried) -> float | None:
    return tried.result.value if tried.result else None


def number_of_best(search: Search) -> int:
    best = search.best()
    assert best is not None
    return best.number


def test_the_planted_optimum_is_found_by_a_real_bench_and_every_trial_is_a_record(toys: ToySearch) -> None:
    search = toys.search(tune=8)
    summary = toys.bench(search)
    best = search.best()
    assert best is not None
    assert best.values["recipe.knob"] == pytest.approx(0.7, abs=0.05)
    records = {record.trial_id: record for _, record in toys.store.records()}
    assert len(summary.records) == 8
    for each in search.tried:
        assert each.result is not None
        record = records[each.trial_id]
        assert record.metrics == {}
        assert record.spec.execution.tests is False
        assert not list(toys.store.folder(each.trial_id).glob("*predictions*"))
        assert not (toys.store.folder(each.trial_id) / CHECKPOINT_FILE).exists()
        if record.outcome is Outcome.DONE:
            expected = 1 - abs(float(record.spec.recipe.hyperparameters["knob"]) - 0.7)
            assert each.result.value == pytest.approx(expected, abs=0.1)
    file = read_study(study_path(toys.store.root, search.key, 0))
    assert file == search.file()
    assert len(toys.said) == 8
    assert all(f"planted: search trial {number} of 0–7: " in each for number, each in enumerate(toys.said))


def test_a_second_search_reuses_the_records_of_the_first_and_goes_on(toys: ToySearch) -> None:
    short, whole = toys.search(tune=3), toys.search(tune=6)
    toys.bench(short)
    before = dict(toys.store.records())
    toys.bench(whole)
    after = dict(toys.store.records())
    assert tried(whole)[:3] == tried(short)
    assert {folder: after[folder] for folder in before} == before
    assert len(after) == 6


def test_a_shorter_search_leaves_the_file_of_a_longer_one_and_one_with_other_results_does_not(toys: ToySearch) -> None:
    whole, short = toys.search(tune=4), toys.search(tune=2)
    toys.bench(whole)
    path = study_path(toys.store.root, whole.key, 0)
    toys.bench(short)
    assert len(short.tried) == 2
    assert read_study(path) == whole.file()
    first, *rest = whole.file().trials
    other = first.model_copy(update={"value": 0.123})
    write_study(path, whole.file().model_copy(update={"trials": (other, *rest)}))
    again = toys.search(tune=2)
    toys.bench(again)
    assert read_study(path) == again.file()


def test_poisoned_test_labels_do_not_change_what_is_chosen(make_toys: Callable[..., ToySearch]) -> None:
    clean, poisoned = make_toys("clean"), make_toys("poisoned")
    one, other = clean.search(tune=6), poisoned.search(tune=6, set={"data.poison": True})
    clean.bench(one)
    poisoned.bench(other)
    records = [record for toys in (clean, poisoned) for _, record in toys.store.records()]
    fingerprints = {record.data.fingerprint for record in records if record.data}
    assert len(fingerprints) == 2, "the poison must reach the images' labels"
    assert [each.values for each in one.tried] == [each.values for each in other.tried]
    assert list(map(value_of, one.tried)) == list(map(value_of, other.tried))
    assert number_of_best(one) == number_of_best(other)


def test_a_setting_that_nothing_reads_is_named_by_a_real_bench(toys: ToySearch) -> None:
    idle, fine = toys.search("idle", tune=5), toys.search(tune=3)
    toys.bench(idle, fine)
    assert "recipe.idle = 0.5 and" in idle.problem
    assert "so nothing reads it" in idle.problem
    assert len(idle.tried) == 2
    assert fine.is_over
    assert not fine.problem


def test_settings_that_diverge_count_as_accuracy_0(toys: ToySearch) -> None:
    search = toys.search(tune=4, space={"recipe.knob": "uniform(0, 0.019)"})
    toys.bench(search)
    values = [each.result.value for each in search.tried if each.result]
    assert values[0] == pytest.approx(0.4, abs=0.1)
    assert values[1:] == [0.0] * 3
    assert number_of_best(search) == 0


def test_sentences_on_repeats_tell_which_search_a_trial_belongs_to(toys: ToySearch) -> None:
    ((one, other),) = (row.searches for row in toys.rows(tune=2, tune_repeats=2))
    toys.bench(one, other)
    starts = {sentence.partition(": validation accuracy ")[0] for sentence in toys.said}
    assert starts == {
        f"toy · bright · planted: search {search} of 2, trial {trial} of 0–1" for search in (1, 2) for trial in (0, 1)
    }


def test_trials_side_by_side_are_those_of_the_study_file(toys: ToySearch) -> None:
    search = toys.search(tune=5, at_a_time=2)
    follow = Searches([search], toys.store, toys.said.append)
    toys.store.create()
    assert len(follow.first()) == 2
    assert follow.begin(7) == []
    assert follow.total == 5
    content = json.loads(study_path(toys.store.root, search.key, 0).read_text())
    assert content["at_a_time"] == 2
    again = toys.search(tune=5, at_a_time=2)
    toys.bench(again, jobs=2)
    assert len(again.tried) == 5
    assert again.is_over


def test_trials_that_go_on_from_a_pause_end_as_if_they_had_not_paused_bit_for_bit(
    make_toys: Callable[..., ToySearch],
) -> None:
    paused, whole = make_toys("paused"), make_toys("whole")
    settings: dict[str, Any] = {"set": {"recipe.ema_decay": 0.9}, "space": {"recipe.lr": "log(1e-7, 1e-1)"}}
    search = paused.search("plain", tune=8, epochs=9, pruner="asha", **settings)
    paused.bench(search)
    outcomes = [each.result.outcome for each in search.tried if each.result]
    assert "pruned" in outcomes
    assert not list(paused.store.root.glob("*/state-*"))
    done = [each for each in search.tried if each.result and each.result.is_done]
    went_on = [each.spec for each in done if each.spec and each.at_rungs]
    assert went_on, "some trial must have gone on from a pause"
    summary = run_bench(
        Plan(trials=(went_on[0],), preload=("torch",)),
        store=whole.store,
        sources=paused.sources,
        emit=lambda event: None,
        settings=BenchSettings(data=DataSettings(data_root=whole.folder / "data", cache=whole.folder / "cache")),
    )
    (once,) = summary.records
    folder, twice = next(pair for pair in paused.store.records() if pair[1].result_key == once.result_key)
    assert twice.attempts > once.attempts
    assert twice.files[CHECKPOINT_FILE] == once.files[CHECKPOINT_FILE]
    assert losses(folder) == losses(whole.store.folder(once.trial_id))
    assert len(losses(folder)) == 9


def test_a_search_on_other_machines_is_that_of_this_one_and_paused_trials_travel_with_their_states(
    make_toys: Callable[..., ToySearch], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, away = make_toys("home"), make_toys("away")
    settings: dict[str, Any] = {
        "set": {"recipe.ema_decay": 0.9, "recipe.keep": "best"},
        "space": {"recipe.lr": "log(1e-7, 1e-1)"},
        "threads": 1,
    }
    searches = [toys.search("plain", tune=6, epochs=9, pruner="asha", **settings) for toys in (home, away)]
    home.bench(searches[0])
    workers = WanderingWorkers(tmp_path / "nodes", monkeypatch)
    away.bench(searches[1], workers=workers)
    assert tried(searches[0]) == tried(searches[1])
    outcomes = [each.result.outcome for each in searches[1].tried if each.result]
    assert {"pruned", "done"} <= set(outcomes)
    resumed = [sent for sent in workers.sent if any(name.startswith("state-") for name in sent["files"])]
    assert resumed
    assert all("history.jsonl" in sent["files"] for sent in resumed)
    assert not list(away.store.root.glob("*/state-*"))
    pairs = [{record.result_key: (folder, record) for folder, record in toys.store.records()} for toys in (home, away)]
    assert pairs[0].keys() == pairs[1].keys()
    for key, (folder, record) in pairs[0].items():
        other_folder, other = pairs[1][key]
        assert record.files[CHECKPOINT_FILE] == other.files[CHECKPOINT_FILE]
        assert record.attempts == other.attempts
        assert losses(folder) == losses(other_folder)


def test_events_count_a_trial_that_goes_on_from_a_pause_once(toys: ToySearch) -> None:
    search = toys.search("plain", tune=6, epochs=9, pruner="asha", space={"recipe.lr": "log(1e-7, 1e-1)"})
    toys.bench(search)
    ends = [event for event in toys.events if isinstance(event, TrialEnded)]
    assert len(ends) > 6
    assert {event.number for event in ends} == set(range(1, 7))
    assert {event.total for event in ends} == {6}
    assert len({(event.number, event.trial_id) for event in ends}) == 6


def losses(folder: Path) -> list[tuple[int, float, float]]:
    rows = read_history(folder / HISTORY_FILE)
    return [(row["epoch"], row["train_loss"], row["val_loss"]) for row in rows if row["event"] == "epoch"]


def test_the_width_of_a_search_on_other_machines_is_settled_once_their_number_is_known(toys: ToySearch) -> None:
    toys.store.create()
    searches = [toys.search(tune=5), toys.search("plain", tune=5)]
    follow = Searches(searches, toys.store, toys.said.append, open_width=True)
    assert len(follow.first()) == 2
    assert len(follow.begin(6)) == 4
    assert [search.at_a_time for search in searches] == [3, 3]
    again = toys.search(tune=5, at_a_time=3)
    follow = Searches([again], toys.store, toys.said.append, open_width=True)
    follow.first()
    follow.begin(40)
    assert again.at_a_time == 3


def test_the_expected_number_of_trials_counts_one_that_goes_on_once_and_none_that_is_shared(toys: ToySearch) -> None:
    search = toys.search("plain", tune=8, epochs=9, pruner="asha", space={"recipe.lr": "log(1e-7, 1e-1)"})
    toys.store.create()
    follow = Searches([search], toys.store, toys.said.append)
    follow.first()
    follow.begin(1)
    assert follow.total == 8
    search.tried[0].result = result(0.5)
    twice = toys.search(tune=4, space={"recipe.knob": "choice(0.1, 0.2)"})
    toys.bench(twice)
    assert twice.is_over
    assert Searches([twice], toys.store, toys.said.append).total == 2
