"""Labels: a row is named by what distinguishes it from the others."""

from __future__ import annotations

from harness.records.origin import Origin, OriginKind
from harness.records.spec import SearchSpec
from reports.trials.grouping import by_table, group_trials
from reports.trials.labels import data_label, label_rows, torch_minor, tuned_text
from zoo.preparation import Preparation


def recipes(make_trial, *settings):
    return [each.recipe for each in label_rows([make_trial(hyperparameters=own)[1] for own in settings])]


def test_rows_of_different_names_need_no_settings(make_trial):
    labels = label_rows([make_trial("a", hyperparameters={"lr": 1})[1], make_trial("b", recipe="adam")[1]])
    assert [(each.model, each.recipe) for each in labels] == [("a", "sgd"), ("b", "adam")]


def test_a_setting_that_all_share_is_not_named(make_trial):
    assert recipes(make_trial, {"lr": 0.1, "wd": 0}, {"lr": 0.2, "wd": 0}) == ["sgd (lr=0.1)", "sgd (lr=0.2)"]


def test_a_row_names_only_what_sets_it_apart(make_trial):
    labels = recipes(make_trial, {"lr": 0.1, "wd": 0}, {"lr": 0.1, "wd": 1}, {"lr": 0.2, "wd": 0})
    assert labels == ["sgd (lr=0.1, wd=0)", "sgd (wd=1)", "sgd (lr=0.2)"]


def test_weights_are_named_before_a_setting_that_goes_with_them(make_trial):
    """Training from scratch takes other learning rates than fine-tuning; the weights are what the rows are about."""
    labels = recipes(make_trial, {"lr_scale": 0.1, "pretrained": True}, {"lr_scale": 1.0, "pretrained": False})
    assert labels == ["sgd (pretrained=True)", "sgd (pretrained=False)"]


def test_labels_of_a_grid_are_all_different(make_trial):
    grid = [{"lr": lr, "wd": wd, "epochs": epochs} for lr in (1, 2) for wd in (0, 1) for epochs in (5, 6)]
    assert len(set(recipes(make_trial, *grid))) == 8


def test_one_name_of_two_providers_becomes_the_full_names(make_trial):
    records = [make_trial("net", full_name=name)[1] for name in ("timm/net", "torchvision/net")]
    assert [each.model for each in label_rows(records)] == ["timm/net", "torchvision/net"]


def test_a_trial_without_a_torch_version_makes_no_separate_row(make_trial):
    known = make_trial(environment={"torch": "2.11.0+cu128"})[1]
    unknown = make_trial(environment={"device_name": "a cpu"})[1]
    assert [each.model for each in label_rows([known, unknown])] == ["net", "net"]
    assert (torch_minor(known), torch_minor(unknown)) == ("2.11", "")


def test_the_dataset_is_named_with_what_was_limited(make_trial):
    record = make_trial()[1]
    dataset = record.spec.dataset.model_copy(update={"limit_train": 1000, "folds": 5, "bit_depth": 12})
    assert data_label(record.model_copy(update={"spec": record.spec.model_copy(update={"dataset": dataset})})) == (
        "toy (12 bits, 5 folds, train 1,000)"
    )


def test_seeds_of_other_splits_are_one_row_of_a_table_that_says_so(make_trial):
    trials = []
    for folder, record in (make_trial(seed=0), make_trial(seed=1), make_trial(seed=2)):
        dataset = record.spec.dataset.model_copy(update={"resplit": record.spec.seed})
        spec = record.spec.model_copy(update={"dataset": dataset})
        trials.append((folder, record.model_copy(update={"spec": spec})))
    (group,) = group_trials(trials)
    assert sorted(group.done) == [0, 1, 2]
    assert data_label(group.example) == "toy (resplit)"
    assert len(by_table(group_trials([*trials, make_trial("other")]))) == 2


def test_a_network_reduced_for_small_images_says_so_in_its_name(make_trial):
    records = [make_trial("net", small=small)[1] for small in (True,)] + [make_trial("other")[1]]
    assert [labels.model for labels in label_rows(records)] == ["net@small", "other"]
    assert [labels.model for labels in label_rows(records, over_data=True)] == ["net", "other"]


def prepared(trial, size):
    record = trial[1]
    return record.model_copy(update={"spec": record.spec.model_copy(update={"preparation": Preparation(size=size)})})


def test_sizes_of_images_are_named_over_datasets_only_if_nothing_else_sets_rows_apart(make_trial):
    plain, probed = prepared(make_trial(), 8), prepared(make_trial(recipe="probe"), 224)
    assert [each.model for each in label_rows([plain, probed])] == ["net (image_size=8)", "net (image_size=224)"]
    assert [each.model for each in label_rows([plain, probed], over_data=True)] == ["net", "net"]
    small, large = plain, prepared(make_trial(seed=1), 224)
    labels = label_rows([small, large], over_data=True)
    assert [each.model for each in labels] == ["net (image_size=8)", "net (image_size=224)"]


def tuned(trial, **changes):
    record = trial[1]
    given = {"study": "s", "trials": 16, "seconds": 2460, "budget": "16 trials", "sampler": "tpe", **changes}
    return record.model_copy(update={"spec": record.spec.model_copy(update={"search": SearchSpec(**given)})})


def test_what_was_not_trained_here_is_no_default_of_a_search(make_trial):
    given = Origin(kind=OriginKind.EVALUATED, source="file:net.safetensors")
    records = [
        make_trial(recipe="as_published", origin=given)[1],
        make_trial()[1],
        tuned(make_trial(hyperparameters={"lr": 0.2})),
    ]
    assert [labels.recipe for labels in label_rows(records)] == [
        "as_published",
        "sgd, default",
        "sgd, tuned, 16 trials, 41 min",
    ]


def test_searches_of_the_same_cost_and_choice_are_told_apart_by_what_they_searched(make_trial):
    records = [
        tuned(make_trial(seed=seed), space={"recipe.lr": text, "recipe.momentum": "uniform(0.5, 0.9)"})
        for seed, text in enumerate(("log(0.01, 1)", "log(0.1, 1)"))
    ]
    assert [labels.recipe for labels in label_rows(records)] == [
        "sgd, tuned, 16 trials, 41 min (space of lr=log(0.01, 1))",
        "sgd, tuned, 16 trials, 41 min (space of lr=log(0.1, 1))",
    ]


def test_a_tuned_row_says_at_what_cost_and_the_others_beside_it_that_they_are_not(make_trial):
    records = [
        make_trial()[1],
        make_trial(hyperparameters={"lr": 9})[1],
        tuned(make_trial(hyperparameters={"lr": 0.2})),
    ]
    assert [labels.recipe for labels in label_rows(records)] == [
        "sgd, default (lr=0.1)",
        "sgd, default (lr=9)",
        "sgd, tuned, 16 trials, 41 min",
    ]
    assert [labels.recipe for labels in label_rows(records[:1])] == ["sgd"]


def test_repeated_searches_are_counted_and_a_row_without_one_is_not_marked():
    assert tuned_text(None) == ""
    search = SearchSpec(study="s", trials=1, seconds=3, budget="1 trial or 9s", sampler="tpe")
    assert tuned_text(search) == "tuned, 1 trial, 3.0 s"
    assert tuned_text(search.model_copy(update={"seconds": 9000})) == "tuned, 1 trial, 2.5 h"
    assert tuned_text(search.model_copy(update={"repeats": 3})) == "tuned, 3 searches of 1 trial or 9s"
