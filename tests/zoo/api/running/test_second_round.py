"""The second round: only models that share the first rank are trained with the recipes that come afterwards."""

from __future__ import annotations

import pytest

from harness.planning.request import BenchRequest
from harness.planning.selection import select
from zoo.catalog import Catalog
from zoo.errors import UnknownNameError, UsageError

BENCH = (
    "bench", "--models", "linear,lenet5", "--data", "digits", "--recipes", "ncm,knn", "--seeds", "1",
    "--device", "cpu", "--set", "recipe.pretrained=false", "--measure-seconds", "0",
)  # fmt: skip


def test_only_the_first_rank_is_trained(run_zoo, tmp_path):
    done = run_zoo(*BENCH, "--out", str(tmp_path / "runs"), "--then", "sgd_quick", "--set", "then.epochs=1")
    assert done.exit_code == 0, done.stderr
    trained = sorted(path.name.partition("--")[0] for path in (tmp_path / "runs").glob("*--sgd_quick--*"))
    assert trained == ["linear"]
    assert "1 model has the first rank: now trained with sgd_quick" in done.stderr
    assert "sgd_quick" in done.stdout


def test_a_mistake_in_what_comes_afterwards_is_found_first(run_zoo, tmp_path):
    done = run_zoo(*BENCH, "--out", str(tmp_path / "runs"), "--then", "sgd_quikc")
    assert done.exit_code == 2
    assert "sgd_quick" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_overrides_of_each_round_are_kept_apart(catalog: Catalog):
    request = BenchRequest.model_validate(
        {
            "models": ["linear"],
            "recipes": ["probe"],
            "then": ["finetune"],
            "train_sizes": "5,all",
            "seeds": "auto",
            "set": {"recipe.inverse_penalty": 1.0, "then.lr": 0.5, "data.fit": "pad"},
        }
    )
    first, second = select(request, catalog), select(request.second, catalog)
    assert [recipe.hyperparameters.inverse_penalty for recipe in first.recipes] == [1.0, 1.0]
    (trained,) = second.recipes
    assert (trained.entry.record.name, trained.hyperparameters.lr) == ("finetune", 0.5)
    assert second.datasets[0].asked.fit == "pad"
    assert second.seeds == (0, 1, 2)


def test_epochs_are_for_the_recipes_that_train(catalog: Catalog):
    request = BenchRequest.model_validate({"recipes": ["probe"], "then": ["finetune"], "epochs": 4})
    assert select(request.second, catalog).recipes[0].hyperparameters.epochs == 4
    assert select(request, catalog).recipes[0].hyperparameters.epochs == 1
    with pytest.raises(UsageError, match=r"recipe\.epochs = 4 has no effect in probe"):
        select(request.model_copy(update={"then": ()}), catalog)


def test_overrides_for_what_does_not_come_are_refused(catalog: Catalog):
    with pytest.raises(UsageError, match="there are no recipes to train afterwards"):
        select(BenchRequest.model_validate({"set": {"then.lr": 0.1}}), catalog)
    with pytest.raises(UnknownNameError, match="finetnue"):
        select(BenchRequest.model_validate({"then": ["finetnue"]}).second, catalog)
