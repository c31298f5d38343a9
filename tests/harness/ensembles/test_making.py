"""Making: the row of an ensemble has the mean probabilities, the members by checksum, and their cost added up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.ensembles.making import MemberChoice, Over, make_ensemble
from harness.ensembles.members import untouched_test
from harness.given.row import write_row
from harness.records.origin import OriginKind
from harness.records.predictions import FILE_NAME, VAL_FILE_NAME, load_predictions
from harness.records.store import Store
from plugins.metrics.probability import nll
from tests.harness.ensembles.conftest import MakeTrial
from zoo.catalog import Catalog
from zoo.errors import StoreError


def test_probabilities_are_averaged_and_costs_added_up(make_trial: MakeTrial, requested: Any, catalog: Catalog) -> None:
    trials = [make_trial(seed=seed, speed=speed) for seed, speed in ((0, 600.0), (1, 300.0), (2, 200.0))]
    row = make_ensemble(requested(trials))
    store = Store(trials[0][0].parent)
    record, _ = write_row(store, row, list(catalog.metrics))
    assert record.spec.title == "net, 3 seeds · toy · ensemble · seed 0"
    assert record.origin is not None
    assert record.origin.kind is OriginKind.ENSEMBLE
    assert record.origin.files == {each.trial_id: each.files[FILE_NAME] for _, each in trials}
    assert record.origin.source == "net, seed 0; net, seed 1; net, seed 2"
    assert record.model is not None
    assert (record.model.params, record.model.macs) == (300, 3000)
    assert record.speed is not None
    assert record.speed.inference is not None
    assert record.speed.inference.median == pytest.approx(1 / (1 / 600 + 1 / 300 + 1 / 200))
    assert record.speed.train is None
    assert record.speed.latency is not None
    assert record.speed.latency.p50_ms == 4.5
    assert record.measurement_key == trials[0][1].measurement_key
    assert record.seconds == {"train": 6.0, "total": 9.0}
    assert record.environment["torch"] == "2.11.0"
    members = [load_predictions(folder) for folder, _ in trials]
    by_sample = [dict(zip(each.samples.tolist(), each.predictions.probabilities, strict=True)) for each in members]
    saved = load_predictions(store.folder(record.trial_id))
    for sample, found in zip(saved.samples.tolist(), saved.predictions.probabilities, strict=True):
        np.testing.assert_allclose(found, np.mean([each[sample] for each in by_sample], axis=0), rtol=1e-12)
    assert record.metrics["nll"].value <= np.mean([nll(each.predictions) for each in members])
    val = load_predictions(store.folder(record.trial_id), name=VAL_FILE_NAME)
    assert len(val.samples) == 40


def test_speeds_under_different_conditions_and_unknown_sizes_are_not_added_up(
    make_trial: MakeTrial, requested: Any
) -> None:
    row = make_ensemble(requested([make_trial(seed=0), make_trial(seed=1, measurement_key="n" * 64, params=None)]))
    assert row.speed is None
    assert row.measurement_key == ""
    assert row.warnings == (
        "no inference time: its members were measured under different conditions (net, seed 0; net, seed 1)",
    )
    assert row.model is not None
    assert row.model.params is None
    row = make_ensemble(requested([make_trial(seed=2), make_trial(seed=3, speed=None)]))
    assert (row.speed, row.warnings) == (None, ())


def test_greedy_selection_weighs_members_and_says_so(make_trial: MakeTrial, requested: Any) -> None:
    # Draws with which the two complement each other.
    trials = [make_trial("good", seed=seed, skill=2.0, draw=2 + seed) for seed in (0, 1)]
    trials.append(make_trial("bad", skill=-3.0, draw=1))
    row = make_ensemble(requested(trials, over=Over.MODELS, name="", selection=MemberChoice.GREEDY))
    assert trials[2][1].trial_id not in row.origin.files
    assert row.spec.architecture.display_name == "greedy, 2 of 3 models"
    assert row.spec.architecture.options["select"] == "greedy"
    alone = make_ensemble(requested([trials[0], trials[2]], selection=MemberChoice.GREEDY))
    assert alone.warnings == ("greedy selection chose a single network: good, seed 0",)


def test_greedy_selection_does_not_look_at_test_images(make_trial: MakeTrial, requested: Any) -> None:
    one = [make_trial(f"a{seed}", seed=seed, draw=seed) for seed in (0, 1, 2)]
    chosen = make_ensemble(requested(one, selection=MemberChoice.GREEDY)).spec.architecture.options["weights"]
    # The same validation predictions, and test predictions of other networks.
    for folder, _ in one:
        (folder / FILE_NAME).unlink()
    other = [make_trial(f"b{seed}", seed=seed, draw=seed, first=5) for seed in (0, 1, 2)]
    again = make_ensemble(requested(other, selection=MemberChoice.GREEDY)).spec.architecture.options["weights"]
    assert isinstance(chosen, str)
    assert chosen.replace("a", "") == str(again).replace("b", "")


def test_without_validation_predictions_all_can_be_averaged_but_none_chosen(
    make_trial: MakeTrial, requested: Any
) -> None:
    trials = [make_trial(seed=0), make_trial(seed=1, with_val=False)]
    assert make_ensemble(requested(trials)).val is None
    with pytest.raises(StoreError, match=r"1 network without validation predictions \(net, seed 1\)"):
        make_ensemble(requested(trials, selection=MemberChoice.GREEDY))
    others = [make_trial(seed=2), make_trial(seed=3, val_first=9)]
    assert make_ensemble(requested(others)).val is None, "they have different validation images"


def test_folds_are_averaged_on_an_untouched_test_set_and_never_chosen(make_trial: MakeTrial, requested: Any) -> None:
    trials = [make_trial(fold=fold, further=("held",)) for fold in (1, 2, 3)]
    tested = untouched_test([record for _, record in trials], None)
    row = make_ensemble(requested(trials, over=Over.FOLDS, tested=tested))
    assert row.spec.title == "net, 3 folds · folder:held · ensemble · seed 0"
    assert len(row.saved.samples) == 50
    assert row.val is None
    with pytest.raises(StoreError, match="the folds were validated on different images"):
        make_ensemble(requested(trials, over=Over.FOLDS, tested=tested, selection=MemberChoice.GREEDY))


def test_members_with_other_test_images_are_refused(make_trial: MakeTrial, requested: Any) -> None:
    with pytest.raises(StoreError, match="net, seed 1 cannot be averaged with net, seed 0: the images are others"):
        make_ensemble(requested([make_trial(seed=0), make_trial(seed=1, first=7)]))
    with pytest.raises(StoreError, match="net: an ensemble has at least two networks"):
        make_ensemble(requested([make_trial(seed=5)]))


def test_folds_are_not_averaged_on_images_that_they_were_trained_on(make_trial: MakeTrial, requested: Any) -> None:
    # The further images are those numbered from 50,000, of which the folds have 10 among their own.
    trials = [make_trial(fold=fold, further=("held",), first=-10_000 - 50) for fold in (1, 2, 3)]
    tested = untouched_test([record for _, record in trials], None)
    with pytest.raises(StoreError, match="folder:held: 10 of its 50 images are among those"):
        make_ensemble(requested(trials, over=Over.FOLDS, tested=tested))
