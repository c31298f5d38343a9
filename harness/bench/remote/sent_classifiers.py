"""Sent classifiers: the file of a classifier that a node is to test, sent with its task and kept by content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from harness.data.cache.entries import REMOTE_FOLDER
from harness.system.atomic_files import write_bytes
from harness.trial.resolved_trial import ResolvedTrial
from zoo.errors import StoreError
from zoo.files.cache import cache_root
from zoo.files.plain_files import WEIGHTS, read_bytes

PREFIX = "classifier/"
"""Prefix of its name among a task's files."""


def classifier_file(trial: ResolvedTrial) -> dict[str, bytes]:
    """Return the file of a trial's classifier for its task; nothing if there is none.

    Raises:
        StoreError: If it cannot be read.
    """
    if trial.classifier is None or not trial.classifier.path:
        return {}
    path = Path(trial.classifier.path)
    try:
        return {PREFIX + path.name: read_bytes(path, WEIGHTS)}
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error


def place_classifier(trial: ResolvedTrial, given: Mapping[str, bytes]) -> ResolvedTrial:
    """Write the file of a trial's classifier to the node's cache, and return the trial with its place there."""
    classifier = trial.classifier
    if classifier is None or not classifier.path:
        return trial
    name = Path(classifier.path).name
    content = given[PREFIX + name]
    path = cache_root() / REMOTE_FOLDER / "classifiers" / hashlib.sha256(content).hexdigest()[:20] / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)
    return trial.model_copy(update={"classifier": classifier.model_copy(update={"path": str(path)})})
