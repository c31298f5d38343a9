"""Grouping: trials → rows, and rows → tables, so that only comparable trials meet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

from harness.records.keys import row_fields
from harness.records.record import Outcome, Record
from harness.records.runtime_result import runtime_name
from harness.records.spec import ASKED, stable_hash
from reports.trials.labels import data_label, sized, torch_minor
from reports.trials.reading import Trial


@dataclass(kw_only=True)
class Group:
    """The trials of one row."""

    done: dict[int, Trial] = field(default_factory=dict)
    """Finished trials by seed."""
    unfinished: dict[int, Record] = field(default_factory=dict)
    """Records of other trials by seed."""
    repeated: int = 0
    """Number of trials left out because another one has the same seed."""
    fingerprint: str = ""
    folds: list[Trial] = field(default_factory=list)
    """Trials of the folds that the finished trials were pooled from, as far as they are among those grouped."""

    @property
    def example(self) -> Record:
        """A record with the names and settings that all trials of the row share."""
        return next(iter(self.done.values()))[1] if self.done else next(iter(self.unfinished.values()))


def _spec_key(record: Record, known: dict[str, str]) -> str:
    """Return a key that all trials of a row share, apart from the images and the version of torch.

    *known* caches keys by an unsorted dump of the spec, which is quicker to write.
    """
    execution = record.spec.execution
    quick = record.spec.model_dump_json(exclude={"seed": True, "execution": True, "dataset": {"resplit"}})
    origin = "" if record.origin is None else record.origin.model_dump_json()
    drawn = record.spec.dataset.resplit is not None
    quick = f"{drawn} {runtime_name(record)} {execution.precision} {execution.small_images} {origin} {quick}"
    if quick not in known:
        known[quick] = row_key(record)
    return known[quick]


def row_key(record: Record) -> str:
    """Return all that the trials of a row share, apart from the images and the version of torch, as JSON.

    Names are full names, since a short one may become ambiguous. Device, threads and compilation change speeds and
    rounding, not the identity of a row; the code that reads the dataset changes nothing if its images are the same.
    """
    spec, execution = record.spec, record.spec.execution
    # What was asked for counts by what became of it, which records of earlier versions do not state.
    left_out = {"display_name", "provider", "version", "resplit", *ASKED}
    dataset = spec.dataset.model_dump(mode="json", exclude=left_out) | {"resplit": spec.dataset.resplit is not None}
    key = [row_fields(spec, record.origin), dataset, execution.small_images, runtime_name(record)]
    if spec.preparation is None:
        dataset["image_size"] = spec.dataset.image_size
    else:
        key.append(asdict(spec.preparation))
    return json.dumps(key, sort_keys=True)


def group_trials(trials: Iterable[Trial]) -> list[Group]:
    """Group trials into rows. A trial that failed early joins the row of its spec.

    Cross-validation folds are not seeds: a seed counts once its folds are pooled, and is unfinished until then.
    """
    trials = list(trials)
    folds = {
        (folder.parent, record.trial_id): (folder, record)
        for folder, record in trials
        if record.spec.dataset.fold is not None and not runtime_name(record)
    }
    trials = without_folds(trials)
    groups: dict[str, dict[tuple[str, str], Group]] = {}
    known: dict[str, str] = {}
    waiting: list[Trial] = []
    for folder, record in trials:
        if record.outcome is not Outcome.DONE or record.data is None:
            waiting.append((folder, record))
            continue
        exact = (record.data.fingerprint, torch_minor(record))
        group = groups.setdefault(_spec_key(record, known), {}).setdefault(exact, Group(fingerprint=exact[0]))
        if record.spec.seed in group.done:
            group.repeated += 1
        else:
            group.done[record.spec.seed] = (folder, record)
            places = [(folder.parent, name) for name in record.folds]
            group.folds += [folds[place] for place in places if place in folds]
    for _, record in waiting:
        siblings = groups.setdefault(_spec_key(record, known), {})
        exact = (record.data.fingerprint if record.data else "", torch_minor(record))
        fitting = [
            key for key in siblings if (not exact[0] or key[0] == exact[0]) and (not exact[1] or key[1] == exact[1])
        ]
        key = fitting[0] if fitting else exact
        group = siblings.setdefault(key, Group(fingerprint=key[0]))
        if record.spec.seed not in group.done:
            group.unfinished.setdefault(record.spec.seed, record)
    return [group for siblings in groups.values() for group in siblings.values()]


def without_folds(trials: Iterable[Trial]) -> list[Trial]:
    """Return trials without single folds; a seed whose folds are not pooled is represented by an unfinished trial."""
    trials = list(trials)
    covered = {fold for _, record in trials for fold in record.folds}
    found = [trial for trial in trials if trial[1].spec.dataset.fold is None]
    seeds: dict[str, dict[tuple[str, str], list[Trial]]] = {}
    waiting: list[Trial] = []
    for trial in trials:
        record = trial[1]
        if record.spec.dataset.fold is None or record.trial_id in covered:
            continue
        if record.data is None:
            waiting.append(trial)
        else:
            exact = (record.data.whole_fingerprint, torch_minor(record))
            seeds.setdefault(_seed_key(record), {}).setdefault(exact, []).append(trial)
    for trial in waiting:  # trials that ended before reading images join the others of their seed
        siblings = seeds.setdefault(_seed_key(trial[1]), {})
        siblings.setdefault(next(iter(siblings), ("", "")), []).append(trial)
    found += [_unfinished_seed(folds) for siblings in seeds.values() for folds in siblings.values()]
    return found


def _seed_key(record: Record) -> str:
    """Return a key that the folds of a seed share, apart from the images and the version of torch."""
    return f"{record.spec.seed} {row_key(record.model_copy(update={'spec': record.spec.whole}))}"


def _unfinished_seed(folds: list[Trial]) -> Trial:
    """Return an unfinished trial for a seed whose folds are missing or not pooled."""
    records = sorted((record for _, record in folds), key=lambda record: record.spec.dataset.fold or 0)
    wanted = records[0].spec.dataset.folds
    done = {record.spec.dataset.fold for record in records if record.outcome is Outcome.DONE}
    culprit = next((record for record in records if record.outcome is not Outcome.DONE), None)
    reason = f"{len(done)} of {wanted} folds have finished"
    if culprit is not None:
        reason += f"; fold {culprit.spec.dataset.fold}: {culprit.reason or culprit.outcome.value}"
    elif len(done) == wanted:
        reason += "; run the same zoo bench again to pool them"
    example = culprit or records[0]
    info = next((record.data for record in records if record.data is not None), None)
    record = example.model_copy(
        update={
            "spec": example.spec.whole,
            "outcome": Outcome.INTERRUPTED if culprit is None else culprit.outcome,
            "failure": culprit.failure.model_copy(update={"message": reason}) if culprit and culprit.failure else None,
            "reason": reason,
            "data": info
            and info.model_copy(
                update={
                    "fingerprint": info.whole_fingerprint,
                    "whole_fingerprint": "",
                    "num_test": (info.num_train or 0) + (info.num_val or 0) + info.num_test,
                }
            ),
            "metrics": {},
            "speed": None,
        }
    )
    return folds[0][0], record


def combinations(tables: Iterable[Sequence[Group]]) -> list[list[str]]:
    """Return a key of each row of each table that is unique within its table and the same on other datasets.

    How images are prepared, and whether early strides are reduced, depends on the images of each dataset, so these are
    part of the key only if rows differ in nothing else.
    """
    tables = list(tables)
    settled = [[_settings(group.example) for group in groups] for groups in tables]
    found = _with_torch(tables, settled)
    if all(len(set(names)) == len(names) for names in found):
        return found
    images = [[_images(group.example) for group in groups] for groups in tables]
    return [[stable_hash(pair)[:16] for pair in zip(*pairs, strict=True)] for pairs in zip(found, images)]


def _images(record: Record) -> object:
    small_images, preparation = record.spec.execution.small_images, record.spec.preparation
    return small_images if preparation is None else [small_images, asdict(preparation)]


def _settings(record: Record) -> str:
    return stable_hash([row_fields(record.spec, record.origin), runtime_name(record)])


def _with_torch(tables: Sequence[Sequence[Group]], settings: Sequence[Sequence[str]]) -> list[list[str]]:
    """Add the version of torch; a row that failed before it was known joins the only version of its settings."""
    versions = [[torch_minor(group.example) for group in groups] for groups in tables]
    known: dict[str, set[str]] = {}
    for settings_of_table, versions_of_table in zip(settings, versions, strict=True):
        for key, version in zip(settings_of_table, versions_of_table, strict=True):
            if version:
                known.setdefault(key, set()).add(version)

    def name(key: str, version: str) -> str:
        candidates = known.get(key, set())
        return stable_hash([key, version or (min(candidates) if len(candidates) == 1 else "")])[:16]

    return [list(map(name, *pair)) for pair in zip(settings, versions, strict=True)]


def by_table(groups: Iterable[Group]) -> list[list[Group]]:
    """Group rows by the images they were tested on; a row without images joins its dataset if that is unique."""
    tables: dict[tuple[object, str], list[Group]] = {}
    homeless: list[Group] = []
    for group in groups:
        if group.fingerprint:
            tables.setdefault((_data_key(group.example), group.fingerprint), []).append(group)
        else:
            homeless.append(group)
    for group in homeless:
        data = _data_key(group.example)
        same_name = [key for key in tables if key[0] == data and key[1]]
        tables.setdefault(same_name[0] if len(same_name) == 1 else (data, ""), []).append(group)
    # The same images under one label are one table, though two plugins may have a dataset of that name.
    shown: dict[tuple[str, str], list[Group]] = {}
    for (_, fingerprint), members in tables.items():
        shown.setdefault((data_label(members[0].example), fingerprint), []).extend(members)
    return list(shown.values())


def _data_key(record: Record) -> tuple[object, ...]:
    """Return what a data label shows, with the full name, since a short one may become ambiguous."""
    data = record.spec.dataset
    shown = (sized(record), data.bit_depth, data.folds, data.resplit is None, data.limit_train, data.limit_test)
    return (data.full_name, data.argument, *shown)
