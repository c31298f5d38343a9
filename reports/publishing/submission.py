"""Submissions: the files of trials that somebody adds to another's leaderboard, by pull request."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.records.record import Outcome
from harness.records.store import CHECKPOINT_FILE, RECORD_FILE, SPEC_FILE, read_record
from reports.publishing.verification import trial_problems
from reports.render.markdown import escape_markdown
from reports.trials.grouping import group_trials
from reports.trials.reading import Trial
from zoo.catalog import Entry
from zoo.errors import StoreError
from zoo.metric import Metric
from zoo.text import one_line


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """What was written."""

    added: tuple[str, ...]
    """Folders of trials."""
    known: int
    """Trials that were there already, the same."""
    refused: tuple[str, ...]
    """A sentence for each trial that was not taken."""


def submit(trials: Sequence[Trial], folder: Path, metrics: Sequence[Entry[Metric]]) -> Submission:
    """Copy what others need of *trials* into *folder*: records, predictions and histories, without weights and logs.

    A trial is taken if it would pass verification. What is there already is never written over.

    Raises:
        StoreError: If the folder cannot be written.
    """
    added, refused, known = [], [], 0
    for source, record in trials:
        problems = trial_problems((source, record), metrics)
        if record.trial_id != source.name or Path(record.trial_id).name != record.trial_id:
            problems.append(f"{one_line(source.name)} is not the folder of the trial that its record tells of")
        target = folder / source.name
        if not problems and (target / RECORD_FILE).is_file():
            if read_record(target / RECORD_FILE) == record:
                known += 1
                continue
            problems.append(f"{one_line(source.name)}: another result of it is in {folder} already")
        if problems:
            refused += problems
            continue
        names = [RECORD_FILE, SPEC_FILE, *(name for name in record.files if name != CHECKPOINT_FILE)]
        try:
            target.mkdir(parents=True, exist_ok=True)
            # The record last: a folder without one is no trial.
            for name in reversed(names):
                if (source / name).is_file():
                    shutil.copyfile(source / name, target / name)
        except OSError as error:
            raise StoreError(f"{target} cannot be written: {error.strerror or error}") from error
        added.append(source.name)
    return Submission(added=tuple(added), known=known, refused=tuple(refused))


def pull_request_text(trials: Sequence[Trial]) -> str:
    """Return what to write into the pull request: a line for each row, with its seeds and mean accuracy."""
    lines = ["| model | data | recipe | seeds | accuracy % |", "|:---|:---|:---|:---|---:|"]
    for group in group_trials(trials):
        spec = group.example.spec
        values = [record.metrics["accuracy"].value for _, record in group.done.values() if "accuracy" in record.metrics]
        mean = f"{100 * sum(values) / len(values):.2f}" if values else "–"
        names = (spec.architecture.display_name, spec.dataset.display_name, spec.recipe.display_name)
        cells = [escape_markdown(one_line(name, max_length=120)) for name in names]
        seeds = ", ".join(map(str, sorted(group.done))) or "none"
        lines.append(f"| {' | '.join(cells)} | {seeds} | {mean} |")
    failed = sum(record.outcome is not Outcome.DONE for _, record in trials)
    if failed:
        lines += ["", f"{failed} trial{' ' if failed == 1 else 's '}gave no result; the records say why."]
    return "\n".join(lines) + "\n"
