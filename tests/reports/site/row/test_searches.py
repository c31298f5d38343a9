"""The page of a tuned row shows what its search tried, how it went, and which settings mattered."""

from __future__ import annotations

from pathlib import Path

from harness.records.record import Record
from harness.records.spec import SearchSpec
from harness.records.store import write_record
from harness.records.study_file import FOLDER, StudyFile, TriedSettings, study_path, write_study

from ..conftest import MakeSite, StoreMaker

STUDY = StudyFile(
    study="abc",
    model="net",
    data="toy",
    recipe="sgd",
    space={"recipe.lr": "log(0.001, 1)", "recipe.<b>": "uniform(0, 1)"},
    sampler="tpe",
    budget="4 trials",
    trials=(
        TriedSettings(number=0, outcome="done", value=0.5, seconds=3),
        TriedSettings(number=1, outcome="done", value=0.8, seconds=4, values={"recipe.lr": 0.1, "recipe.<b>": 0.5}),
        TriedSettings(number=2, outcome="failed", value=0.0, values={"recipe.lr": 1.0}, reason="diverged"),
        TriedSettings(number=3, outcome="done", value=0.8, seconds=4, values={"recipe.lr": 0.1}, same_as=1),
    ),
    best=1,
    importances={"recipe.lr": 0.9, "recipe.<b>": 0.1},
)


def tune(trial: tuple[Path, Record], trials: int = 4, best: int = 1) -> Path:
    folder, record = trial
    search = SearchSpec(
        study="abc", trials=trials, seconds=11, budget=f"{trials} trials", sampler="tpe", settings={"recipe.lr": 0.1},
        default_settings={"recipe.lr": 1.0, "recipe.<b>": 0.25}, best=best,
    )  # fmt: skip
    spec = record.spec.model_copy(update={"search": search})
    write_record(folder, record.model_copy(update={"spec": spec}))
    return folder


def test_the_search_of_a_row_is_on_its_page(store: StoreMaker, make_site: MakeSite) -> None:
    tune(store.add("net"))
    (store.root / FOLDER).mkdir()
    write_study(study_path(store.root / FOLDER, "abc", 0), STUDY)
    folder, _ = make_site(store)
    (page,) = (folder / "rows").glob("*.html")
    text = page.read_text(encoding="utf-8")
    assert "4 trials (sampler tpe; budget 4 trials), judged by validation accuracy" in text
    assert 'data-block="history1"' in text
    assert 'data-block="expected1"' in text
    lines = [line.partition('points="')[2].partition('"')[0].split() for line in text.split("<polyline")[1:]]
    assert sorted(map(len, lines)) == [2, 3, 3], "a line for each trial that is done, trial 0 with the default settings"
    assert "lr=0.1, &lt;b&gt;=0.5</bdi> (chosen)" in text
    assert "same as trial 1" in text
    assert "90 %" in text
    assert "<b>=" not in text


def test_the_page_of_a_row_has_the_trials_of_its_own_budget_after_a_longer_search(
    store: StoreMaker, make_site: MakeSite
) -> None:
    tune(store.add("net"), trials=3, best=0)
    (store.root / FOLDER).mkdir()
    write_study(study_path(store.root / FOLDER, "abc", 0), STUDY)
    folder, _ = make_site(store)
    (page,) = (folder / "rows").glob("*.html")
    text = page.read_text(encoding="utf-8")
    assert "3 trials (sampler tpe; budget 3 trials), judged by validation accuracy" in text
    assert "own settings</bdi> (chosen)" in text
    assert "lr=0.1, &lt;b&gt;=0.5</bdi><" in text
    assert "same as trial 1" not in text
    assert "90 %" not in text, "importances are those of the longer search"


def test_a_row_whose_search_is_missing_or_damaged_has_a_page_without_it(store: StoreMaker, make_site: MakeSite) -> None:
    tune(store.add("net"))
    (store.root / FOLDER).mkdir()
    study_path(store.root / FOLDER, "abc", 0).write_text("{")
    folder, _ = make_site(store)
    (page,) = (folder / "rows").glob("*.html")
    assert "judged by validation accuracy" not in page.read_text(encoding="utf-8")
