from __future__ import annotations

import json
from collections.abc import Callable

from click.testing import Result

Run = Callable[..., Result]


def test_a_recipe_shows_every_hyperparameter_with_value_and_description(run_shelf: Run) -> None:
    lines = run_shelf("show", "quick").stdout.splitlines()
    (lr,) = [line.split() for line in lines if line.split()[:1] == ["lr"]]
    assert lr[:3] == ["lr", "0.5", "*"]
    assert "peak" in lr
    (spice,) = [line.split() for line in lines if line.split()[:1] == ["spice"]]
    assert spice == ["spice", "0.5"]


def test_a_model_shows_its_options_and_where_it_comes_from(run_shelf: Run) -> None:
    text = run_shelf("show", "tiny_net").stdout
    assert "--set model.NAME=VALUE" in text
    assert "drop_rate  0.1" in text
    assert "8 px" in text
    assert "shelf (file" in text


def test_a_name_that_is_several_things_shows_each(run_shelf: Run) -> None:
    shown = json.loads(run_shelf("show", "double", "--format", "json").stdout)
    assert [each["kind"] for each in shown] == ["dataset", "recipe"]


def test_a_dataset_may_be_given_with_its_argument(run_shelf: Run) -> None:
    assert "PATH" in run_shelf("show", "shelf:my/photos").stdout


def test_a_name_that_nothing_has_gets_near_names_of_every_kind(run_shelf: Run) -> None:
    result = run_shelf("show", "quik", "luk")
    assert result.exit_code == 2
    assert "did you mean 'quick'" in result.stderr
    assert "did you mean 'luck'" in result.stderr


def test_a_recipe_that_cannot_make_its_hyperparameters_is_its_plugins_fault(
    run_zoo: Run, write_plugin: Callable[..., str]
) -> None:
    file = write_plugin(
        """
        from zoo import Recipe, hookimpl

        @hookimpl
        def zoo_recipes():
            yield Recipe(name="bad", hyperparameters=lambda: 1/0)
        """
    )
    result = run_zoo("show", "bad", "--plugin", file)
    assert result.exit_code == 2
    assert "recipe 'bad' of plugin 'extra' cannot create its hyperparameters: ZeroDivisionError" in result.stderr


def test_hostile_text_of_a_plugin_cannot_reach_the_terminal(run_zoo: Run, write_plugin: Callable[..., str]) -> None:
    """Markup crashes rich or vanishes, raw escape codes pass (reliability: hostile plugins)."""
    file = write_plugin(
        r"""
        from zoo import Architecture, hookimpl

        @hookimpl
        def zoo_architectures():
            yield Architecture(name="bad", build=print, summary="[/red] [v1] \x1b[2J\nforged", source="\x9b31m")
        """
    )
    result = run_zoo("show", "bad", "--plugin", file)
    assert "[/red] [v1] [2J forged" in result.stdout
    assert "\x1b" not in result.stdout
    assert "\x9b" not in result.stdout


def test_a_recipe_shows_the_ranges_that_a_search_tries(run_zoo: Run) -> None:
    text = run_zoo("show", "sgd_quick").stdout
    assert "searched by zoo bench --tune N" in text
    assert "log(1e-3, 1)" in text
    (shown,) = json.loads(run_zoo("show", "sgd_quick", "--format", "json").stdout)
    assert shown["space"]["momentum"] == "uniform(0.5, 0.99)"
    without = run_zoo("show", "ncm").stdout
    assert "searched by" not in without
    assert "nothing to search for zoo bench --tune N" in without


def test_of_a_recipe_on_features_only_settings_that_it_reads_are_shown(run_zoo: Callable[..., Result]) -> None:
    shown = run_zoo("show", "knn").output
    assert "neighbors" in shown
    assert "train_per_class" in shown
    assert "pretrained" in shown
    assert "momentum" not in shown
