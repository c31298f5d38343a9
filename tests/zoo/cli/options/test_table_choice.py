"""The choice of a ranked table: which columns and formats are meant, refused, left out and written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports.trials.reading import Trial, read_trials
from zoo.cli.options.table_choice import TableChoice
from zoo.errors import ManyErrors, UnknownNameError, UsageError
from zoo.loading import Sources, build_catalog

FORMATS = """
    from zoo import Metric, ReportFormat, hookimpl

    @hookimpl
    def zoo_report_formats():
        yield ReportFormat(name="names", render=lambda leaderboard: "only names\\n\\n", suffix=".names")
        yield ReportFormat(name="one", render=lambda leaderboard: "1", suffix=".twice")
        yield ReportFormat(name="two", render=lambda leaderboard: "2", suffix=".twice")

    @hookimpl
    def zoo_metrics():
        yield Metric(name="luck", compute=lambda predictions: 0.5, version=3)
"""


@pytest.fixture
def declared(write_plugin: Callable[..., str]) -> TableChoice:
    """The default choice with the formats and metrics of a plugin and of no others."""
    sources = Sources(files=(write_plugin(FORMATS, "formats"),), builtin=False, entry_points=False, strict=True)
    return TableChoice().declare(build_catalog(sources))


@pytest.fixture
def trials(root: Path, tmp_path: Path) -> list[Trial]:
    store = shutil.copytree(root / "tests" / "fixtures" / "store-v1", tmp_path / "store")
    return read_trials([store])[0]


def choice_of(**params: Any) -> TableChoice:
    return TableChoice.from_params({"sort_by": None, "columns": (), "form": "table", "brief": False, **params})


def test_no_options_give_the_default_choice() -> None:
    assert choice_of() == TableChoice()
    assert choice_of(columns=(" , ",)).columns is None


@pytest.mark.parametrize(("name", "key"), [("accuracy", "accuracy"), ("Acc %", "accuracy"), ("ACC", "accuracy")])
def test_a_column_is_called_by_its_key_or_its_title(name: str, key: str) -> None:
    assert choice_of(sort_by=name).sort_by == key
    assert choice_of(columns=(f"model, {name}",)).columns == ("model", key)


def test_a_name_that_is_no_columns_is_kept_for_metrics_of_plugins() -> None:
    assert choice_of(sort_by="luck").sort_by == "luck"


def test_the_choice_of_columns_and_formats_that_exist_is_accepted(declared: TableChoice) -> None:
    TableChoice(columns=("model", "accuracy"), form="csv").check()
    TableChoice(sort_by="mine").check(metrics=["mine"])
    assert declared.versions == {"luck": 3}
    assert set(declared.foreign) >= {"names", "formats/names"}
    assert "luck" in [column.key for column in declared.declared]


def test_all_mistakes_are_reported_together_with_near_names() -> None:
    with pytest.raises(ManyErrors) as caught:
        TableChoice(sort_by="acuracy", columns=("model", "modle"), form="cvs").check()
    assert all(isinstance(error, UnknownNameError) for error in caught.value.errors)
    sort, column, form = map(str, caught.value.errors)
    for sentence, given, near in ((sort, "acuracy", "accuracy"), (column, "modle", "model"), (form, "cvs", "csv")):
        assert f"{given!r}" in sentence
        assert f"{near!r}" in sentence


def test_a_table_cannot_be_sorted_by_a_column_without_numbers() -> None:
    TableChoice(columns=("model",)).check()
    with pytest.raises(UnknownNameError, match="column to sort by"):
        TableChoice(sort_by="model").check()


def test_all_formats_are_listed_only_if_no_name_is_near() -> None:
    with pytest.raises(UnknownNameError, match=r"formats: table, csv, json, markdown, latex"):
        TableChoice(form="qqqq").check()
    with pytest.raises(UnknownNameError) as caught:
        TableChoice(form="jsn").check()
    assert "latex" not in str(caught.value)


def test_columns_cannot_be_chosen_for_the_format_of_a_plugin(declared: TableChoice) -> None:
    replace(declared, form="names").check()
    with pytest.raises(UsageError, match="built-in formats only; names comes from a plugin"):
        replace(declared, form="names", columns=("model",)).check()


def test_metrics_that_no_trial_has_are_left_out_with_a_warning(
    trials: list[Trial], capsys: pytest.CaptureFixture[str]
) -> None:
    choice = TableChoice(sort_by="luck", columns=("model", "luck", "accuracy")).for_trials(trials)
    assert (choice.sort_by, choice.columns) == ("accuracy", ("model", "accuracy"))
    assert capsys.readouterr().err.count("'luck'") == 1
    assert TableChoice(columns=("luck",)).for_trials(trials).columns is None


def test_columns_that_trials_have_are_kept_silently(trials: list[Trial], capsys: pytest.CaptureFixture[str]) -> None:
    choice = TableChoice(sort_by="macro_f1", columns=("model", "macro_f1"))
    assert choice.for_trials(trials) == choice
    assert capsys.readouterr().err == ""


def test_the_text_has_the_requested_columns_and_ends_with_one_line_break(trials: list[Trial]) -> None:
    choice = TableChoice(columns=("model", "accuracy"), form="csv", brief=True)
    leaderboard, columns = choice.build(trials)
    assert [column.key for column in columns or ()] == ["model", "accuracy"]
    text = choice.text(leaderboard, columns)
    assert text == text.rstrip("\n") + "\n"
    assert "linear" in text
    assert "params" not in text
    assert TableChoice().build(trials)[1] is None


def test_the_format_of_a_plugin_is_shown_as_rendered(
    declared: TableChoice, trials: list[Trial], capsys: pytest.CaptureFixture[str]
) -> None:
    choice = declared.follow_suffix(".names")
    choice.show(*choice.build(trials))
    assert capsys.readouterr().out == "only names\n"


@pytest.mark.parametrize(("suffix", "form"), [(".names", "formats/names"), (".twice", "table"), (".odd", "table")])
def test_a_suffix_chooses_the_format_that_alone_has_it(declared: TableChoice, suffix: str, form: str) -> None:
    assert declared.follow_suffix(suffix).form == form


def test_the_files_of_a_store_are_those_of_the_built_in_formats_and_of_plugins(
    declared: TableChoice, trials: list[Trial]
) -> None:
    store = trials[0][0].parent
    written = declared.write_files(store)
    assert [path.name for path in written][:3] == ["leaderboard.csv", "leaderboard.json", "leaderboard.md"]
    assert (store / "leaderboard.names.names").read_text().startswith("only names")
    assert all(path.is_file() for path in written)
    assert len(written) == 6
