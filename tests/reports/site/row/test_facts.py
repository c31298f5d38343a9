"""The facts of a row: settings, provenance and seeds, as its records state them."""

from __future__ import annotations

from harness.records.record import FailureKind, Outcome
from reports.leaderboard.all_columns import all_columns
from reports.leaderboard.building import build_leaderboard
from reports.site.entries import entries_of
from reports.site.row import facts as row_facts


def entry_of(trials):
    (entry,) = entries_of(build_leaderboard(trials), trials)
    return entry


def test_settings_name_every_hyperparameter_and_the_size_of_the_model(make_trial):
    _, record = make_trial(hyperparameters={"wd": 5e-4, "nesterov": True})
    settings = {name: dict(pairs) for name, pairs in row_facts.settings(record).items()}
    assert list(settings) == ["Model", "Dataset", "Recipe", "Execution"]
    assert settings["Recipe"] == {"name": "zoo/sgd", "lr": "0.1", "batch_size": "64", "wd": "0.0005", "nesterov": "yes"}
    assert settings["Model"]["parameters"] == "270,000"
    assert settings["Dataset"]["test images"] == "400"
    assert settings["Execution"]["precision"] == "fp32"


def test_each_finished_seed_has_a_line(make_trials):
    rows = row_facts.seed_rows(entry_of(make_trials(seeds=2)))
    assert [(row["seed"], row["accuracy"], row["nll"], row["time"]) for row in rows] == [
        (0, "90.00", "–", "12 s"),
        (1, "90.00", "–", "12 s"),
    ]


def test_failures_carry_their_reason(make_trial):
    trials = [make_trial(seed=0), make_trial(seed=1, outcome=Outcome.FAILED, failure=(FailureKind.OOM, "full"))]
    assert row_facts.failures(entry_of(trials)) == [{"seed": 1, "outcome": "failed", "reason": "oom: full"}]


def test_provenance_names_code_and_data(make_trial):
    lines = dict(row_facts.provenance(entry_of([make_trial()])))
    assert lines["model provided by"] == "zoo 1 (zoo), code c0de"
    assert lines["dataset fingerprint"] == "f" * 64


def test_cells_without_a_value_are_no_facts(make_trial):
    trials = [make_trial(speed=None)]
    groups = row_facts.facts(entry_of(trials), all_columns(build_leaderboard(trials)))
    facts = {fact.title: fact.text for found in groups.values() for fact in found}
    assert facts["acc %"] == "90.0"
    assert "train img/s" not in facts
    assert "Speed and memory" not in groups


def test_numbers_stand_in_groups_and_few_in_front(make_trials):
    trials = make_trials("net")
    groups = row_facts.facts(entry_of(trials), all_columns(build_leaderboard(trials)))
    assert {name: [fact.key for fact in found][:2] for name, found in groups.items()} == {
        "Quality": ["accuracy", "interval"],
        "Size and cost": ["params", "macs"],
        "Speed and memory": ["train_speed", "train_compute_speed"],
        "Runs": ["seeds", "conditions"],
    }
    front = row_facts.headline(groups)
    assert [fact.key for fact in front] == ["accuracy", "inference_speed", "params"]
    quality = {fact.key: fact.text for fact in groups["Quality"]}
    assert (front[0].title, front[0].text) == ("acc %, 95 % interval", quality["accuracy"])
    assert front[0].spread == quality["interval"]


def test_without_a_speed_a_cost_stands_in_front(make_trial):
    trials = [make_trial(speed=None)]
    groups = row_facts.facts(entry_of(trials), all_columns(build_leaderboard(trials)))
    assert [fact.key for fact in row_facts.headline(groups)] == ["accuracy", "params", "macs"]


def test_columns_of_seeds_that_are_empty_throughout_are_told_apart():
    seeds = [{"nll": "–", "time": "1 s", "warnings": []}, {"nll": "–", "time": "–", "warnings": []}]
    assert row_facts.filled_columns(seeds) == {"time"}


def test_images_that_were_not_at_hand_have_no_size_and_no_splits(make_trial):
    _, record = make_trial()
    unknown = dict.fromkeys(("image_size", "channels", "num_train", "num_val"))
    record = record.model_copy(update={"data": record.data.model_copy(update=unknown)})
    settings = dict(row_facts.settings(record)["Dataset"])
    assert settings == {"name": "zoo/toy", "test images": "400"}


def test_signs_that_tables_explain_do_not_stand_in_front(make_trials):
    trials = [*make_trials("net", accuracy=0.9), *make_trials("worse", accuracy=0.5, params=300_000)]
    leaderboard = build_leaderboard(trials)
    best, _ = entries_of(leaderboard, trials)
    groups = row_facts.facts(best, all_columns(leaderboard))
    by_key = {fact.key: fact.text for found in groups.values() for fact in found}
    assert by_key["params"] == "270 k*"
    assert {fact.key: fact.text for fact in row_facts.headline(groups)}["params"] == "270 k"


def test_a_warning_of_several_seeds_stands_once():
    seeds = [{"seed": seed, "warnings": ["slow", *(["odd"] if seed == 1 else [])]} for seed in range(3)]
    assert row_facts.warnings(seeds) == {"slow": "seeds 0–2", "odd": "seed 1"}
