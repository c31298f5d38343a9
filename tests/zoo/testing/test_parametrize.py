"""The kit in a plugin's own test suite: one test for each check, expected failures held to, the rest told apart."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from zoo import Hyperparameters, Metric, Recipe, hookimpl
from zoo.errors import PluginError, UsageError
from zoo.testing import parametrize_with_checks, subjects_of
from zoo.testing.parametrize import bind

ACCURACY = Metric(name="share", compute=lambda p: float(p.confusion.trace() / p.confusion.sum()))
PERCENT = Metric(name="percent", compute=lambda p: 100 * float(p.confusion.trace() / p.confusion.sum()))


def parameters(*arguments, **options):
    """Return the parameters of the decorator by their ids."""
    mark = parametrize_with_checks(*arguments, **options).mark
    assert mark.args[0] == "check"
    return {each.id: each for each in mark.args[1]}


def test_each_check_of_each_record_is_a_parameter_named_by_both():
    found = parameters([ACCURACY, PERCENT])
    assert list(found)[:2] == ["share-values_are_within_bounds", "share-order_of_images_is_irrelevant"]
    assert sum(name.startswith("percent-") for name in found) == len(found) / 2


@parametrize_with_checks(ACCURACY)
def test_a_record_that_is_right_conforms(check):
    check()


@parametrize_with_checks(
    [PERCENT], only=["values_are_within_bounds"], expected_failures={"percent:values_are_within_bounds": "in percent"}
)
def test_a_failure_that_is_expected_is_an_expected_failure(check):
    check()


def test_named_entries_must_exist():
    with pytest.raises(UsageError, match="no check is called 'known_case'; did you mean 'known_cases'"):
        parameters(ACCURACY, expected_failures={"known_case": "typing"})
    with pytest.raises(UsageError, match="no check is called 'buids'; did you mean 'builds'"):
        parameters(ACCURACY, only=["buids"])
    with pytest.raises(UsageError, match="unknown records: shore:known_cases"):
        parameters(ACCURACY, expected_failures={"shore:known_cases": "typing"})
    with pytest.raises(UsageError, match="needs a reason: known_cases"):
        parameters(ACCURACY, expected_failures={"known_cases": " "})


def test_slow_checks_are_left_out_by_default():
    recipe = Recipe(name="own", hyperparameters=Hyperparameters)
    networks = subjects_of("plugins.architectures.small_cnns")
    for slow in (False, True):
        found = {each.check.id for each in bind([*networks, *subjects_of(recipe)], slow=slow)}
        assert ({"compiles", "exports"} <= found) == slow
    assert [each.check.id for each in bind(networks[:1], only=["compiles"])] == ["compiles"]


def test_records_come_from_modules_by_name_or_themselves_and_from_files(tmp_path: Path):
    import plugins.recipes.classic as classic

    by_name = [subject.name for subject in subjects_of("plugins.recipes.classic")]
    assert by_name == [subject.name for subject in subjects_of(classic)] == ["sgd_basic", "sgd_step", "adam_plateau"]
    file = tmp_path / "own.py"
    file.write_text(
        "from zoo import *\n@hookimpl\ndef zoo_recipes():\n    yield Recipe(name='own', hyperparameters=dict)"
    )
    for given in (file, str(file)):
        assert [subject.name for subject in subjects_of(given)] == ["own"]


def test_a_target_that_is_not_a_plugin_gives_one_sentence(tmp_path: Path):
    with pytest.raises(PluginError, match="json is not a plugin: it has no function marked with @hookimpl"):
        subjects_of("json")
    with pytest.raises(PluginError, match="int is not a record that can be checked"):
        subjects_of([3])  # type: ignore[list-item]
    file = tmp_path / "broken.py"
    file.write_text("1 / 0")
    with pytest.raises(PluginError, match=r"broken\.py: ZeroDivisionError"):
        subjects_of(file)


def test_a_misspelt_hook_is_reported():
    module = ModuleType("misspelt")
    module.zoo_metric = hookimpl(lambda: [ACCURACY])  # type: ignore[attr-defined]
    with pytest.raises(PluginError, match="misspelt: unknown hook 'zoo_metric'"):
        subjects_of(module)


SUITE = """
from zoo import Metric
from zoo.testing import parametrize_with_checks

def accuracy(p):
    return float(p.confusion.trace() / p.confusion.sum())

records = [Metric(name="share", compute=accuracy), Metric(name="percent", compute=lambda p: 100 * accuracy(p))]

@parametrize_with_checks(records, only=["values_are_within_bounds", "known_cases"], expected_failures={
    "percent:values_are_within_bounds": "in percent",
    "share:values_are_within_bounds": "nobody knows",
})
def test_conforms(check):
    check()

@parametrize_with_checks(records, only=["values_are_within_bounds"])
def test_conforms_without_excuses(check):
    check()
"""


def test_pytest_distinguishes_failures_expected_failures_unexpected_passes_and_skips(tmp_path: Path):
    (tmp_path / "test_plugin.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=tmp_path, timeout=120)
    states = re.findall(r"^(\w+) test_plugin.py::(\S+)", done.stdout, re.MULTILINE)
    assert {test: state for state, test in states} == {
        "test_conforms[share-values_are_within_bounds]": "FAILED",
        "test_conforms[percent-values_are_within_bounds]": "XFAIL",
        "test_conforms_without_excuses[share-values_are_within_bounds]": "PASSED",
        "test_conforms_without_excuses[percent-values_are_within_bounds]": "FAILED",
    }
    assert "[XPASS(strict)] nobody knows" in done.stdout
    assert "must be in [0, 1], got" in done.stdout
    assert "2 skipped" in done.stdout
    assert "it declares no known_cases" in done.stdout
