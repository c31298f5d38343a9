"""Building: records grouped into rows and tables."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from harness.records.origin import Origin, OriginKind
from harness.records.record import FailureKind, Outcome
from reports.leaderboard.all_columns import choose_columns, metric_columns
from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.frame import to_frame
from reports.leaderboard.remarks.footnotes import table_notes
from zoo.errors import StoreError, UnknownNameError
from zoo.metric import Metric


def only_table(leaderboard):
    (table,) = leaderboard.tables
    return table


def test_a_row_is_all_seeds_of_one_combination_with_mean_and_spread(make_trial):
    trials = [make_trial(seed=seed, accuracy=accuracy) for seed, accuracy in enumerate([0.90, 0.92, 0.97])]
    (row,) = only_table(build_leaderboard(trials)).rows
    accuracy = row.metrics["accuracy"]
    assert row.seeds == (0, 1, 2)
    assert accuracy.n == 3
    assert accuracy.mean == pytest.approx(0.93)
    assert accuracy.sd == pytest.approx(statistics.stdev([0.90, 0.92, 0.97]))
    assert accuracy.low < accuracy.mean < accuracy.high
    assert (row.rank_low, row.rank_high) == (1, 1)


def test_one_seed_has_an_interval_and_no_spread(make_trial):
    (row,) = build_leaderboard([make_trial()]).rows
    assert row.metrics["accuracy"].sd is None
    assert row.metrics["accuracy"].low < 0.9 < row.metrics["accuracy"].high


def test_the_order_of_records_changes_nothing(make_trials):
    trials = [*make_trials("a", accuracy=0.9), *make_trials("b", accuracy=0.8), *make_trials("c", accuracy=0.7)]
    assert build_leaderboard(trials) == build_leaderboard(trials[::-1])


def test_datasets_are_never_ranked_together(make_trials):
    leaderboard = build_leaderboard(
        [*make_trials("a", data="x", fingerprint="1" * 64), *make_trials("a", data="y", fingerprint="2" * 64)]
    )
    assert [table.data for table in leaderboard.tables] == ["x", "y"]
    assert all(row.rank_high == 1 for row in leaderboard.rows)


def test_two_contents_of_a_dataset_never_share_a_table(make_trials):
    """mteb#5228: a dataset was uploaded anew, and old and new scores mixed."""
    leaderboard = build_leaderboard([*make_trials("a", fingerprint="1" * 64), *make_trials("b", fingerprint="2" * 64)])
    assert [table.fingerprint[0] for table in leaderboard.tables] == ["1", "2"]
    assert [len(table.rows) for table in leaderboard.tables] == [1, 1]


@pytest.mark.parametrize(
    ("field", "first", "second", "expected"),
    [
        ("hyperparameters", {"lr": 0.1}, {"lr": 0.05}, {"sgd (lr=0.1)", "sgd (lr=0.05)"}),
        ("options", {"width": 1}, {"width": 2}, {"net (width=1)", "net (width=2)"}),
        ("execution", {"precision": "fp32"}, {"precision": "bf16"}, {"sgd (precision=fp32)", "sgd (precision=bf16)"}),
        (
            "execution",
            {"small_images": "on"},
            {"small_images": "off"},
            {"net (small_images=on)", "net (small_images=off)"},
        ),
        ("environment", {"torch": "2.11.0"}, {"torch": "2.15.1+cpu"}, {"net (torch=2.11)", "net (torch=2.15)"}),
        ("full_name", "zoo/net", "timm/net", {"zoo/net", "timm/net"}),
    ],
)
def test_different_settings_give_another_row_with_its_own_label(make_trials, field, first, second, expected):
    rows = build_leaderboard([*make_trials(**{field: first}), *make_trials(**{field: second})]).rows
    assert len(rows) == 2
    assert {row.model for row in rows} | {row.recipe for row in rows} >= expected


@pytest.mark.parametrize(
    "execution", [{"device": "cuda:0"}, {"threads": 4}, {"compile": "on"}, {"measure_seconds": 9.0}]
)
def test_where_it_ran_does_not_make_another_row(make_trial, execution):
    (row,) = build_leaderboard([make_trial(seed=0), make_trial(seed=1, execution=execution)]).rows
    assert row.seeds == (0, 1)


