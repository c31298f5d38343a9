"""Requests: what a suite file or a command line may hold, and what a mistake in it is told as."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.planning.request import BenchRequest, load_suite
from zoo.errors import UsageError


def test_a_name_may_stand_where_a_list_is_expected() -> None:
    request = BenchRequest.parse({"models": "linear", "data": "digits, mnist"}, origin="suite.toml")
    assert (request.models, request.data) == (("linear",), ("digits", "mnist"))


def test_a_value_that_is_not_a_list_gives_an_error_about_lists() -> None:
    with pytest.raises(UsageError) as caught:
        BenchRequest.parse({"models": 3}, origin="suite.toml")
    assert str(caught.value) == 'suite.toml: models = 3: input should be a list such as ["a", "b"]'


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"models": ""}, "models = []: input should name at least one"),
        ({"budget": "5"}, "budget = '5': input should be a time such as 2h, 90m, 45s or 1h30m"),
        ({"tune_budget": ""}, "tune_budget = '': input should be a time such as 2h, 90m, 45s or 1h30m"),
    ],
)
def test_no_sentence_speaks_of_python_s_types(given: dict[str, str], sentence: str) -> None:
    """Resembles reports of ``--models "$UNSET"`` in scripts, which was told of tuples."""
    with pytest.raises(UsageError) as caught:
        BenchRequest.parse(given, origin="the command line")
    assert str(caught.value) == f"the command line: {sentence}"


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_too_few_training_images_are_refused_with_the_reason(limit: int) -> None:
    with pytest.raises(UsageError, match="at least 3: training needs two images, and validation one"):
        BenchRequest.parse({"limit_train": limit}, origin="the command line")
    assert BenchRequest.parse({"limit_train": 3}, origin="the command line").limit_train == 3


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a = " + "[" * 100_000, "is not TOML: its values nest too deeply"),
        ("a = " + "{a = " * 40_000, "is not TOML: its values nest too deeply"),
        ("models = [" + '"*",' * 20_000 + "]", "lists 20,000 models; up to 1,000 may be listed"),
        ("[set]\n" + ".".join(["a"] * 100_000) + " = 1", "a line with more than 300 dots"),
        ("#" * 300_000, "a suite file may have up to 256 kB"),
        ("a = 2026-99-99", "is not TOML"),
    ],
    ids=["lists", "tables", "names", "dotted", "large", "date"],
)
def test_a_suite_that_no_reader_can_take_is_refused_with_a_sentence(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "suite.toml").write_text(content)
    with pytest.raises(UsageError, match=words):
        load_suite(tmp_path / "suite.toml")


def test_a_suite_s_table_of_ranges_is_flat(tmp_path: Path) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text('tune = 16\n[space]\nrecipe.lr = "log(1e-4, 1)"\n[set]\nrecipe.momentum = [0.5, 0.9]\n')
    raw = load_suite(suite)
    assert raw["space"] == {"recipe.lr": "log(1e-4, 1)"}
    request = BenchRequest.parse(raw, origin="suite")
    assert request.set == {"recipe.momentum": (0.5, 0.9)}
    assert request.is_tuned
    suite.write_text("space = 3\n")
    with pytest.raises(UsageError, match=r'\[space\] must be a table such as: recipe.lr = "log\(1e-4, 1\)"'):
        load_suite(suite)


def test_what_is_set_includes_shorthands_and_a_budget_is_read_as_seconds() -> None:
    request = BenchRequest(epochs=3, set={"recipe.lr": 0.1}, tune_budget="1h30m")
    assert request.set_keys == {"recipe.lr", "recipe.epochs"}
    assert (request.tune_seconds, request.is_tuned) == (5400, True)
    assert not BenchRequest().is_tuned


def test_a_wrong_item_is_the_only_error_of_its_list() -> None:
    with pytest.raises(UsageError) as raised:
        BenchRequest.parse({"models": [1], "data": ["digits"], "recipes": ["sgd_quick"]}, origin="s.toml")
    assert str(raised.value) == "s.toml: models.0 = 1: input should be a valid string"


def test_a_name_in_the_place_of_a_suite_is_told_where_names_go(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file or directory; models are chosen with --models"):
        load_suite(tmp_path / "resnet18")
