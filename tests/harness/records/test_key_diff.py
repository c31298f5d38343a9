"""Why two trials are two results, and what would make one run again."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.records.key_diff import differences_from_today, measurement_differences, result_differences
from harness.records.provenance import provider_spec
from harness.records.record import DataInfo, Record
from harness.records.spec import SearchSpec
from zoo.errors import ZooError
from zoo.loading import Sources, build_catalog

PLUGIN = """
from zoo import Architecture, Dataset, Hyperparameters, Recipe, hookimpl

@hookimpl
def zoo_architectures():
    yield Architecture(name="net", build=print)

@hookimpl
def zoo_recipes():
    yield Recipe(name="r", hyperparameters=Hyperparameters)
"""


@pytest.fixture
def whole(small_record: Record) -> Record:
    """A record that knows its data and environment."""
    data = DataInfo(fingerprint="f", classes=("a", "b"), image_size=8, channels=1, num_train=8, num_val=2, num_test=2)
    environment = {"torch": "2.15.0", "device_name": "x", "driver": "", "threads": 2}
    hyperparameters = {"lr": 0.1, "batch_size": 4}
    spec = small_record.spec.model_copy(
        update={"recipe": small_record.spec.recipe.model_copy(update={"hyperparameters": hyperparameters})}
    )
    return small_record.model_copy(update={"data": data, "environment": environment, "spec": spec})


def test_the_field_that_differs_is_named_with_both_values(whole: Record) -> None:
    recipe = whole.spec.recipe.model_copy(update={"hyperparameters": {"lr": 0.2, "batch_size": 4}})
    other = whole.model_copy(update={"spec": whole.spec.model_copy(update={"recipe": recipe, "seed": 9})})
    found = {each.field: (each.left, each.right) for each in result_differences(whole, other)}
    assert found == {"hyperparameters.lr": (0.1, 0.2), "seed": (3, 9)}
    assert measurement_differences(whole, other) == []


def test_what_only_one_trial_has_is_named_field_by_field(whole: Record) -> None:
    search = SearchSpec(study="s", trials=5, seconds=3, budget="5 trials", sampler="tpe")
    tuned = whole.model_copy(update={"spec": whole.spec.model_copy(update={"search": search})})
    values = {"search.study": "s", "search.budget": "5 trials", "search.repeats": 1}
    for pair, absent_first in (((whole, tuned), True), ((tuned, whole), False)):
        found = {each.field: (each.left, each.right) for each in result_differences(*pair)}
        assert found == {
            field: ("(absent)", value) if absent_first else (value, "(absent)") for field, value in values.items()
        }


def test_speeds_of_another_device_are_not_compared(whole: Record) -> None:
    """torchgeo-bench#292: the same net, 2.4 times apart, because no device was recorded."""
    other = whole.model_copy(update={"environment": {**whole.environment, "device_name": "y"}})
    assert [each.field for each in measurement_differences(whole, other)] == ["device"]
    assert result_differences(whole, other) == []


def test_an_edited_plugin_is_what_would_run_a_trial_again(whole: Record, tmp_path: Path) -> None:
    file = tmp_path / "p.py"
    file.write_text(PLUGIN)
    catalog = build_catalog(Sources(files=(str(file),), builtin=False, entry_points=False, strict=True))
    fields = {each.field for each in differences_from_today(whole, catalog)}
    assert {"architecture_code", "recipe_code"} <= fields
    assert "seed" not in fields
    assert "hyperparameters.lr" not in fields


def test_a_trial_that_crashed_at_once_cannot_be_compared(small_record: Record) -> None:
    with pytest.raises(ZooError, match="ended before"):
        result_differences(small_record, small_record)


def test_the_module_the_file_and_the_library_that_changed_are_named(whole: Record, tmp_path: Path) -> None:
    """Issue 15, item 9: ``zoo why`` said that nothing had changed."""
    file = tmp_path / "p.py"
    code = PLUGIN.replace("build=print", "build=build, files=('a.yaml',), libraries=('no-such-one',)")
    file.write_text("def build(request):\n    return 1\n" + code)
    (tmp_path / "a.yaml").write_text("1")
    sources = Sources(files=(str(file),), builtin=False, entry_points=False, strict=True)
    provider = provider_spec(build_catalog(sources).architectures.get("net"))
    architecture = whole.spec.architecture.model_copy(update={"provider": provider})
    record = whole.model_copy(update={"spec": whole.spec.model_copy(update={"architecture": architecture})})

    def changed() -> set[str]:
        found = differences_from_today(record, build_catalog(sources))
        return {each.field for each in found if each.field.startswith("architecture_code")}

    assert changed() == set()
    (tmp_path / "a.yaml").write_text("2")
    assert changed() == {"architecture_code: file a.yaml"}
    file.write_text("def build(request):\n    return 2\n" + code.replace("('no-such-one',)", "()"))
    assert changed() == {
        "architecture_code: module p.py",
        "architecture_code: file a.yaml",
        "architecture_code: library no-such-one",
    }
