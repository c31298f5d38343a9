"""Contradictions: trials that cannot be what they state, as they and the other trials show, without the data.

Whoever edits a record can redo its checksum. What depends on more than the edited field still shows: the key of a trial
is a hash of its settings, seeds of one row have networks of one size, and two trainings that drew other random numbers
do not predict the same scores, bit for bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from harness.records.keys import result_key
from harness.records.predictions import FILE_NAME, load_predictions
from harness.records.record import Outcome, Record
from reports.trials.grouping import group_trials
from reports.trials.reading import Trial
from zoo.errors import StoreError
from zoo.text import one_line


def contradictions(trials: Sequence[Trial]) -> list[str]:
    """Return a sentence for each trial that contradicts itself or another one."""
    done = [trial for trial in trials if trial[1].outcome is Outcome.DONE]
    return [*_other_keys(done), *_other_sizes(done), *_copies(done)]


def _name(folder_or_id: str) -> str:
    return one_line(folder_or_id, max_length=120)


def _other_keys(done: Sequence[Trial]) -> list[str]:
    """Return a sentence for each trial whose key is not the hash of the settings, images and origin that it states."""
    problems = []
    for folder, record in done:
        if record.data is None:
            continue
        key = result_key(
            record.spec,
            fingerprint=record.data.fingerprint,
            pixels=record.data.pixels,
            torch_version=str(record.environment.get("torch", "")),
            origin=record.origin,
        )
        if key != record.result_key:
            problems.append(
                f"{_name(folder.name)}: its key {one_line(record.result_key[:12])} is not that of the settings, images "
                f"and origin that it states, {key[:12]}"
            )
    return problems


def _other_sizes(done: Sequence[Trial]) -> list[str]:
    """Return a sentence for each row whose seeds state networks of different sizes."""
    problems = []
    for group in group_trials(done):
        for what, read in (("parameters", _params), ("multiply-accumulates", _macs)):
            sizes = {size for _, record in group.done.values() if (size := read(record)) is not None}
            if len(sizes) > 1:
                title = one_line(group.example.spec.title.rpartition(" · ")[0])
                numbers = " and ".join(f"{size:,}" for size in sorted(sizes))
                problems.append(f"{title}: its seeds state {numbers} {what}, but they train the same network")
    return problems


def _params(record: Record) -> int | None:
    return record.model.params if record.model else None


def _macs(record: Record) -> int | None:
    return record.model.macs if record.model else None


def _copies(done: Sequence[Trial]) -> list[str]:
    """Return a sentence for each trained network with the scores of one of another seed or size, bit for bit.

    A setting that a network ignores, and another name of the same network, do give the same scores; another seed or
    another size does not. Heads on features have closed solutions, and what was not trained here has no seeds.
    """
    known: dict[str, list[tuple[str, Record]]] = {}
    problems = []
    for folder, record in done:
        if record.origin or record.features or record.folds or record.spec.classifier or not record.training:
            continue
        try:
            saved = load_predictions(folder)
        except StoreError:
            continue  # the check of the trial names it
        scores_NK = saved.predictions.logits[np.argsort(saved.samples, kind="stable")]
        same = known.setdefault(hashlib.sha256(scores_NK.tobytes()).hexdigest(), [])
        for name, other in same:
            if record.spec.seed != other.spec.seed or _params(record) != _params(other):
                problems.append(
                    f"{_name(folder.name)}: {FILE_NAME} holds the scores of {_name(name)}, bit for bit, which another "
                    "seed or network does not give"
                )
                break
        same.append((folder.name, record))
    return problems
