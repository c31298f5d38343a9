"""Setup: a spec and prepared data decide what a trial trains, whichever process asks."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch

from harness.records.spec import CodeSpec
from harness.trial.setup import make_setup
from zoo.errors import PluginError
from zoo.preparation import Preparation


def test_the_specs_hyperparameters_replace_the_recipes(make_data, make_spec, plugin_catalog):
    setup = make_setup(make_spec(hyperparameters={"lr": 0.5}), make_data(), plugin_catalog)
    assert (setup.resolved.hp.lr, setup.resolved.hp.epochs) == (0.5, 3)
    assert setup.resolved.recipe.name == "quick"


@pytest.mark.parametrize("symmetric", [True, False])
def test_images_are_flipped_only_where_a_mirror_image_keeps_its_label(make_data, make_spec, plugin_catalog, symmetric):
    setup = make_setup(make_spec(), make_data(mirror_symmetric=symmetric), plugin_catalog)
    assert setup.resolved.hp.flip == symmetric


def test_the_network_depends_on_the_seed_and_fits_the_data(make_data, make_spec, plugin_catalog):
    first, again, other = (
        make_setup(make_spec(seed=seed), make_data(classes=5, channels=1), plugin_catalog).model for seed in (1, 1, 2)
    )
    assert torch.equal(first[0].weight, again[0].weight)
    assert not torch.equal(first[0].weight, other[0].weight)
    assert (first[0].in_channels, first[-1].out_features) == (1, 5)


def test_published_weights_are_normalised_as_they_were_trained_and_others_by_the_data(
    make_data, make_spec, plugin_catalog
):
    plain = make_setup(make_spec(), make_data(), plugin_catalog).normalization
    stated = Preparation(mean=(0.1,) * 3, std=(0.2,) * 3)
    published = make_setup(make_spec(preparation=stated), make_data(), plugin_catalog).normalization
    grey = make_setup(make_spec(preparation=stated), make_data(channels=1), plugin_catalog).normalization
    assert (plain.mean, plain.std) == ((0.5,) * 3, (0.25,) * 3)
    assert (published.mean, published.std) == ((0.1,) * 3, (0.2,) * 3)
    assert (grey.mean, grey.std) == (pytest.approx((0.1,)), pytest.approx((0.2,)))


def test_small_images_adapt_the_network_if_the_spec_enables_it(make_data, make_spec, plugin_catalog):
    assert make_setup(make_spec(), make_data(), plugin_catalog).changes == ()
    adapted = make_setup(make_spec(small_images="on"), make_data(), plugin_catalog)
    assert adapted.changes == ("0: stride 4 → 2",)
    assert adapted.model[0].stride == (2, 2)


def test_a_library_that_was_imported_from_elsewhere_than_the_record_names_ends_the_trial(
    make_data, make_spec, plugin_catalog, tmp_path, monkeypatch
):
    """Issue 15, item 1: a clone of timm was trained while the record named the installed version."""
    spec = make_spec()
    provider = spec.architecture.provider.model_copy(update={"code": CodeSpec(libraries={"pyyaml": "6"})})
    spec = spec.model_copy(update={"architecture": spec.architecture.model_copy(update={"provider": provider})})
    make_setup(spec, make_data(), plugin_catalog)
    clone = ModuleType("yaml")
    clone.__file__ = str(tmp_path / "yaml" / "__init__.py")
    monkeypatch.setitem(sys.modules, "yaml", clone)
    with pytest.raises(PluginError, match=f"yaml is imported from {clone.__file__}, but the record would name pyyaml"):
        make_setup(spec, make_data(), plugin_catalog)
