"""Further sets in tables: the accuracy on each, the drop, the mean over corruptions and the worst slice."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.records.predictions import SavedPredictions, further_file, load_predictions, save_predictions
from harness.records.record import Record, TestSetKind, TestSetResult
from harness.records.store import read_record, write_record
from harness.system.atomic_files import sha256_of
from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.further_sets import further_estimates, further_keys, requested_keys
from reports.render.csv import render_csv
from reports.render.terminal import terminal_text
from zoo.metric import Predictions

Trial = tuple[Path, Record]


@pytest.fixture
def add_set() -> Callable[..., Trial]:
    """Add a further set on which the first images of a trial's, by id, are all wrong and others as they were."""

    def add(
        trial: Trial, name: str, kind: TestSetKind, *, wrong: int, some: slice = slice(None), **fields: object
    ) -> Trial:
        folder, _ = trial
        record = read_record(folder / "record.json")
        saved = load_predictions(folder)
        order = np.argsort(saved.samples)[some]
        logits, labels = saved.predictions.logits[order].copy(), saved.predictions.labels[order]
        logits[np.arange(wrong), labels[:wrong]] = -5
        samples = saved.samples[order] if kind is not TestSetKind.DATASET else saved.samples[order] + np.uint64(10**6)
        predictions = Predictions(logits=logits, labels=labels, classes=saved.predictions.classes, samples=samples)
        path = save_predictions(
            folder, SavedPredictions(predictions=predictions, samples=samples), name=further_file(name)
        )
        result = TestSetResult(
            **{"kind": kind, "source": name, "key": "k", "fingerprint": "f", "num_images": len(labels), **fields}  # type: ignore[arg-type]
        )
        changed = record.model_copy(
            update={
                "files": {**record.files, path.name: sha256_of(path)},
                "test_sets": {**record.test_sets, name: result},
            }
        )
        write_record(folder, changed)
        return folder, changed

    return add


def accuracy(trial: Trial, some: slice = slice(None)) -> float:
    saved = load_predictions(trial[0])
    order = np.argsort(saved.samples)[some]
    return float((saved.predictions.logits.argmax(1) == saved.predictions.labels)[order].mean())


def test_the_mean_over_corruptions_is_paired_with_the_clean_images(make_trial, add_set) -> None:
    trial = make_trial(accuracy=0.9, num_test=200)
    for name, wrong in (("fog-1", 0), ("fog-2", 40), ("contrast-1", 20)):
        trial = add_set(trial, name, TestSetKind.CORRUPTION, wrong=wrong, severity=int(name[-1]))
    trial = add_set(trial, "fog-0", TestSetKind.CORRUPTION, wrong=0, severity=0)
    found = further_estimates([trial])
    assert set(found) == {"on_fog", "on_contrast", "corrupted"}
    lost = {count: accuracy(trial, slice(count)) * count / 200 for count in (20, 40)}
    assert found["on_fog"].accuracy.mean == pytest.approx(0.9 - lost[40] / 2)
    drop = found["corrupted"].drop
    assert drop is not None
    assert drop.is_paired
    assert drop.mean == pytest.approx((lost[20] + lost[40]) / 3)
    assert drop.low < drop.mean < drop.high
    assert found["corrupted"].num_sets == 3


def test_another_dataset_is_not_paired(make_trials, add_set) -> None:
    trials = [add_set(trial, "site", TestSetKind.DATASET, wrong=30) for trial in make_trials(seeds=2)]
    estimate = further_estimates(trials)["on_site"]
    assert estimate.drop is not None
    assert not estimate.drop.is_paired
    assert estimate.accuracy.n == 2
    assert estimate.accuracy.low < estimate.accuracy.mean < estimate.accuracy.high  # type: ignore[operator]


def test_the_worst_slice_is_named_and_compared_with_the_rest(make_trial, add_set) -> None:
    trial = make_trial(accuracy=0.9, num_test=200)
    for number, (name, some) in enumerate((("day", slice(0, 150)), ("night", slice(150, 200)))):
        wrong = 20 if name == "night" else 0
        trial = add_set(trial, f"slice-{number}", TestSetKind.SLICE, wrong=wrong, some=some, source=name)
    worst = further_estimates([trial])["worst_slice"]
    assert (worst.source, worst.num_sets) == ("night", 2)
    assert worst.drop is not None
    rest = accuracy(trial, slice(0, 150))
    assert worst.drop.mean == pytest.approx(0.75 * (rest - worst.accuracy.mean))


