from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]


def test_names_are_one_per_line_in_natural_order_if_stdout_is_not_a_terminal(run_shelf: Run) -> None:
    assert run_shelf("list", "models", "tiny_net*").stdout.split() == ["tiny_net", "tiny_net20", "tiny_net110"]


@pytest.mark.parametrize(("alias", "kind"), [("architectures", "models"), ("datasets", "data"), ("recipe", "recipes")])
def test_kinds_have_several_names(run_shelf: Run, alias: str, kind: str) -> None:
    assert run_shelf("list", alias).stdout == run_shelf("list", kind).stdout


def test_a_pattern_lists_what_it_would_select_and_a_word_what_holds_it(run_shelf: Run) -> None:
    assert run_shelf("list", "models", "*hidden*", "tiny_net2?").exit_code == 2
    assert run_shelf("list", "models", "shelf/h*").stdout == "shelf/hidden\n"
    assert run_shelf("list", "models", "hidden").stdout == "shelf/hidden\n"


def test_an_entry_that_two_patterns_match_is_listed_once(run_shelf: Run) -> None:
    assert run_shelf("list", "models", "tiny_net2?", "tiny_net20").stdout == "tiny_net20\n"


def test_patterns_that_match_nothing_are_mistakes_reported_together(run_shelf: Run) -> None:
    result = run_shelf("list", "models", "tinny_net", "zzz*")
    assert result.exit_code == 2
    assert result.stdout == ""
    first, second = result.stderr.splitlines()
    assert "no model is called 'tinny_net'; did you mean 'tiny_net'" in first
    assert "no model is called 'zzz*'" in second


def test_an_unknown_kind_gets_near_names(run_shelf: Run) -> None:
    result = run_shelf("list", "modles")
    assert result.exit_code == 2
    assert "did you mean 'models'" in result.stderr


def test_json_holds_every_fact_and_the_provider(run_shelf: Run) -> None:
    (model,) = json.loads(run_shelf("list", "models", "shelf/tiny_net", "--format", "json").stdout)[:1]
    assert model["full_name"] == "shelf/tiny_net"
    assert (model["native_size"], model["options"], model["source"]) == (8, {"drop_rate": 0.1}, "A page")
    assert model["provider"]["origin"] == "file"


@pytest.mark.parametrize("kind", ["models", "data", "recipes", "metrics", "listeners"])
def test_json_is_valid_for_every_kind(run_shelf: Run, kind: str) -> None:
    assert json.loads(run_shelf("list", kind, "--format", "json").stdout)


def test_models_are_sorted_and_filtered_by_parameters_that_are_counted_once(run_zoo: Run) -> None:
    words = ["list", "models", "resnet*_cifar", "--columns", "name,params", "--sort-by", "params"]
    rows = json.loads(run_zoo(*words, "--where", "params<1M", "--format", "json").stdout)
    assert rows[0] == {"name": "resnet20_cifar", "params": 269_722}
    assert [row["name"] for row in rows] == ["resnet20_cifar", "resnet32_cifar", "resnet44_cifar", "resnet56_cifar"]


def test_columns_are_of_models_only(run_shelf: Run) -> None:
    result = run_shelf("list", "recipes", "--columns", "name")
    assert result.exit_code == 2
    assert "are for zoo list models" in result.stderr


def test_columns_that_were_asked_for_are_shown_even_if_they_are_empty(run_zoo: Run) -> None:
    result = run_zoo("list", "models", "resnet20_cifar", "--columns", "name,published,dataset")
    assert result.stdout.splitlines()[0].split() == ["name", "published", "%", "on"]


def test_models_that_cannot_be_counted_are_named(run_zoo: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    plugin = tmp_path / "nets.py"
    plugin.write_text(
        "from zoo import Architecture, hookimpl\n\n\n@hookimpl\ndef zoo_architectures():\n"
        "    yield Architecture(name='broken', build=lambda request: 1 / 0)\n"
    )
    result = run_zoo("list", "models", "nets/*", "--columns", "name,params,macs", "--plugin", str(plugin))
    assert result.exit_code == 0
    assert "1 model could not be counted: nets/broken (ZeroDivisionError: division by zero)" in result.stderr
    assert result.stdout.splitlines()[0].split() == ["name", "params", "MACs"]
    again = run_zoo("list", "models", "nets/*", "--columns", "name,params,macs", "--plugin", str(plugin))
    assert again.stderr == result.stderr, "the reason is kept"
