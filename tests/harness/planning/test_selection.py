"""Selection: names and patterns to records, every mistake at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.planning.request import BenchRequest
from harness.planning.selection import select
from zoo.catalog import Catalog
from zoo.errors import ManyErrors, UnknownNameError, UsageError
from zoo.loading import Sources, build_catalog
from zoo.preparation import Preparation

PLUGIN = """
from zoo import Architecture, Dataset, FeatureHyperparameters, Hyperparameters, Recipe, hookimpl

@hookimpl
def zoo_architectures():
    for name in ("net20", "net110", "net3", "other"):
        yield Architecture(name=name, build=print, options={"width": 1.0})
    yield Architecture(name="plain", build=print)

@hookimpl
def zoo_datasets():
    yield Dataset(name="squares", load=print, options={"count": 10})
    yield Dataset(name="files", load=print, argument="PATH")

@hookimpl
def zoo_recipes():
    yield Recipe(name="fast", hyperparameters=lambda: Hyperparameters(epochs=2, lr=0.1))
    yield Recipe(name="heads", hyperparameters=FeatureHyperparameters, fit_head=print)
"""


@pytest.fixture
def toys(tmp_path: Path) -> Catalog:
    """A catalog of a few records that are never built."""
    file = tmp_path / "toys.py"
    file.write_text(PLUGIN)
    return build_catalog(Sources(files=(str(file),), builtin=False, entry_points=False, strict=True))


def request(**changes: object) -> BenchRequest:
    """A request for one toy of each kind, with changes."""
    return BenchRequest.model_validate({"models": ["other"], "data": ["squares"], "recipes": ["fast"], **changes})


def test_a_pattern_gives_names_in_natural_order_and_each_once(toys: Catalog) -> None:
    selection = select(request(models=["net110", "net*"]), toys)
    assert [each.entry.record.name for each in selection.architectures] == ["net110", "net3", "net20"]


def test_full_names_are_names_too(toys: Catalog) -> None:
    assert select(request(models=["toys/net3"]), toys).architectures[0].entry.full_name == "toys/net3"


def test_all_mistakes_in_a_request_are_reported_together(toys: Catalog) -> None:
    wrong = request(
        models=["nte20", "zzz*"], data=["sqares", "files"], recipes=["fats"], set={"recipee.lr": 1, "model.wdth": 2}
    )
    with pytest.raises(ManyErrors) as caught:
        select(wrong, toys)
    text = str(caught.value)
    for part in ("'net20'", "'zzz*'", "'squares'", "files:PATH", "'fast'", "recipe.lr"):
        assert part in text
    assert len(caught.value.errors) == 6


def test_a_mistyped_hyper_parameter_names_the_near_one(toys: Catalog) -> None:
    with pytest.raises(UnknownNameError, match="label_smoothing"):
        select(request(set={"recipe.lable_smoothing": 0.1}), toys)


def test_overrides_reach_the_recipe_the_model_and_the_data(toys: Catalog) -> None:
    selection = select(
        request(set={"recipe.lr": 0.5, "model.width": 2, "data.count": 7, "data.image_size": 64}, epochs=9), toys
    )
    assert selection.recipes[0].hyperparameters.lr == 0.5
    assert selection.recipes[0].hyperparameters.epochs == 9
    assert selection.architectures[0].options == {"width": 2.0}
    assert selection.datasets[0].options == {"count": 7}
    assert (selection.datasets[0].asked, selection.datasets[0].bit_depth) == (Preparation(size=64), None)


def test_every_dataset_has_a_bit_depth(toys: Catalog) -> None:
    assert select(request(set={"data.bit_depth": 12}), toys).datasets[0].bit_depth == 12
    for wrong in (0, 17, 12.0, True, "12"):
        with pytest.raises(UsageError, match=rf"data.bit_depth must be a whole number from 1 to 16, got {wrong!r}"):
            select(request(set={"data.bit_depth": wrong}), toys)


def test_an_option_that_one_selected_model_lacks_is_an_error_and_not_silence(toys: Catalog) -> None:
    with pytest.raises(UnknownNameError, match="plain"):
        select(request(models=["other", "plain"], set={"model.width": 2}), toys)


def test_an_argument_may_hold_colons_and_is_refused_where_none_is_taken(toys: Catalog) -> None:
    assert select(request(data=["files:C:/x"]), toys).datasets[0].argument == "C:/x"
    with pytest.raises(UsageError, match="takes no argument"):
        select(request(data=["squares:7"]), toys)


def test_a_setting_given_twice_with_two_values_is_an_error(toys: Catalog) -> None:
    with pytest.raises(UsageError, match="twice"):
        select(request(set={"recipe.epochs": 3}, epochs=4), toys)


def test_a_mistyped_key_of_a_suite_names_the_near_one() -> None:
    with pytest.raises(UnknownNameError, match="models"):
        BenchRequest.parse({"model": ["x"]}, origin="suite.toml")


def test_each_number_of_training_images_is_a_recipe_of_its_own(toys: Catalog) -> None:
    recipes = select(request(recipes=["heads"], train_sizes="1,10,all,10"), toys).recipes
    assert [recipe.hyperparameters.train_per_class for recipe in recipes] == [1, 10, 0]
    assert select(request(recipes=["heads"], train_sizes=[5, "all"]), toys).recipes[0].hyperparameters.pretrained


def test_heads_beside_training_read_pretrained_and_no_epochs(toys: Catalog) -> None:
    selection = select(request(recipes=["fast", "heads"], pretrained=False, epochs=7), toys)
    fast, heads = (each.hyperparameters for each in selection.recipes)
    assert (fast.pretrained, fast.epochs) == (False, 7)
    assert (heads.pretrained, heads.epochs) == (False, 1)


def test_training_sizes_need_recipes_on_features(toys: Catalog) -> None:
    with pytest.raises(UsageError, match="train_sizes: fast trains on all images; choose recipes on features"):
        select(request(train_sizes="1,all"), toys)
    with pytest.raises(UsageError, match=r"recipe\.train_per_class=3 is set as well"):
        select(request(recipes=["heads"], train_sizes="1", set={"recipe.train_per_class": 3}), toys)


@pytest.mark.parametrize("sizes", ["0", "-1", "few", "1,2.5", "١"])
def test_a_training_size_is_a_number_or_all(sizes: str) -> None:
    with pytest.raises(UsageError, match="whole numbers of images per class, such as 1,5,10, or all"):
        BenchRequest.parse({"train_sizes": sizes}, origin="the command line")


def test_several_values_of_a_setting_make_a_row_of_each_and_several_settings_of_each_combination(toys: Catalog) -> None:
    selection = select(
        request(set={"recipe.lr": [0.01, 0.1, 0.1], "recipe.momentum": [0.5, 0.9], "model.width": [1.0, 2.0]}), toys
    )
    found = [(each.hyperparameters.lr, each.hyperparameters.momentum) for each in selection.recipes]
    assert found == [(0.01, 0.5), (0.01, 0.9), (0.1, 0.5), (0.1, 0.9)]
    assert [dict(each.options) for each in selection.architectures] == [{"width": 1.0}, {"width": 2.0}]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"data.count": [1, 2]}, "data.count = 1, 2: expected one value, because other images make another table"),
        ({"recipe.lr": [0.1, "fast"]}, "lr = 'fast'"),
        ({"recipe.schedule": ["step", "cosine"], "recipe.gamma": 0.3}, "recipe.gamma = 0.3 has no effect"),
    ],
)
def test_a_grid_with_a_mistake_in_one_row_is_refused(toys: Catalog, given: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        select(request(set=given), toys)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"space": {"recipe.lr": "log(0.1, 1)"}}, "space belongs to a search, and there is none"),
        ({"tune_repeats": 3}, "tune_repeats belongs to a search, and there is none"),
        ({"pruner": "asha"}, "pruner belongs to a search, and there is none"),
        ({"max_seeds": 5}, "max_seeds is for seeds=auto, and seeds is 3"),
        ({"tune": 4, "folds": 3}, "tune cannot be combined with folds"),
        ({"tune": 4, "resplit": True}, "tune cannot be combined with resplit"),
        ({"tune": 4, "tune_repeats": 2, "seeds": 3}, "tune_repeats = 2 needs as many seeds"),
        ({"tune": 4, "tune_repeats": 2, "seeds": "auto"}, "and seeds is auto: give seeds = 2"),
    ],
)
def test_settings_of_a_search_go_together(toys: Catalog, changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        select(request(**changes), toys)


def test_a_search_without_optuna_is_refused(toys: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.dependencies._is_there", lambda name: name != "optuna")
    with pytest.raises(UsageError, match=r"a search for settings needs optuna, which is not installed: pip install"):
        select(request(tune=4), toys)


def test_a_path_alone_is_refused_with_the_dataset_that_reads_it(toys: Catalog, tmp_path: Path) -> None:
    """New users give their folder of photographs as --data."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "labels.CSV").touch()
    for name, reader in (("photos", "folder"), ("labels.CSV", "csv")):
        path = tmp_path / name
        with pytest.raises(UsageError, match=f"is no dataset but a path: write {reader}:{path} to read it"):
            select(request(data=[str(path)]), toys)
    for name in (str(tmp_path / "absent"), "x" * 5000):
        with pytest.raises(UnknownNameError):
            select(request(data=[name]), toys)


def test_names_without_commas_are_told_from_a_mistyped_one(toys: Catalog) -> None:
    with pytest.raises(UnknownNameError, match=r"'net20 net3'; separate names with commas$"):
        select(request(models=["net20 net3"]), toys)