def test_a_set_that_a_seed_lacks_or_that_is_damaged_is_left_out(make_trials, add_set) -> None:
    one, other = make_trials(seeds=2)
    one = add_set(one, "site", TestSetKind.DATASET, wrong=3)
    assert further_estimates([one, other]) == {}
    other = add_set(other, "site", TestSetKind.DATASET, wrong=3)
    assert set(further_estimates([one, other])) == {"on_site"}
    path = other[0] / further_file("site")
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    assert further_estimates([one, other]) == {}


def test_tables_show_them_and_explain_what_is_shown(make_trial, add_set) -> None:
    trial = add_set(make_trial(accuracy=0.9), "site_b", TestSetKind.DATASET, wrong=100)
    trial = add_set(trial, "fog-3", TestSetKind.CORRUPTION, wrong=40, severity=3)
    board = build_leaderboard([trial, make_trial("plain", accuracy=0.5)])
    text = terminal_text(board, width=400)
    for words in (
        "site b %",
        "site b drop",
        "corrupted %",
        "corrupted drop",
        "mean over 1 corrupted copy",
        "unpaired",
    ):
        assert words in text, words
    assert "fog" not in text
    (first, second) = csv.DictReader(io.StringIO(render_csv(board)))
    assert float(first["on_site_b"]) == pytest.approx(board.rows[0].further["on_site_b"].accuracy.mean)
    assert float(first["drop_corrupted_low"]) < float(first["drop_corrupted"])
    assert second["on_site_b"] == ""
    assert further_keys([trial[1]]) == ["on_site_b", "drop_site_b", "corrupted", "drop_corrupted", "on_fog", "drop_fog"]
    assert "drop" not in terminal_text(build_leaderboard([make_trial("alone")]), width=400)


def test_columns_can_be_chosen_before_there_are_results() -> None:
    assert requested_keys(["corrupt:fog@2", "site=folder:b", "slices", "nonsense"]) == [
        "corrupted",
        "drop_corrupted",
        "on_fog",
        "drop_fog",
        "on_site",
        "drop_site",
        "worst_slice",
        "drop_worst_slice",
    ]


def ranks_of(trials: list[Trial], sort_by: str) -> list[tuple[str, int | None, int | None]]:
    rows = build_leaderboard(trials, sort_by=sort_by).tables[0].rows
    return [(row.model, row.rank_low, row.rank_high) for row in rows]


def test_by_the_worst_slice_rows_share_ranks_unless_tests_separate_them(make_trial, add_set) -> None:
    trials = []
    for model, wrong in (("a", 20), ("b", 60), ("c", 62)):
        trial = add_set(make_trial(model), "day", TestSetKind.SLICE, wrong=0, some=slice(None, 100))
        trials.append(add_set(trial, "night", TestSetKind.SLICE, wrong=wrong, some=slice(100, None)))
    assert sorted(ranks_of(trials, "worst_slice")) == [("a", 1, 1), ("b", 2, 3), ("c", 2, 3)]
    told = terminal_text(build_leaderboard(trials, sort_by="worst_slice"), width=400)
    assert "by worst_slice: paired tests on the same test images" in told
    assert ranks_of(trials, "drop_worst_slice")[0][1:] == (None, None), "a difference of two sets, which is not tested"


def test_rows_with_other_slices_or_none_get_no_rank_by_the_worst(make_trial, add_set) -> None:
    trials = []
    for model, end in (("a", 100), ("b", 100), ("other", 120)):
        trial = add_set(make_trial(model), "day", TestSetKind.SLICE, wrong=0, some=slice(None, end))
        trials.append(add_set(trial, "night", TestSetKind.SLICE, wrong=10, some=slice(end, None)))
    trials.append(make_trial("none"))
    assert {model: low for model, low, _ in ranks_of(trials, "worst_slice")} == {
        "a": 1,
        "b": 1,
        "other": None,
        "none": None,
    }


def test_further_sets_rank_by_tests_on_their_own_images(make_trial, add_set) -> None:
    trials = []
    for model, site, fog in (("a", 100, 30), ("b", 20, 30)):
        trial = add_set(make_trial(model), "site", TestSetKind.DATASET, wrong=site)
        trials.append(add_set(trial, "fog-3", TestSetKind.CORRUPTION, wrong=fog, severity=3))
    assert ranks_of(trials, "on_site") == [("b", 1, 1), ("a", 2, 2)]
    assert [ranks for _, *ranks in ranks_of(trials, "corrupted")] == [[1, 2], [1, 2]]


