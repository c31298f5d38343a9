"""The file of a study is written whole and read back, and anything else is refused with the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.records.study_file import StudyFile, TriedSettings, read_study, study_path, write_study
from zoo.errors import StoreError

STUDY = StudyFile(
    study="abc",
    model="net",
    data="digits",
    recipe="sgd",
    space={"recipe.lr": "log(0.001, 1)"},
    sampler="tpe",
    budget="16 trials",
    at_a_time=2,
    trials=(TriedSettings(number=0, outcome="done", value=0.5), TriedSettings(number=1, values={"recipe.lr": 0.1})),
)


def test_a_study_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = study_path(tmp_path, "abc", 1)
    assert path.name == "study-abc-r1.json"
    assert read_study(path) is None
    write_study(path, STUDY)
    assert read_study(path) == STUDY


@pytest.mark.parametrize("content", ["", "{", "[]", '{"study": 1}'])
def test_a_damaged_file_is_a_sentence_with_the_remedy(tmp_path: Path, content: str) -> None:
    path = tmp_path / "study-abc-r0.json"
    path.write_text(content)
    with pytest.raises(StoreError, match="is not the file of a search; remove it"):
        read_study(path)
