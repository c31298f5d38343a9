"""Building: trials → leaderboard. The same records give the same tables."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness.records.origin import origin_of
from harness.records.record import Record
from harness.records.runtime_result import runtime_name
from harness.system.collection import without_collection
from reports.leaderboard.adaptive_seeds import expected_seeds, looks_note, looks_of
from reports.leaderboard.all_columns import all_columns, find_sort_column
from reports.leaderboard.columns.column import Column, RankBasis
from reports.leaderboard.coverage import covered_by
from reports.leaderboard.further_sets import further_estimates
from reports.leaderboard.goals import Goal, reached_by
from reports.leaderboard.leaderboard import Leaderboard
from reports.leaderboard.overall import build_overall
from reports.leaderboard.pareto import mark_dominated, with_front_chances
from reports.leaderboard.published import compare_figure
from reports.leaderboard.ranking import rank_table
from reports.leaderboard.ranking_evidence import (
    RankingEvidence,
    evidence_of,
    further_evidence,
    metric_evidence_of,
    most_common_images,
)
from reports.leaderboard.remarks.idle_settings import idle_setting_notes
from reports.leaderboard.remarks.label_noise import label_noise_note
from reports.leaderboard.remarks.notes import TrialNote, merge_notes, names_text
from reports.leaderboard.remarks.skipped_rows import without_skipped
from reports.leaderboard.remarks.versions import version_notes
from reports.leaderboard.runtime_rows import add_runtimes
from reports.leaderboard.speeds import compare_speeds, speed_of
from reports.leaderboard.table import Row, Table, Unfinished, estimate_of, row_names
from reports.leaderboard.train_sizes import train_size_notes
from reports.leaderboard.tuned_rows import tuned_notes, with_tuned
from reports.statistics.optimism import selection_optimism
from reports.statistics.sample import Sample
from reports.trials.grouping import Group, by_table, combinations, group_trials
from reports.trials.labels import Labels, data_label, label_rows
from reports.trials.pretraining import seen_by
from reports.trials.reading import Trial, read_trials
from zoo.text import one_line, plural

__all__ = ["Leaderboard", "build_leaderboard"]


@without_collection()
def build_leaderboard(
    runs: Iterable[Path | Trial],
    *,
    sort_by: str = "accuracy",
    declared: Sequence[Column] = (),
    versions: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
    rope: float | None = None,
    goal: Goal | None = None,
) -> Leaderboard:
    """Group, rank and order trials.

    Args:
        runs: Folders of records, or trials as pairs of folder and record, in any order. A record that cannot be read
            is left out, with a note. Results of other runtimes count in folders; among pairs, those
            that :func:`reports.trials.reading.with_runtimes` returns.
        sort_by: Key of the column that ranks are based on. Metrics are tested; exact values, such as a number of
            parameters, rank by their order; other columns order rows without ranks.
        declared: Columns of metrics as a catalog declares them, with whether higher is better, and how to test them. A
            metric that is not declared is not tested.
        versions: Versions of metrics by name, as a catalog declares them; numbers of older versions get a note.
        notes: Further notes for the reader, such as records that could not be read.
        rope: Region of practical equivalence over datasets (:attr:`reports.leaderboard.overall.Overall.rope`).
        goal: Validation accuracy for which time, energy and cost are wanted.

    Raises:
        UnknownNameError: If no sortable column is called *sort_by*.
        StoreError: If a folder does not exist or holds no record.
    """
    trials: list[Trial] = []
    paths: list[Path] = []
    for run in runs:
        if isinstance(run, Path):
            paths.append(run)
        else:
            trials.append(run)
    read, problems = read_trials(paths, runtimes=True)
    trials += read
    notes = [*notes, *(f"left out: {problem}" for problem in problems)]
    notes += version_notes((record for _, record in trials), versions or {})
    groups, skips = without_skipped(group_trials(sorted(trials, key=lambda trial: (trial[1].trial_id, str(trial[0])))))
    notes += skips
    groups_by_table = by_table(groups)
    names_by_table = combinations(groups_by_table)
    unranked = [_unranked_table(*pair) for pair in zip(groups_by_table, names_by_table, strict=True)]
    if goal is not None:
        unranked = [
            (_with_goal(table, groups, goal), evidence)
            for (table, evidence), groups in zip(unranked, groups_by_table, strict=True)
        ]
    tables = tuple(table for table, _ in unranked)
    draft = Leaderboard(tables=tables, sort_by=sort_by, notes=tuple(map(one_line, notes)))
    column = find_sort_column(sort_by, all_columns(draft, declared))
    draft = replace(draft, basis=column.basis)
    if column.key != "accuracy" and column.basis is RankBasis.TESTED:
        unranked = [
            _with_metric(table, groups, column) for (table, _), groups in zip(unranked, groups_by_table, strict=True)
        ]
    tables = tuple(
        mark_dominated(rank_table(table, evidence, column), ranks_are_of_accuracy=column.key == "accuracy")
        for table, evidence in unranked
    )
    if column.key == "accuracy":
        tables = tuple(
            _with_label_noise(table, groups[0].example) for table, groups in zip(tables, groups_by_table, strict=True)
        )
    tables = tuple(sorted(tables, key=lambda table: (table.data, table.fingerprint)))
    labels = _labels_over_tables(groups_by_table, names_by_table)
    return replace(draft, tables=tables, overall=build_overall(tables, column, labels, rope=rope))


def _labels_over_tables(tables: Sequence[Sequence[Group]], names: Sequence[Sequence[str]]) -> dict[str, Labels]:
    """Return the labels of each combination among all others, over all datasets."""
    examples: dict[str, Record] = {}
    pairs = zip(tables, names, strict=True)
    for groups, names_of_table in sorted(
        pairs, key=lambda pair: (data_label(pair[0][0].example), pair[0][0].fingerprint)
    ):
        for group, name in zip(groups, names_of_table, strict=True):
            examples.setdefault(name, group.example)
    labels = label_rows(list(examples.values()), over_data=True)
    # Over several datasets, the runtime is part of the name of the model.
    return {
        name: replace(each, model=f"{each.model}, {runtime_name(record)}") if runtime_name(record) else each
        for (name, record), each in zip(examples.items(), labels, strict=True)
    }


def _unranked_table(groups: Sequence[Group], names: Sequence[str]) -> tuple[Table, list[RankingEvidence]]:
    seeds = expected_seeds(groups)
    rows, evidence = [], []
    for group, name, labels in zip(groups, names, label_rows([group.example for group in groups]), strict=True):
        row, basis = _row(group, labels, seeds)
        rows.append(replace(row, combination=name))
        evidence.append(basis)
    rows, speed_notes = compare_speeds(add_runtimes(rows, groups), groups)
    common = _on_common_images(evidence)
    samples = {row.combination: each for row, each in zip(rows, common, strict=True) if each is not None}
    rows = with_tuned(rows, groups)
    info = next((group.example.data for group in groups if group.example.data), None)
    repeated = sum(group.repeated for group in groups)
    notes = list(info.notes) if info else []
    if repeated:
        notes.append(f"{plural(repeated, 'duplicate trial')} left out: its row already has a trial with the same seed")
    notes += _mapping_notes(rows)
    notes += _warning_notes(rows, groups)
    notes += tuned_notes(rows)
    notes += idle_setting_notes(row_names(rows), groups)
    notes += train_size_notes(rows, groups)
    looks = looks_of(groups)
    if looks > 1:
        notes.append(looks_note(looks))
    table = Table(
        data=data_label(groups[0].example),
        fingerprint=next((group.fingerprint for group in groups if group.fingerprint), ""),
        num_test=info.num_test if info else None,
        num_classes=len(info.classes) if info else None,
        rows=tuple(rows),
        notes=tuple(one_line(note) for note in notes),
        looks=looks,
        openings=sum(group.repeated + sum(map(_openings, group.done.values())) for group in groups),
        optimism=selection_optimism(list(samples.values())) if len(samples) > 1 else None,
        speed_notes=tuple(one_line(note) for note in speed_notes),
    )
    return with_front_chances(table, samples), evidence


def _openings(trial: Trial) -> int:
    return len(trial[1].folds) or 1


def _on_common_images(evidence: Sequence[RankingEvidence]) -> list[Sample | None]:
    """Return the sample of each row that was tested on the same images as most."""
    common = most_common_images(basis.images for basis in evidence if basis.sample is not None)
    return [basis.sample if basis.images == common else None for basis in evidence]


def _with_label_noise(table: Table, example: Record) -> Table:
    note = label_noise_note(example.spec.dataset.full_name, table.num_test, table.rows)
    return replace(table, notes=(*table.notes, note)) if note else table


def _with_goal(table: Table, groups: Sequence[Group], goal: Goal) -> Table:
    rows = (
        replace(row, reached=reached_by([group.done[seed] for seed in sorted(group.done)], goal))
        for row, group in zip(table.rows, groups, strict=True)
    )
    return replace(table, rows=tuple(rows))


def _with_metric(table: Table, groups: Sequence[Group], column: Column) -> tuple[Table, list[RankingEvidence]]:
    """Return *table* with the intervals of a metric, and the evidence of its rows about it or about a further set."""
    rows, evidence = [], []
    for row, group in zip(table.rows, groups, strict=True):
        trials = [group.done[seed] for seed in sorted(group.done)]
        basis = metric_evidence_of(trials, column) if column.metric else further_evidence(trials, column.key)
        if basis.interval is not None and column.key in row.metrics:
            estimate = replace(row.metrics[column.key], low=basis.interval.low, high=basis.interval.high)
            row = replace(row, metrics={**row.metrics, column.key: estimate})
        rows.append(row)
        evidence.append(basis)
    return replace(table, rows=tuple(rows)), evidence


def _row(group: Group, labels: Labels, seeds_of_table: set[int]) -> tuple[Row, RankingEvidence]:
    records = [group.done[seed][1] for seed in sorted(group.done)]
    unfinished = {seed: _unfinished(record) for seed, record in group.unfinished.items()}
    origin = group.example.origin or origin_of(group.example.spec)
    # What was not trained here has no seeds of its own.
    for seed in set() if origin else seeds_of_table - set(group.done) - set(unfinished):
        unfinished[seed] = Unfinished(seed=seed, outcome="missing", reason="no record")
    names = dict.fromkeys(name for record in records for name in record.metrics)
    metrics = {}
    for name in names:
        estimate = estimate_of(record.metrics[name].value for record in records if name in record.metrics)
        if estimate is not None:
            metrics[name] = estimate
    evidence = evidence_of([group.done[seed] for seed in sorted(group.done)])
    if evidence.interval is not None and "accuracy" in metrics:
        metrics["accuracy"] = replace(metrics["accuracy"], low=evidence.interval.low, high=evidence.interval.high)
    model = next((record.model for record in records if record.model), group.example.model)
    times = [record.seconds["total"] for record in records if "total" in record.seconds]
    row = Row(
        model=labels.model,
        data=labels.data,
        recipe=labels.recipe,
        rank_low=None,
        rank_high=None,
        seeds=tuple(sorted(group.done)),
        unfinished=tuple(unfinished[seed] for seed in sorted(unfinished)),
        metrics=metrics,
        params=model.params if model else None,
        macs=model.macs if model else None,
        speed=speed_of(records),
        wall_seconds=statistics.fmean(times) if times else None,
        small_images=bool(model and model.small_image_changes),
        trials=tuple(one_line(record.trial_id) for record in records),
        origin=origin,
        published=compare_figure(group.example, origin.published if origin else None, metrics.get("accuracy")),
        seen=seen_by(group.example),
        covers=covered_by(records, evidence),
        further=further_estimates([group.done[seed] for seed in sorted(group.done)], group.folds),
    )
    return row, evidence


def _mapping_notes(rows: Sequence[Row]) -> list[str]:
    """Return a sentence for each way in which classes of heads became those of the dataset, with its rows."""
    found: dict[str, list[str]] = {}
    for row, name in zip(rows, row_names(rows), strict=True):
        if row.origin is not None and row.origin.mapping:
            found.setdefault(one_line(row.origin.mapping, max_length=300), []).append(name)
    return [f"{mapping} ({names_text(names)})" for mapping, names in found.items()]


def _warning_notes(rows: Sequence[Row], groups: Sequence[Group]) -> list[str]:
    """Return a sentence for each kind of warning, with the trials that it concerns."""
    return merge_notes(
        TrialNote(sentence=one_line(warning, max_length=300), row=name, seed=seed)
        for name, group in zip(row_names(rows), groups, strict=True)
        for seed in sorted(group.done)
        for warning in group.done[seed][1].warnings
    )


def _unfinished(record: Record) -> Unfinished:
    failure = record.failure
    reason = f"{failure.kind.value}: {failure.message}" if failure else record.reason
    return Unfinished(seed=record.spec.seed, outcome=record.outcome.value, reason=one_line(reason, max_length=300))