def test_labels_are_plain_if_there_is_nothing_to_distinguish(make_trials):
    row = build_leaderboard([*make_trials("a", hyperparameters={"lr": 0.3}), *make_trials("b", options={"w": 3})]).rows[
        0
    ]
    assert (row.model, row.recipe) == ("a", "sgd (lr=0.3)")  # b was trained by the same recipe with another lr
    row = build_leaderboard(make_trials("c", hyperparameters={"lr": 0.7})).rows[0]
    assert (row.model, row.recipe) == ("c", "sgd")


def test_failed_seeds_are_counted_and_never_enter_the_mean(make_trial):
    trials = [
        make_trial(seed=0, accuracy=0.9),
        make_trial(seed=1, outcome=Outcome.FAILED, failure=(FailureKind.DIVERGED, "the loss is not finite")),
        make_trial(seed=2, outcome=Outcome.INTERRUPTED, reason="stopped by Ctrl-C"),
        make_trial("other", seed=3, accuracy=0.8),
    ]
    row = next(row for row in build_leaderboard(trials).rows if row.model == "net")
    assert row.metrics["accuracy"].mean == pytest.approx(0.9)
    assert row.metrics["accuracy"].n == 1
    assert [(each.seed, each.outcome) for each in row.unfinished] == [(1, "failed"), (2, "interrupted"), (3, "missing")]
    assert row.unfinished[0].reason == "diverged: the loss is not finite"


def test_only_failures_make_a_table_without_ranks(make_trials):
    table = only_table(build_leaderboard(make_trials(outcome=Outcome.FAILED, failure=(FailureKind.DATA, "no images"))))
    assert [row.rank_low for row in table.rows] == [None]
    assert table.fingerprint == ""


def test_no_records_make_an_empty_leaderboard():
    assert build_leaderboard([]).tables == ()
    assert to_frame(build_leaderboard([])).empty


def test_a_seed_that_is_done_once_and_failed_once_is_done(make_trial):
    failed = make_trial(outcome=Outcome.FAILED, failure=(FailureKind.KILLED, "killed"))
    (row,) = build_leaderboard([failed, make_trial()]).rows
    assert (row.seeds, row.unfinished) == ((0,), ())


def test_the_same_seed_twice_counts_once_and_a_note_says_so(make_trial):
    trials = [make_trial(accuracy=0.9), make_trial(accuracy=0.8, measurement_key="other")]
    table = only_table(build_leaderboard(trials))
    assert table.rows[0].seeds == (0,)
    assert any("1 duplicate trial left out" in note for note in table.notes)


def test_a_plugins_metric_sorts_in_the_direction_that_it_declares(make_trial):
    trials = [make_trial("a", metrics={"cost": 5.0}), make_trial("b", metrics={"cost": 3.0})]
    cost = Metric(name="cost", compute=lambda predictions: 0.0, higher_is_better=False)
    assert build_leaderboard(trials, sort_by="cost").rows[0].model == "a"
    assert build_leaderboard(trials, sort_by="cost", declared=metric_columns([("cost", cost)])).rows[0].model == "b"


def test_a_column_that_is_not_there_is_an_error_with_near_names(make_trial):
    with pytest.raises(UnknownNameError, match="'acuracy'; did you mean 'accuracy'") as caught:
        build_leaderboard([make_trial()], sort_by="acuracy")
    assert caught.value.near[0] == "accuracy"


def test_speeds_measured_under_other_conditions_are_marked_and_do_not_rank(make_trial):
    """torchgeo-bench#292: the same network was 2.4 times faster because no GPU was recorded."""
    cpu = {"torch": "2.11.0", "device_name": "a cpu", "driver": "", "threads": 2}
    gpu = {**cpu, "device_name": "a gpu"}
    trials = [
        make_trial("a", environment=cpu, measurement_key="c", speed=100.0),
        make_trial("b", environment=cpu, measurement_key="c", speed=200.0),
        make_trial("c", environment=gpu, measurement_key="g", speed=9000.0),
    ]
    table = only_table(build_leaderboard(trials, sort_by="train_speed"))
    assert [(row.model, row.rank_low) for row in table.rows] == [("b", None), ("a", None), ("c", None)]
    assert [row.speed.comparable for row in table.rows] == [True, True, False]
    assert "device a cpu" in table.speed_notes[0]
    assert table.speed_notes[1] == "† device a gpu: c"
    assert [row.rank_low for row in build_leaderboard(trials).rows] == [1, 1, 1]  # accuracy knows no device


