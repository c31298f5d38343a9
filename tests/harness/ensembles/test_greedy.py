"""Greedy selection: what it chooses on cases with a known answer, and that it only looks at validation images."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from harness.ensembles.greedy import greedy_counts
from harness.ensembles.members import EnsembleMember
from harness.records.predictions import SavedPredictions
from harness.records.record import Record
from tests.harness.ensembles.conftest import MakeTrial
from zoo.errors import StoreError
from zoo.metric import Predictions


@pytest.fixture
def record(make_trial: MakeTrial) -> Record:
    return make_trial()[1]


def member(record: Record, shares: list[float] | None, *, first: int = 0) -> EnsembleMember:
    """Return a member that gives the label of each validation image these probabilities."""
    saved = None
    if shares is not None:
        samples = np.arange(len(shares), dtype=np.uint64) + np.uint64(first)
        logits = np.log([[share, 1 - share] for share in shares])
        labels = np.zeros(len(shares), dtype=np.int64)
        predictions = Predictions(logits=logits, labels=labels, classes=("x", "y"), samples=samples)
        saved = SavedPredictions(predictions=predictions, samples=samples)
    test = SavedPredictions(
        predictions=Predictions(logits=np.zeros((1, 2)), labels=np.zeros(1, dtype=np.int64), classes=("x", "y")),
        samples=np.zeros(1, dtype=np.uint64),
    )
    return EnsembleMember(record=record, test=test, sha256="", val=saved)


def loss(members: list[list[float]], counts: list[int]) -> float:
    return float(-np.log(np.average(members, axis=0, weights=counts)).mean())


def test_networks_that_are_right_on_different_images_are_both_chosen(record: Record) -> None:
    shares = [[0.9, 0.2], [0.2, 0.9], [0.3, 0.3]]
    counts = greedy_counts([member(record, each) for each in shares])
    assert counts[0] == counts[1] > 0
    assert counts[2] == 0


def test_a_network_that_helps_nowhere_leaves_the_best_one_alone(record: Record) -> None:
    assert greedy_counts([member(record, each) for each in ([0.5, 0.5], [0.9, 0.8], [0.6, 0.7])]) == [0, 1, 0]


def test_of_equal_networks_the_first_is_chosen(record: Record) -> None:
    assert greedy_counts([member(record, [0.7, 0.7])] * 3) == [1, 0, 0]


def test_a_better_network_weighs_more(record: Record) -> None:
    shares = [[0.8, 0.8, 0.8, 0.3], [0.3, 0.3, 0.3, 0.9]]
    counts = greedy_counts([member(record, each) for each in shares], rounds=30)
    assert counts[0] > counts[1] > 0
    best = min(
        ([one, other] for one, other in itertools.product(range(31), repeat=2) if 0 < one + other <= 30),
        key=lambda weights: loss(shares, weights),
    )
    assert loss(shares, counts) == pytest.approx(loss(shares, best), abs=1e-3)


def test_the_choice_is_never_worse_than_the_best_network_and_the_mean(record: Record) -> None:
    random = np.random.default_rng(3)
    for _ in range(20):
        shares = random.beta(2, 1, size=(5, 12)).clip(0.01, 0.99).tolist()
        found = loss(shares, greedy_counts([member(record, each) for each in shares]))
        assert found <= min(loss([each], [1]) for each in shares) + 1e-12
    assert greedy_counts([member(record, each) for each in shares], rounds=1).count(1) == 1


def test_networks_without_validation_predictions_are_refused_with_a_remedy(record: Record) -> None:
    with pytest.raises(StoreError) as raised:
        greedy_counts([member(record, [0.5]), member(record, None), member(record, None)])
    assert str(raised.value) == (
        "2 networks without validation predictions (net, seed 0; net, seed 0), by which greedy selection chooses; "
        "train them again with this version into another folder, leave them out, or average all members"
    )


def test_networks_with_other_validation_images_are_refused(record: Record) -> None:
    with pytest.raises(StoreError, match="on the validation images, the images are others"):
        greedy_counts([member(record, [0.5, 0.5]), member(record, [0.5, 0.5], first=7)])


def test_the_best_ensemble_on_the_way_is_kept(record: Record) -> None:
    """After the best network, any other makes the mean worse, and so does each further one."""
    shares = [[0.9, 0.2], [0.2, 0.9]]
    counts = [greedy_counts([member(record, each) for each in shares], rounds=rounds) for rounds in (2, 3, 5)]
    assert counts == [[1, 1]] * 3, "odd numbers of networks weigh one of them more, which is worse"


def test_weights_have_no_common_divisor(record: Record) -> None:
    """The best mean on the way has weights of 2, 2 and 6."""
    shares = [[0.3, 0.6, 0.3, 0.8], [0.5, 0.01, 0.6, 0.3], [0.5, 0.8, 0.1, 0.9]]
    assert greedy_counts([member(record, each) for each in shares], rounds=12) == [1, 1, 3]
