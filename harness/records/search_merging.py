"""Merging searches: what was tried for tuned rows is copied with them, so that reports show it and searches go on."""

from __future__ import annotations

from pathlib import Path

from harness.records.copying import checked_trial, copy_trial, remove_half_copied
from harness.records.store import CHECKPOINT_FILE, RECORD_FILE, Store
from harness.records.study_file import read_study, write_study
from zoo.errors import StoreError


def merge_searches(source: Path, target: Path) -> list[str]:
    """Copy the searches of a store into that of another one, and return a sentence for each part that was not copied.

    Of a search that both have, the one with more results is kept. Its trials have no weights: they are tested by none.

    Args:
        source: Folder of searches, see :data:`harness.records.study_file.FOLDER`; it may be missing.
        target: The same of the other store; it is made if necessary.
    """
    if source.is_symlink() or not source.is_dir():
        return []
    refused = []
    store = Store(target)
    store.create()
    remove_half_copied(target)
    for folder in sorted(path for path in source.iterdir() if (path / RECORD_FILE).exists()):
        try:
            record = checked_trial(folder, optional=(CHECKPOINT_FILE,))
            if store.read(record.trial_id) is None:
                copy_trial(folder, record, target, without=(CHECKPOINT_FILE,))
        except (StoreError, OSError) as error:
            refused.append(str(error))
    for path in sorted(source.glob("study-*.json")):
        try:
            if path.is_symlink():
                raise StoreError(f"{path} is a link, not a file")
            study, present = read_study(path), read_study(target / path.name)
            if study is not None and (present is None or present.num_results < study.num_results):
                write_study(target / path.name, study)
        except (StoreError, OSError) as error:
            refused.append(str(error))
    return refused