def test_speeds_of_a_row_come_from_the_conditions_that_most_of_its_seeds_had(make_trial):
    trials = [make_trial(seed=seed, speed=100.0 + seed) for seed in range(2)]
    trials.append(make_trial(seed=2, speed=9000.0, measurement_key="other"))
    (row,) = build_leaderboard(trials).rows
    assert row.speed.train == pytest.approx(100.5)


def test_notes_of_datasets_are_shown(make_trial):
    assert "3 images unreadable" in only_table(build_leaderboard([make_trial(notes=("3 images unreadable",))])).notes


def test_warnings_of_trials_are_shown_with_their_seeds(make_trial):
    """accelerate#1934: a micro-batch that had to shrink is shown."""
    warning = "memory did not suffice for 16 images at a time"
    trials = [make_trial(seed=seed) for seed in (0, 1, 2)]
    warned = [
        (folder, record.model_copy(update={"warnings": (warning,)} if record.spec.seed else {}))
        for folder, record in trials
    ]
    assert f"{warning} (2 trials: net, seeds 1, 2)" in only_table(build_leaderboard(warned)).notes


def test_folders_are_read_and_a_broken_record_affects_no_other(make_trial, tmp_path):
    make_trial("good")
    folder, _ = make_trial("torn")
    (folder / "record.json").write_text('{"schema_version": 1, "tri')
    leaderboard = build_leaderboard([tmp_path / "runs"])
    assert [row.model for row in leaderboard.rows] == ["good"]
    assert len(leaderboard.notes) == 1
    assert "record.json cannot be read" in leaderboard.notes[0]


def test_a_folder_reached_twice_counts_once(make_trial, tmp_path):
    folder, _ = make_trial()
    table = only_table(build_leaderboard([tmp_path / "runs", folder]))
    assert table.rows[0].seeds == (0,)
    assert table.notes == ()


def test_a_folder_without_records_is_an_error(tmp_path):
    with pytest.raises(StoreError, match="there are no records in"):
        build_leaderboard([tmp_path])
    with pytest.raises(StoreError, match="there is no folder"):
        build_leaderboard([tmp_path / "nowhere"])


def test_ranking_never_loads_torch(make_trials, tmp_path):
    make_trials()
    code = (
        "import sys; from pathlib import Path; from reports.leaderboard.building import build_leaderboard; "
        "from reports.render.writing import render; "
        f"text = render(build_leaderboard([Path({str(tmp_path / 'runs')!r})]), 'table'); "
        "print(len(text) > 0, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert done.stdout.split() == ["True", "False"], done.stderr


def test_a_row_that_was_not_trained_here_says_so(make_trial):
    trained = make_trial("a")
    kinds = (OriginKind.EVALUATED, OriginKind.PREDICTIONS, OriginKind.ENSEMBLE)
    others = [make_trial("b", origin=Origin(kind=kind, source="b", files={"b": kind * 2})) for kind in kinds]
    leaderboard = build_leaderboard([trained, *others])
    columns = choose_columns(leaderboard)
    (column,) = (each for each in columns if each.key == "origin")
    assert sorted(map(column.text, leaderboard.rows)) == ["", "ensemble", "evaluated", "predictions only"]
    notes = table_notes(leaderboard.tables[0], columns, leaderboard)
    assert [note.split(":")[0] for note in notes[:3]] == ["evaluated", "predictions only", "ensemble"]
    assert "origin" not in {each.key for each in choose_columns(build_leaderboard([trained]))}


def test_files_of_another_content_are_another_row_and_have_a_name_of_their_own(make_trial):
    trials = [
        make_trial("a", origin=Origin(kind=OriginKind.EVALUATED, source="file:a", files={"a": content * 64}))
        for content in "12"
    ]
    names = {row.model for row in build_leaderboard(trials).rows}
    assert len(names) == 2
    assert all(name.startswith("a (content=") for name in names)


def test_a_row_that_was_not_trained_here_misses_no_seed_and_asks_none_of_others(make_trial, make_trials):
    origin = Origin(kind=OriginKind.PREDICTIONS, source="b.csv", files={"b.csv": "b" * 64})
    trained = [make_trial("a", seed=seed) for seed in (4, 5)]
    rows = {row.model: row for row in build_leaderboard([*trained, make_trial("b", origin=origin)]).rows}
    assert rows["a"].unfinished == rows["b"].unfinished == ()
