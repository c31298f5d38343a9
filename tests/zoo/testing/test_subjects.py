"""Subjects: the records of a plugin, a file, or given as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo import Dataset, Metric
from zoo.errors import PluginError
from zoo.testing.subjects import Subject, subjects_of

METRIC = Metric(name="own", compute=len)


def test_a_record_is_a_subject_with_its_kind_and_name() -> None:
    (subject,) = subjects_of(METRIC)
    assert (subject.record, subject.kind, subject.name) == (METRIC, "metrics", "own")


def test_a_dataset_takes_its_argument() -> None:
    folder = Dataset(name="folder", load=len, argument="PATH")
    first, second = subjects_of([folder, METRIC], arguments={"folder": "photos"})
    assert (first.name, second.name) == ("folder:photos", "own")


def test_the_root_of_data_is_as_given_or_as_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ZOO_DATA", str(tmp_path / "data"))
    assert Subject(record=METRIC).root == tmp_path / "data"
    assert Subject(record=METRIC, data_root=tmp_path).root == tmp_path


def test_an_object_that_is_not_a_plugin_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="json is not a plugin"):
        subjects_of("json")
    path = tmp_path / "broken.py"
    path.write_text("1/0")
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        subjects_of(path)
    with pytest.raises(PluginError, match="int is neither a plugin nor a record"):
        subjects_of(3)  # type: ignore[arg-type]
