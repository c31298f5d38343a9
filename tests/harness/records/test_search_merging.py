"""Merging searches: their trials and what was tried come along, the fuller one of each, and nothing that is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.records.merging import merge
from harness.records.record import Record
from harness.records.search_merging import merge_searches
from harness.records.store import CHECKPOINT_FILE, HISTORY_FILE, Store, trial_id, write_record
from harness.records.study_file import FOLDER, StudyFile, TriedSettings, read_study, study_path, write_study
from harness.system.atomic_files import sha256_of


def study_of(num_results: int, best: int | None = None) -> StudyFile:
    trials = [TriedSettings(number=number, outcome="done", value=0.5) for number in range(num_results)]
    waiting = TriedSettings(number=num_results)
    names = {"study": "abc", "model": "m", "data": "d", "recipe": "r", "sampler": "tpe", "budget": "4 trials"}
    return StudyFile(**names, space={}, trials=(*trials, waiting), best=best)


@pytest.fixture
def store(small_record: Record, tmp_path: Path) -> Store:
    """A store with a search of one trial, whose weights are gone."""
    searched = Store(tmp_path / "a" / FOLDER)
    name = trial_id(small_record.spec, "1" * 64)
    folder = searched.folder(name)
    folder.mkdir(parents=True)
    (folder / HISTORY_FILE).write_bytes(b"{}\n")
    files = {HISTORY_FILE: sha256_of(folder / HISTORY_FILE), CHECKPOINT_FILE: "2" * 64}
    write_record(folder, small_record.model_copy(update={"trial_id": name, "result_key": "1" * 64, "files": files}))
    write_study(study_path(searched.root, "abc", 0), study_of(2))
    return Store(tmp_path / "a")


def test_searches_come_with_the_trials_of_a_store(store: Store, tmp_path: Path) -> None:
    target = Store(tmp_path / "c")
    for _ in range(2):
        summary = merge([store.root], target)
        assert (summary.added, summary.clashes, summary.refused) == (0, (), ())
    searched = Store(target.root / FOLDER)
    assert [record for _, record in searched.records()] == [
        record for _, record in Store(store.root / FOLDER).records()
    ]
    assert read_study(study_path(searched.root, "abc", 0)) == study_of(2)


@pytest.mark.parametrize(("present", "kept"), [(1, 2), (2, 2), (3, 3)])
def test_of_a_search_that_both_have_the_one_with_more_results_is_kept(
    store: Store, tmp_path: Path, present: int, kept: int
) -> None:
    target = tmp_path / "c" / FOLDER
    target.mkdir(parents=True)
    write_study(study_path(target, "abc", 0), study_of(present))
    assert merge_searches(store.root / FOLDER, target) == []
    study = read_study(study_path(target, "abc", 0))
    assert study is not None
    assert len(study.trials) == kept + 1


def test_a_store_without_searches_adds_none(tmp_path: Path) -> None:
    assert merge_searches(tmp_path / "gone", tmp_path / "target") == []
    assert not (tmp_path / "target").exists()


def test_what_is_damaged_or_linked_is_named_and_left_out(store: Store, tmp_path: Path) -> None:
    source, target = store.root / FOLDER, tmp_path / "target"
    (folder,) = (path for path in source.iterdir() if path.is_dir())
    (folder / HISTORY_FILE).write_bytes(b"{} \n")
    study_path(source, "abc", 0).write_bytes(b"{")
    (source / "study-def-r0.json").symlink_to(study_path(source, "abc", 0))
    sentences = merge_searches(source, target)
    assert [f"{folder / HISTORY_FILE} is missing or does not match" in sentences[0]] == [True]
    assert "is not the file of a search" in sentences[1]
    assert "study-def-r0.json is a link, not a file" in sentences[2]
    assert list(Store(target).records()) == []
    assert list(target.glob("study-*")) == []
