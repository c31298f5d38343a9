"""Submissions: trials packaged for a pull request to another leaderboard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.records.copying import checked_trial, copy_trial, remove_half_copied
from harness.records.predictions import FILE_NAME, load_predictions
from harness.records.record import Outcome
from harness.records.store import CHECKPOINT_FILE, LOG_FILE, RECORD_FILE, read_record
from reports.publishing.verification import trial_problems
from reports.render.markdown import escape_markdown
from reports.trials.grouping import group_trials
from reports.trials.labels import label_rows
from reports.trials.reading import Trial
from zoo.catalog import Entry
from zoo.errors import StoreError
from zoo.metric import Metric
from zoo.text import one_line, plural


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """The result of a submission."""

    added: tuple[str, ...]
    """Folders of the trials that were added."""
    known: int
    """Number of trials that were already there."""
    accepted: tuple[str, ...]
    """Folders of all accepted trials, those that were already there among them."""
    refused: tuple[str, ...]
    """A sentence for each trial that was rejected."""
    num_naming: int
    """Number of accepted trials whose predictions hold the ids of images, such as names of files, for a metric."""


def submit(trials: Sequence[Trial], folder: Path, metrics: Sequence[Entry[Metric]]) -> Submission:
    """Copy the records, predictions and histories of *trials* into *folder*, without weights and logs.

    A trial is accepted if it may be copied (see :mod:`harness.records.copying`) and passes verification. Existing files
    are never overwritten.

    Raises:
        StoreError: If the folder cannot be written.
    """
    added, refused, known, accepted = [], [], 0, []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_half_copied(folder)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror or error}") from error
    for source, record in trials:
        target = folder / source.absolute().name
        try:
            if checked_trial(source, optional=(CHECKPOINT_FILE,)) != record:
                raise StoreError(f"{source} changed while it was read")
            problems = trial_problems((source, record), metrics)
            if not problems and (target / RECORD_FILE).is_file():
                if read_record(target / RECORD_FILE) == record:
                    known += 1
                    accepted.append(target.name)
                    continue
                problems = [f"{one_line(source.name)}: {folder} already holds a different result of this trial"]
        except (StoreError, OSError) as error:
            problems = [one_line(error)]
        if problems:
            refused += problems
            continue
        try:
            copy_trial(source, record, folder, without=(CHECKPOINT_FILE, LOG_FILE))
        except OSError as error:
            raise StoreError(f"{target} cannot be written: {error.strerror or error}") from error
        added.append(target.name)
        accepted.append(target.name)
    return Submission(
        added=tuple(added),
        known=known,
        accepted=tuple(accepted),
        refused=tuple(refused),
        num_naming=sum(_names_images(folder / name) for name in accepted),
    )


def _names_images(trial: Path) -> bool:
    """Return whether a trial's predictions hold the ids of the images."""
    return (trial / FILE_NAME).is_file() and load_predictions(trial).predictions.ids is not None


def pull_request_text(trials: Sequence[Trial]) -> str:
    """Return the text of the pull request: a line for each row, with its seeds and mean accuracy."""
    lines = ["| model | dataset | recipe | seeds | accuracy % |", "|:---|:---|:---|:---|---:|"]
    groups = group_trials(trials)
    for group, label in zip(groups, label_rows([group.example for group in groups]), strict=True):
        values = [record.metrics["accuracy"].value for _, record in group.done.values() if "accuracy" in record.metrics]
        mean = f"{100 * sum(values) / len(values):.2f}" if values else "–"
        cells = [escape_markdown(one_line(name, max_length=120)) for name in (label.model, label.data, label.recipe)]
        seeds = ", ".join(map(str, sorted(group.done))) or "none"
        lines.append(f"| {' | '.join(cells)} | {seeds} | {mean} |")
    failed = sum(record.outcome is not Outcome.DONE for _, record in trials)
    if failed:
        lines += ["", f"{plural(failed, 'trial')} without a result; the records state the reasons."]
    return "\n".join(lines) + "\n"
