"""Further results on the page of a row: other test sets with the drop, features and the search."""

from __future__ import annotations

from dataclasses import replace

from harness.records.record import FeatureInfo, TestSetKind
from harness.records.spec import LrTestSpec, SearchSpec
from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.table import Estimate, FurtherEstimate
from reports.site.entries import BoardEntry, entries_of
from reports.site.options import SiteOptions
from reports.site.row.further import FurtherLine, feature_facts, further_sets, search_facts
from reports.statistics.drops import Drop


def entry_with(trials, further) -> BoardEntry:
    (entry,) = entries_of(build_leaderboard(trials), trials)
    return replace(entry, row=replace(entry.row, further=further))


def estimate(source, kind, mean, drop=None, num_sets=1, num_images=0) -> FurtherEstimate:
    accuracy = Estimate(mean=mean, sd=None, n=3, low=mean - 0.02, high=mean + 0.02)
    return FurtherEstimate(
        source=source, kind=kind, accuracy=accuracy, drop=drop, num_sets=num_sets, num_images=num_images
    )


def test_sets_are_grouped_with_accuracy_drop_and_number_of_images(make_trials):
    drop = Drop(mean=0.2, low=0.1504, high=0.25, is_paired=True)
    gain = Drop(mean=-0.05, low=-0.1, high=0.0, is_paired=False)
    entry = entry_with(
        make_trials("net"),
        {
            "corrupted": estimate("2 corruptions", TestSetKind.CORRUPTION, 0.5, drop, 10),
            "on_fog": estimate("fog", TestSetKind.CORRUPTION, 0.6, drop, 5, 1234),
            "worst_slice": estimate("night", TestSetKind.SLICE, 0.4, None, 4),
            "on_later": estimate("folder:later", TestSetKind.DATASET, 0.95, gain, num_images=50),
        },
    )
    assert further_sets(entry) == {
        "Datasets": [
            FurtherLine(name="folder:later", images="50", accuracy="95.0 [93.0, 97.0]", drop="−5.0 [−10.0, 0.0]")
        ],
        "Corruptions": [
            FurtherLine(name="fog", images="1,234", accuracy="60.0 [58.0, 62.0]", drop="20.0 [15.0, 25.0]"),
            FurtherLine(
                name="mean over 2 corruptions",
                images="",
                accuracy="50.0 [48.0, 52.0]",
                drop="20.0 [15.0, 25.0]",
                is_whole=True,
            ),
        ],
        "Slices": [
            FurtherLine(name="lowest of 4: night", images="", accuracy="40.0 [38.0, 42.0]", drop="", is_whole=True)
        ],
    }
    assert further_sets(entry_with(make_trials("other"), {})) == {}


def test_features_say_which_backbone_and_layer(make_trial):
    _, record = make_trial("net")
    assert feature_facts(record) == []
    features = FeatureInfo(
        layer="fc",
        num_features=512,
        weights="ab" * 32,
        num_computed=0,
        num_train=900,
        own_head=False,
        chosen={"C": 0.1},
    )
    facts = dict(feature_facts(record.model_copy(update={"features": features})))
    assert facts == {
        "layer": "fc",
        "features per image": "512",
        "SHA-256 of the backbone": "ab" * 32,
        "training images of the head": "900",
        "head": "a new one behind the backbone",
        "chosen on validation images: C": "0.1",
    }


def test_a_search_says_what_it_tried_and_chose(make_trial):
    _, record = make_trial("net")
    assert search_facts(record) == []
    search = SearchSpec(
        study="s",
        trials=16,
        seconds=65.0,
        budget="16 trials",
        sampler="tpe",
        space={"recipe.lr": "log(0.01, 1)"},
        settings={"recipe.lr": 0.3},
        default_settings={"recipe.lr": 0.1},
        best_value=0.95,
        default_value=0.9,
    )

    def facts_of(search: SearchSpec) -> dict[str, str]:
        spec = record.spec.model_copy(update={"search": search})
        return dict(search_facts(record.model_copy(update={"spec": spec})))

    found = facts_of(search)
    suggestion = "learning rate that its range test suggests"
    assert suggestion not in found
    assert facts_of(search.model_copy(update={"lr_test": LrTestSpec(suggestion=0.1)}))[suggestion] == "0.1"
    none = LrTestSpec(problem="the loss did not fall")
    assert facts_of(search.model_copy(update={"lr_test": none}))[suggestion] == "none: the loss did not fall"
    assert found["recipe.lr"] == "0.3 of log(0.01, 1), the recipe's own 0.1"
    assert (found["trials"], found["time of the trials"]) == ("16", "1 min 05 s")
    assert (found["objective of the chosen trial"], found["objective of the recipe's own settings"]) == (
        "0.9500",
        "0.9000",
    )


def test_the_page_has_them(make_trials):
    from reports.site.build import site_files

    trials = make_trials("net")
    features = FeatureInfo(layer="fc", num_features=512, weights="ab", num_computed=0, num_train=900, own_head=True)
    trials = [(folder, record.model_copy(update={"features": features})) for folder, record in trials]
    board = build_leaderboard(trials)
    (table,) = board.tables
    row = replace(table.rows[0], further={"on_fog": estimate("fog", TestSetKind.CORRUPTION, 0.6)})
    board = replace(board, tables=(replace(table, rows=(row,)),))
    files = site_files(board, trials, SiteOptions())
    (page,) = (files[name].decode() for name in files if name.startswith("rows/"))
    assert "<h2>Further test sets</h2>" in page
    assert "60.0 [58.0, 62.0]" in page
    assert "<summary>Features</summary>" in page
