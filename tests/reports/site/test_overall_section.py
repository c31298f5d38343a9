"""The overall section: rows over all datasets, or why there are none."""

from __future__ import annotations

from harness.records.record import FailureKind, Outcome
from reports.leaderboard.all_columns import all_columns
from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.columns.cells import interval_text
from reports.site.overall_section import MOST_ROWS, NUM_LEVELS, overall_section


def section(trials):
    leaderboard = build_leaderboard(trials)
    return overall_section(leaderboard, all_columns(leaderboard))


def both(make_trials, name, first, second):
    return [
        *make_trials(name, data="one", accuracy=first),
        *make_trials(name, data="two", accuracy=second, fingerprint="e" * 64),
    ]


def test_the_section_has_the_cells_of_the_overall_table_and_a_shade_for_each_dataset(make_trials):
    trials = [*both(make_trials, "best", 0.9, 0.8), *both(make_trials, "worst", 0.5, 0.7)]
    trials += [*both(make_trials, "middle", 0.7, 0.9), *make_trials("partial", data="one", accuracy=0.6)]
    found = section(trials)
    titles = [column["title"] for column in found["columns"]]
    assert titles == ["model", "recipe", "mean rank", "wins %", "improvability %", "sure wins %"], "no empty interval"
    assert [dict(zip(titles, row, strict=True))["mean rank"] for row in found["rows"]] == ["1.50", "1.50", "3.00"]
    heat = {row["name"]: row["cells"] for row in found["heat"]["rows"]}
    assert found["heat"]["data"] == ["one", "two"]
    assert [cell["level"] for cell in heat["best"]] == [NUM_LEVELS - 1, (NUM_LEVELS - 1) // 2]
    assert [cell["level"] for cell in heat["worst"]] == [0, 0]
    assert heat["partial"][1] == {"text": "–", "level": None}
    assert heat["best"][0]["text"] == "90.0 ± 0.0"


def test_each_row_has_its_value_on_each_dataset_with_the_interval_that_its_table_shows(make_trials):
    trials = [*both(make_trials, "worse", 0.5, 0.7), *both(make_trials, "better", 0.9, 0.8)]
    leaderboard = build_leaderboard(trials)
    found = overall_section(leaderboard, all_columns(leaderboard))
    place = [column["title"] for column in found["columns"]].index("model")
    assert [row[place] for row in found["rows"]] == ["better", "worse"]
    assert [[each["text"] for each in row] for row in found["on_each"]] == [
        ["90.0 ± 0.0", "80.0 ± 0.0"],
        ["50.0 ± 0.0", "70.0 ± 0.0"],
    ]
    shown = {(row.model, table.data): interval_text(row) for table in leaderboard.tables for row in table.rows}
    assert [each["interval"] for each in found["on_each"][0]] == [shown["better", "one"], shown["better", "two"]]
    assert shown["better", "one"].startswith("[")


def test_a_name_has_its_recipe_only_where_its_model_has_several(make_trials):
    trials = [*both(make_trials, "plain", 0.9, 0.8), *both(make_trials, "twice", 0.5, 0.7)]
    trials += make_trials("twice", data="one", accuracy=0.6, recipe="adam")
    trials += make_trials("probed", data="one", accuracy=0.95, recipe="probe")
    names = [row["name"] for row in section(trials)["heat"]["rows"]]
    assert sorted(names) == ["plain", "probed", "twice, adam", "twice, sgd"]


def test_a_row_that_failed_everywhere_is_not_in_the_heat_map(make_trials, make_trial):
    trials = [*both(make_trials, "a", 0.9, 0.8), *both(make_trials, "b", 0.5, 0.7)]
    for data, fingerprint in (("one", "f" * 64), ("two", "e" * 64)):
        failure = (FailureKind.DIVERGED, "the loss is not finite")
        trials.append(make_trial("dead", data=data, fingerprint=fingerprint, outcome=Outcome.FAILED, failure=failure))
    assert [row["name"] for row in section(trials)["heat"]["rows"]] == ["a", "b"]


def test_where_lower_is_better_the_lowest_value_is_darkest(make_trial):
    trials = [
        make_trial(name, data=data, params=params, fingerprint=fingerprint)
        for name, params in (("small", 10), ("large", 1000))
        for data, fingerprint in (("one", "f" * 64), ("two", "e" * 64))
    ]
    leaderboard = build_leaderboard(trials, sort_by="params")
    heat = overall_section(leaderboard, all_columns(leaderboard))["heat"]
    assert [(row["name"], row["cells"][0]["level"]) for row in heat["rows"]] == [
        ("small", NUM_LEVELS - 1),
        ("large", 0),
    ]


def test_the_chart_has_mean_ranks_and_no_interval_with_few_datasets(make_trials):
    found = section([*both(make_trials, "a", 0.9, 0.9), *both(make_trials, "b", 0.5, 0.5)])
    assert [(each["short"], each["y"], each["low"]) for each in found["chart"]["points"]] == [
        ("a", 1.0, None),
        ("b", 2.0, None),
    ]
    assert any(note.startswith("no interval: 2 datasets are too few") for note in found["notes"])


def test_with_one_dataset_the_section_says_why_there_is_none(make_trials):
    assert section(make_trials("a")) == {
        "absence": "no overall table: it needs results on at least two datasets, and there are some on 1"
    }


def test_with_one_row_on_all_datasets_the_section_says_why_there_is_none(make_trials):
    found = section([*both(make_trials, "a", 0.9, 0.8), *make_trials("b", data="one")])
    assert found["absence"] == (
        "no overall table: it needs at least two rows with a comparable accuracy on each of the 2 datasets, and 1 has "
        "results on all"
    )


def test_many_rows_are_counted(make_trial):
    trials = []
    for index in range(MOST_ROWS + 2):
        accuracy = 0.3 + 0.01 * index
        trials.append(make_trial(f"net{index:02}", data="one", accuracy=accuracy))
        trials.append(make_trial(f"net{index:02}", data="two", accuracy=accuracy, fingerprint="e" * 64))
    found = section(trials)
    assert len(found["rows"]) == len(found["chart"]["points"]) == MOST_ROWS
    assert found["more"] == "and 2 more rows, which leaderboard.csv lists"
