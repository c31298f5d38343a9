"""Model cards: the YAML that the Hub reads, and the table that people read."""

from __future__ import annotations

import json

from reports.leaderboard.building import build_leaderboard
from reports.site.entries import entries_of
from reports.site.model_card import model_card


def card_of(trials, model):
    entries = entries_of(build_leaderboard(trials), trials)
    return model_card(next(entry for entry in entries if entry.row.model == model))


def test_the_front_matter_holds_the_metrics_without_rounding(make_trials):
    trials = make_trials("net", accuracy=0.75)
    front = dict(line.split(": ", 1) for line in card_of(trials, "net").split("---")[1].strip().splitlines())
    assert json.loads(front["pipeline_tag"]) == "image-classification"
    (result,) = json.loads(front["model-index"])[0]["results"]
    accuracy = next(metric for metric in result["metrics"] if metric["type"] == "accuracy")
    assert accuracy == {"type": "accuracy", "name": "Accuracy, mean over 3 seeds", "value": 0.75}


def test_the_table_gives_rank_interval_and_size(make_trials):
    card = card_of([*make_trials("good", accuracy=0.95), *make_trials("bad", accuracy=0.5)], "bad")
    assert "| accuracy, mean over 3 seeds | 50.00 ± 0.00 % |" in card
    assert "| rank | 2 of 2 |" in card
    assert "| parameters | 270,000 |" in card
    assert "zoo bench --models zoo/bad" in card


def test_one_seed_is_in_the_singular(make_trial):
    assert "| accuracy, mean over 1 seed | 90.00 % |" in card_of([make_trial("net")], "net")


def test_names_cannot_add_yaml_or_markdown(make_trial):
    card = card_of([make_trial('x"\n---\nevil: yes', full_name="zoo/x")], 'x" --- evil: yes')
    front = card.split("\n---\n")[0]
    assert all(
        line.partition(": ")[0] in ("---", "library_name", "pipeline_tag", "tags", "model-index")
        for line in front.splitlines()
    )
