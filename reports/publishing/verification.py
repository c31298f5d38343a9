"""Verification: checksums, schema, seeds and every number of a leaderboard, checked against its records."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from harness.records.pooled_folds import concatenated
from harness.records.predictions import load_predictions
from harness.records.record import Outcome, Record
from harness.records.runtime_result import RuntimeRecord, as_record, predictions_file, results_in, runtime_name
from harness.records.scoring import score
from harness.records.store import CHECKPOINT_FILE
from harness.system.atomic_files import sha256_of
from reports.site.folder import published_files
from reports.site.paths import SUMS_FILE
from reports.site.schema import schema_text
from reports.statistics import student_t
from reports.statistics.multiplicity import CONFIDENCE
from reports.trials.grouping import group_trials
from reports.trials.reading import Trial
from zoo.catalog import Entry
from zoo.errors import StoreError
from zoo.metric import Metric
from zoo.text import one_line, plural

_TOLERANCE = 1e-6
"""Relative tolerance of numbers: versions of NumPy sum in different orders."""


def trial_problems(trial: Trial, metrics: Sequence[Entry[Metric]]) -> list[str]:
    """Return a sentence for each problem of a trial or of its runtimes.

    All files except the weights must exist and match their checksums. Every metric that *metrics* contain in the
    version of the record is recomputed from the predictions.
    """
    folder, record = trial
    name = one_line(f"{folder.name} {runtime_name(record)}".rstrip(), max_length=120)
    problems = []
    for file, sha256 in record.files.items():
        if file != Path(file).name or file in (".", "..", ""):
            problems.append(f"{name}: its record names {one_line(file)!r}, which is not a file in its folder")
        elif not (folder / file).is_file():
            if file != CHECKPOINT_FILE:  # weights are large, and no number depends on them
                problems.append(f"{name}: {one_line(file)} is missing")
        elif sha256_of(folder / file) != sha256:
            problems.append(f"{name}: {one_line(file)} does not match the checksum in its record")
    if record.outcome is not Outcome.DONE or problems:
        return problems
    of_predictions = predictions_file(record)
    if of_predictions not in record.files:
        return [f"{name}: its record has no checksum of {of_predictions}, so nothing can be recomputed"]
    try:
        predictions = load_predictions(folder, name=of_predictions).predictions
    except StoreError as error:
        return [f"{name}: {one_line(error)}"]
    if record.data is not None and len(predictions.labels) != record.data.num_test:
        problems.append(
            f"{name}: predictions of {len(predictions.labels):,} images, but its record states {record.data.num_test:,}"
        )
    known = {entry.display_name: entry for entry in metrics}
    for metric, reported in record.metrics.items():
        entry = known.get(metric)
        if entry is None or entry.record.version != reported.version:
            continue
        computed = score(predictions, [entry]).values.get(entry.display_name)
        if computed is not None and not _same(computed.value, reported.value):
            problems.append(
                f"{name}: {one_line(metric)} is {_shown(computed.value)} in its predictions, but its record states "
                f"{_shown(reported.value)}"
            )
    if not isinstance(record, RuntimeRecord):
        for result in results_in(folder, record):
            if isinstance(result, StoreError):
                problems.append(one_line(result))
            else:
                problems += trial_problems((folder, as_record(record, result)), metrics)
    return problems


def store_problems(trials: Sequence[Trial], *, required_seeds: int) -> list[str]:
    """Return a sentence for each row with duplicate seeds, or with fewer than *required_seeds*."""
    problems = []
    for group in group_trials(trials):
        title = one_line(group.example.spec.title.rpartition(" · ")[0])
        if group.repeated:
            problems.append(f"{title}: {plural(group.repeated, 'duplicate seed')}")
        if len(group.done) < required_seeds:
            problems.append(f"{title}: {plural(len(group.done), 'finished seed')}, but {required_seeds} are required")
    return [*problems, *_fold_problems(trials)]


def _fold_problems(trials: Sequence[Trial]) -> list[str]:
    """Return a sentence for each pooled trial whose predictions are not those of its folds."""
    folders = {record.trial_id: (folder, record) for folder, record in trials}
    problems = []
    for folder, record in trials:
        name = one_line(folder.name, max_length=120)
        folds = [folders[each] for each in record.folds if each in folders]
        if not record.folds:
            continue
        if len(folds) < len(record.folds):
            problems.append(f"{name}: {len(record.folds) - len(folds)} of its {len(record.folds)} folds are missing")
            continue
        try:
            saved = concatenated([load_predictions(each, sha256=record.folds[one.trial_id]) for each, one in folds])
            own = load_predictions(folder)
        except StoreError as error:
            problems.append(f"{name}: {one_line(error)}")
            continue
        same = saved.samples.tobytes() == own.samples.tobytes()
        if not same or saved.predictions.logits.tobytes() != own.predictions.logits.tobytes():
            problems.append(f"{name}: its predictions are not those of its folds")
    return problems


def report_problems(folder: Path, rebuilt: dict[str, Any] | None = None) -> tuple[list[str], list[str]]:
    """Return the problems of a published leaderboard, and notes on what could not be checked.

    Args:
        folder: The folder of the site.
        rebuilt: Leaderboard data rebuilt from records; None if there are no records to compare with.
    """
    sums = published_files(folder)
    if not sums:
        return [f"{folder / SUMS_FILE} is missing or empty"], []
    problems = [
        f"{one_line(name)} {'does not match its checksum' if (folder / name).is_file() else 'is missing'}"
        for name, digest in sums.items()
        if not (folder / name).is_file() or sha256_of(folder / name) != digest
    ]
    try:
        data = json.loads((folder / "leaderboard.json").read_bytes())
    except (OSError, ValueError) as error:
        return [*problems, f"leaderboard.json cannot be read: {one_line(error)}"], []
    found, notes = _schema_problems(data)
    problems += found
    if not found:
        problems += _row_problems(data)
        if rebuilt is not None:
            problems += list(_differences(data, rebuilt))
    return problems, notes


def _schema_problems(data: Any) -> tuple[list[str], list[str]]:
    try:
        import jsonschema
    except ImportError:
        return [], ["the schema was not checked, which requires jsonschema: pip install 'zoobench[verify]'"]
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    errors = sorted(validator.iter_errors(data), key=lambda error: error.json_path)
    told = [f"{one_line(error.json_path)}: {one_line(error.message, max_length=200)}" for error in errors[:10]]
    return [f"leaderboard.json: {each}" for each in told], []


def _row_problems(data: dict[str, Any]) -> list[str]:
    problems = []
    trials: Counter[str] = Counter()
    for table in data["tables"]:
        for row in table["rows"]:
            name = one_line(f"{row['cells'].get('model')} on {table['data']}", max_length=200)
            trials.update(row["trials"])
            if len(set(row["seeds"])) != len(row["seeds"]):
                problems.append(f"{name}: a seed is listed twice")
            if len(row["seeds"]) != len(row["trials"]):
                problems.append(f"{name}: {len(row['seeds'])} seeds, but {len(row['trials'])} trials")
    problems += [f"trial {one_line(trial)} is listed {count} times" for trial, count in trials.items() if count > 1]
    return problems


def _differences(published: dict[str, Any], rebuilt: dict[str, Any]) -> Iterable[str]:
    before, now = _cells(published), _cells(rebuilt)
    for key in before.keys() | now.keys():
        name = one_line(" on ".join([key[1], key[0]]), max_length=200)
        if key not in now:
            yield f"{name}: published, but without records"
        elif key not in before:
            yield f"{name}: has records, but is not published"
        else:
            for cell in before[key].keys() & now[key].keys():
                if not _same(before[key][cell], now[key][cell]):
                    yield (
                        f"{name}: {one_line(cell)} is published as {_shown(before[key][cell])}, but is "
                        f"{_shown(now[key][cell])} in the records"
                    )


def _cells(data: dict[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
    return {
        (
            table["data"],
            str(row["cells"].get("model")),
            str(row["cells"].get("recipe")),
            str(row["cells"].get("runtime") or ""),
            table["fingerprint"],
        ): row["cells"]
        for table in data["tables"]
        for row in table["rows"]
    }


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    numbers = isinstance(one, (int, float)) and isinstance(other, (int, float))
    return math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE) if numbers else bool(one == other)


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else one_line(value, max_length=80)


def sample_of(trials: Sequence[Trial], count: int) -> list[Trial]:
    """Return *count* finished trials, chosen by the hashes of their results so that nobody can influence the choice.

    Pooled folds are not chosen; single folds are.
    """
    done = [trial for trial in trials if trial[1].outcome is Outcome.DONE and not trial[1].folds]
    return sorted(done, key=lambda trial: (trial[1].result_key[::-1], trial[1].trial_id))[:count]


def noise_problem(again: Record, reported: Record, siblings: Sequence[Record]) -> str:
    """Return why the repetition of a trial contradicts its record; empty if it is within the noise of seeds.

    The difference of two runs has twice the variance of one. It is estimated from the seeds of the row, with the t
    quantile for their number, and is at least the sampling error of the test images.

    Args:
        again: The record of the new run.
        reported: The record that was checked.
        siblings: Records of all seeds of its row.
    """
    if again.outcome is not Outcome.DONE:
        return f"the repetition ended as {again.outcome.value}: {one_line(again.reason)}"
    new, old = again.metrics["accuracy"].value, reported.metrics["accuracy"].value
    allowed = seed_noise([record.metrics["accuracy"].value for record in siblings], _num_test(reported), old)
    if abs(new - old) <= allowed:
        return ""
    return f"the repetition has an accuracy of {new:.4f}, but {old:.4f} is reported: seeds explain only {allowed:.4f}"


def seed_noise(accuracies: Sequence[float], num_test: int, accuracy: float) -> float:
    """Return the largest difference between two runs of one row that seeds explain, at 95 %."""
    import statistics

    chance = max(accuracy * (1 - accuracy), 1 / (num_test + 2))
    floor = 1.96 * math.sqrt(2 * chance / num_test)
    if len(accuracies) < 2:
        return floor
    quantile = student_t.quantile(len(accuracies) - 1, (1 + CONFIDENCE) / 2)
    return max(floor, quantile * math.sqrt(2) * statistics.stdev(accuracies))


def _num_test(record: Record) -> int:
    return record.data.num_test if record.data else 1