@pytest.fixture
def make_folds(make_trial: Callable[..., Trial], add_set: Callable[..., Trial]) -> Callable[..., list[Trial]]:
    """Write the trial of a seed that is pooled from three folds, and those of the folds, tested on a further set."""

    def make(seed: int, *, wrong: tuple[int, int, int], num_test: int = 60) -> list[Trial]:
        folds: list[Trial] = []
        for fold in (1, 2, 3):
            trial = make_trial(seed=seed, options={"fold": fold}, accuracy=0.9, num_test=num_test)
            folder, record = add_set(trial, "site", TestSetKind.DATASET, wrong=wrong[fold - 1])
            dataset = record.spec.dataset.model_copy(update={"folds": 3, "fold": fold})
            spec = record.spec.model_copy(update={"dataset": dataset})
            spec = spec.model_copy(update={"architecture": spec.architecture.model_copy(update={"options": {}})})
            folds.append((folder, record.model_copy(update={"spec": spec})))
            write_record(*folds[-1])
        folder, record = make_trial(seed=seed, options={"pooled": True}, accuracy=0.8, num_test=num_test)
        saved = load_predictions(folder)
        dealt = SavedPredictions(
            predictions=saved.predictions, samples=saved.samples, folds=saved.samples.astype(np.int64) % 3 + 1
        )
        path = save_predictions(folder, dealt)
        record = record.model_copy(
            update={
                "spec": folds[0][1].spec.whole,
                "folds": {fold.trial_id: "sum" for _, fold in folds},
                "files": {path.name: sha256_of(path)},
            }
        )
        write_record(folder, record)
        return [(folder, record), *folds]

    return make


def test_after_cross_validation_the_mean_over_all_networks_counts(make_folds: Callable[..., list[Trial]]) -> None:
    trials = [trial for seed in (0, 1) for trial in make_folds(seed, wrong=(30, 40, 50))]
    own = [
        np.sort(load_predictions(folder).samples) for folder, _ in trials if (folder / further_file("site")).exists()
    ]
    assert len(own) == 6
    accuracies = []
    for folder, record in trials:
        if record.folds:
            continue
        saved = load_predictions(folder, name=further_file("site"))
        accuracies.append(float((saved.predictions.logits.argmax(1) == saved.predictions.labels).mean()))
    (row,) = build_leaderboard(trials).rows
    found = row.further["on_site"]
    assert found.accuracy.mean == pytest.approx(np.mean(accuracies))
    assert found.accuracy.n == 2
    assert found.accuracy.low is not None
    assert found.accuracy.low < found.accuracy.mean < (found.accuracy.high or 0)
    assert found.drop is not None
    assert found.drop.mean == pytest.approx(0.8 - np.mean(accuracies))
    assert found.drop.low < found.drop.mean < found.drop.high
    assert (found.num_images, found.num_folds) == (60, 3)


def test_the_folds_of_a_table_are_shown_wherever_others_are(make_folds: Callable[..., list[Trial]]) -> None:
    trials = make_folds(0, wrong=(30, 40, 50))
    leaderboard = build_leaderboard(trials)
    text = terminal_text(leaderboard)
    assert "site %" in text
    assert "site drop" in text
    assert "the mean over the networks of 3 folds, each tested on all images of a set" in " ".join(text.split())
    (line,) = csv.DictReader(io.StringIO(render_csv(leaderboard)))
    assert float(line["on_site"]) == pytest.approx(leaderboard.rows[0].further["on_site"].accuracy.mean)
    assert float(line["drop_site_low"]) < float(line["drop_site"]) < float(line["drop_site_high"])
    assert set(further_keys(record for _, record in trials)) == {"on_site", "drop_site"}


def test_a_fold_that_was_not_tested_leaves_the_set_out(make_folds: Callable[..., list[Trial]]) -> None:
    pooled, first, second, third = make_folds(0, wrong=(0, 0, 0))
    untested = (third[0], third[1].model_copy(update={"test_sets": {}}))
    assert further_estimates([pooled], [first, second, third])
    assert further_estimates([pooled], [first, second, untested]) == {}
    assert further_estimates([pooled], [first, second]) == {}
    assert further_estimates([pooled]) == {}


def test_after_cross_validation_there_is_an_interval_but_no_rank(make_folds: Callable[..., list[Trial]]) -> None:
    trials = make_folds(0, wrong=(30, 40, 50))
    (table,) = build_leaderboard(trials, sort_by="on_site").tables
    assert table.rows[0].rank_low is None
    assert any(
        note.startswith("no rank: the networks of all folds share the images of on_site") for note in table.notes
    )
