"""Tuned rows: what their search cost, what it chose, and what that gained over the recipe's own settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.records.spec import SearchSpec, TrialSpec, stable_hash
from reports.leaderboard.columns.cells import points_text
from reports.leaderboard.ranking_evidence import read_seeds
from reports.leaderboard.table import Row, Tuned, row_names
from reports.statistics.contrast import Contrast
from reports.trials.correctness import folds_of
from reports.trials.grouping import Group
from zoo.space import values_text
from zoo.text import duration, plural

LR = "recipe.lr"


def with_tuned(rows: Sequence[Row], groups: Sequence[Group]) -> list[Row]:
    """Return *rows* with what is known of the searches of those that were tuned.

    Args:
        rows: Rows of one table.
        groups: Their trials, in the same order.
    """
    defaults = {_without_search(group.example.spec): group for group in groups if not _searches(group)}
    found = []
    for row, group in zip(rows, groups, strict=True):
        searches = _searches(group)
        if searches:
            default = defaults.get(_default_of(group.example.spec, searches[0]))
            row = replace(row, tuned=_tuned(searches, group, default))
        found.append(row)
    return found


def tuned_notes(rows: Sequence[Row]) -> list[str]:
    """Return what tuned rows are, and a sentence for each about its search."""
    tuned = [(name, row.tuned) for row, name in zip(rows, row_names(rows), strict=True) if row.tuned is not None]
    if not tuned:
        return []
    notes = [
        "tuned: settings chosen by validation accuracy in a search, trained anew with fresh seeds and tested once for "
        "each; default: as the recipe has them, or as given"
    ]
    notes += [_sentence(name, each) for name, each in tuned]
    if any(each.repeats == 1 for _, each in tuned):
        notes.append(
            "a tuned row of one search: its interval leaves out that another search may choose other settings "
            "(--tune-repeats)"
        )
    return notes


def _sentence(name: str, tuned: Tuned) -> str:
    cost = f"({plural(tuned.trials, 'trial')}, {duration(tuned.seconds)})"
    if tuned.lr_ranges:
        tests = "a range test" if len(tuned.lr_ranges) == 1 else "range tests"
        cost += f"; learning rates searched, by {tests}: {'; '.join(dict.fromkeys(tuned.lr_ranges))}"
    if not any(tuned.settings):
        found = "the search found" if tuned.repeats == 1 else "the searches found"
        return f"{name}: {found} nothing better than the default, whose results these are {cost}"
    parts = [name]
    if tuned.gain is not None:
        interval = ""
        if tuned.gain_low is not None and tuned.gain_high is not None:
            interval = f" [{points_text(tuned.gain_low)}, {points_text(tuned.gain_high)}]"
        if tuned.gain < 0:
            lost = points_text(-tuned.gain).removeprefix("+")
            parts.append(f"lost {lost} points (gain {points_text(tuned.gain)}{interval}) to default on the test images")
        else:
            parts.append(f"gained {points_text(tuned.gain)} points{interval} over default on the test images")
    parts.append("; ".join(dict.fromkeys(each or "the default settings" for each in tuned.settings)))
    return ": ".join(parts) + f" {cost}"


def _tuned(searches: Sequence[SearchSpec], group: Group, default: Group | None) -> Tuned:
    gain = None if default is None else _gain(group, default)
    distinct = {search.repeat: search for search in searches}
    settings = tuple(values_text(distinct[repeat].settings) for repeat in sorted(distinct))
    # Where all settings are the default's, so are the predictions: there is nothing to be unsure of.
    low, high = gain.interval() if gain is not None and any(settings) else (None, None)
    return Tuned(
        trials=sum(search.trials for search in distinct.values()),
        seconds=sum(search.seconds for search in distinct.values()),
        budget=searches[0].budget,
        repeats=searches[0].repeats,
        settings=settings,
        lr_ranges=tuple(distinct[repeat].space[LR] for repeat in sorted(distinct) if distinct[repeat].lr_test),
        gain=None if gain is None else gain.change,
        gain_low=low,
        gain_high=high,
    )


def _gain(tuned: Group, default: Group) -> Contrast | None:
    """Return what a row gained over another one, paired by seed and test image; None if it cannot be known."""
    seeds = sorted(tuned.done.keys() & default.done.keys())
    one, other = (read_seeds([group.done[seed] for seed in seeds]) for group in (tuned, default))
    if isinstance(one, str) or isinstance(other, str) or one[0].images != other[0].images:
        return None
    tuned_SN, default_SN = (np.stack([each.correct_N for each in read]) for read in (one, other))
    return Contrast.of(default_SN, tuned_SN, is_paired_by_seed=True, folds=(folds_of(other), folds_of(one)))


def _searches(group: Group) -> list[SearchSpec]:
    """Return the search of each finished seed, or of the others if none has finished."""
    records = [group.done[seed][1] for seed in sorted(group.done)] or [group.example]
    return [record.search for record in records if record.search is not None]


def _without_search(spec: TrialSpec) -> str:
    """Return a key of the settings of a trial that was not tuned."""
    return stable_hash(_parts(spec, spec.recipe.hyperparameters, spec.architecture.options))


def _default_of(spec: TrialSpec, search: SearchSpec) -> str:
    """Return that key of the row with the settings that a search began with."""
    hyperparameters, options = dict(spec.recipe.hyperparameters), dict(spec.architecture.options)
    for key, value in search.default_settings.items():
        target, _, name = key.partition(".")
        (hyperparameters if target == "recipe" else options)[name] = value
    return stable_hash(_parts(spec, hyperparameters, options))


def _parts(spec: TrialSpec, hyperparameters: Mapping[str, object], options: Mapping[str, object]) -> list[object]:
    names = [spec.architecture.full_name, spec.architecture.provider.code_hash, spec.recipe.full_name]
    execution = [spec.execution.precision, spec.execution.small_images]
    return [*names, spec.recipe.provider.code_hash, hyperparameters, options, execution]
