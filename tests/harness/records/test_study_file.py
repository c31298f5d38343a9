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


def with_trials(*values: float | None, **changes: object) -> StudyFile:
    trials = tuple(
        TriedSettings(number=number, outcome="" if value is None else "done", value=value, seconds=len(values))
        for number, value in enumerate(values)
    )
    return STUDY.model_copy(update={"trials": trials, **changes})


def test_a_longer_search_goes_on_from_one_with_the_same_results_so_far() -> None:
    longer = with_trials(0.5, 0.6, 0.7)
    assert longer.num_results == 3
    for shorter in (with_trials(), with_trials(None, None), with_trials(0.5, None), with_trials(0.5, 0.6)):
        assert longer.goes_on_from(shorter)
        assert not shorter.goes_on_from(longer)
    assert not longer.goes_on_from(longer)
    assert not longer.goes_on_from(with_trials(0.5, 0.9)), "another result, as of a plugin that was edited since"
    assert not longer.goes_on_from(with_trials(0.5, 0.6, at_a_time=3))


def test_a_search_as_it_was_with_a_smaller_budget_has_its_first_trials_and_their_best() -> None:
    longer = with_trials(0.5, 0.6, 0.7, best=2, importances={"recipe.lr": 1.0})
    shorter = longer.until(2, budget="2 trials", best=1)
    assert (shorter.trials, shorter.budget, shorter.best, shorter.importances) == (longer.trials[:2], "2 trials", 1, {})
    assert longer.until(3, budget="16 trials", best=2) == longer


@pytest.mark.parametrize("content", ["", "{", "[]", '{"study": 1}'])
def test_a_damaged_file_is_a_sentence_with_the_remedy(tmp_path: Path, content: str) -> None:
    path = tmp_path / "study-abc-r0.json"
    path.write_text(content)
    with pytest.raises(StoreError, match="is not the file of a search; remove it"):
        read_study(path)
