"""Adaptive seeds: who gets more of them, and that looking again and again does not make differences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from harness.planning.plan import make_plan
from harness.planning.request import BenchRequest
from harness.planning.selection import select
from harness.records.seed_schedule import seed_counts
from reports.leaderboard.adaptive_seeds import Look, SeedState, combination_of, row_states
from reports.statistics.multiplicity import alpha_of_look
from reports.statistics.power import detectable_differences
from reports.statistics.ranks import separated
from reports.statistics.sample import Sample
from zoo import Catalog

Rows = list[NDArray[np.float64]]


def draw(
    rng: np.random.Generator,
    accuracies: Sequence[float],
    *,
    num_images: int,
    seed_sd: float,
    num_seeds: int = 10,
    own_sd: float = 0.47,
) -> Rows:
    """Return which images each row is right on under each seed: effects of images, shared or not, and of seeds."""
    shared_N = rng.normal(0, 1.42, num_images)
    spread = (1 + seed_sd**2 + 1.42**2 + own_sd**2) ** 0.5
    rows = []
    for accuracy in accuracies:
        ease_N = stats.norm.ppf(accuracy) * spread + shared_N + rng.normal(0, own_sd, num_images)
        seeds_S1 = rng.normal(0, seed_sd, (num_seeds, 1))
        rows.append((ease_N + seeds_S1 + rng.normal(0, 1, (num_seeds, num_images)) > 0).astype(float))
    return rows


def add_seeds(rows: Rows, *, max_seeds: int = 10) -> tuple[NDArray[np.bool_], list[int]]:
    """Add seeds as a bench does; return which rows are above which at the end, and how many seeds each came to have."""
    counts = seed_counts(max_seeds)
    alpha = alpha_of_look(len(counts))
    num_seeds = [counts[0]] * len(rows)
    for number in range(len(counts)):
        samples = [Sample.of(row[:count]) for row, count in zip(rows, num_seeds, strict=True)]
        is_last = number + 1 == len(counts)
        states = row_states(samples, alpha=alpha, max_seeds=None if is_last else max_seeds)
        if SeedState.OPEN not in states:
            break
        num_seeds = [
            counts[number + 1] if state is SeedState.OPEN else count
            for state, count in zip(states, num_seeds, strict=True)
        ]
    return separated(samples, alpha=alpha), num_seeds


DIGITS = {"num_images": 360, "seed_sd": 0.15}
NOISY = {"num_images": 1000, "seed_sd": 0.25}
SEEDS_RULE = {"num_images": 2000, "seed_sd": 0.1}


def false_separations(settings: dict, num_rows: int, repeats: int) -> float:
    rng = np.random.default_rng(11)
    wrong = sum(add_seeds(draw(rng, [0.9] * num_rows, **settings))[0].any() for _ in range(repeats))
    return wrong / repeats


def test_two_equal_models_are_separated_in_at_most_5_of_100_cases_with_any_number_of_looks() -> None:
    # 300 repeats leave a standard error of 1.3 points.
    assert false_separations(NOISY, 2, 300) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("num_rows", [2, 5])
@pytest.mark.parametrize("settings", [DIGITS, NOISY, SEEDS_RULE], ids=["digits", "noisy", "seeds rule"])
def test_equal_models_are_separated_in_at_most_5_of_100_cases(settings: dict, num_rows: int) -> None:
    # 1,000 repeats leave a standard error of 0.7 points.
    assert false_separations(settings, num_rows, 1000) <= 0.05 + 0.007


def test_without_a_level_for_each_look_equal_models_would_be_separated_more_often() -> None:
    """What the level is for: the same looks, each at 5 %."""
    rng = np.random.default_rng(12)

    def finds(alpha: float) -> float:
        found = 0
        for _ in range(300):
            rows = draw(rng, [0.9, 0.9], **NOISY)
            found += any(
                separated([Sample.of(row[:count]) for row in rows], alpha=alpha).any() for count in seed_counts(10)
            )
        return found / 300

    assert finds(0.05) > 1.5 * finds(alpha_of_look(4))


def test_separated_rows_get_no_more_seeds() -> None:
    rng = np.random.default_rng(13)
    totals: Counter[int] = Counter()
    for _ in range(20):
        above, num_seeds = add_seeds(draw(rng, [0.6, 0.88, 0.89], **NOISY))
        assert above[1:, 0].all()
        totals.update(dict(enumerate(num_seeds)))
    assert totals[0] < 0.8 * totals[1]
    assert totals[1] == totals[2]


def test_more_seeds_find_what_three_did_not() -> None:
    rng = np.random.default_rng(14)
    first = last = 0
    for _ in range(30):
        rows = draw(rng, [0.86, 0.90], **SEEDS_RULE)
        first += separated([Sample.of(row[:3]) for row in rows], alpha=alpha_of_look(4)).any()
        last += add_seeds(rows)[0].any()
    assert last > first + 5


def test_if_images_cause_the_spread_no_more_seeds_are_requested() -> None:
    """Twenty images and networks that hardly depend on their seed: no number of seeds would help."""
    rng = np.random.default_rng(15)
    ease = rng.normal(0, 1.5, (2, 20))
    rows = [np.tile((each > -1).astype(float), (3, 1)) for each in ease]
    states = row_states([Sample.of(row) for row in rows], alpha=0.0125, max_seeds=10)
    assert states == [SeedState.HOPELESS, SeedState.HOPELESS]


def test_rows_that_agree_on_every_image_want_no_seeds() -> None:
    same = Sample.of(np.tile((np.arange(100) % 5 > 0).astype(float), (3, 1)))
    assert row_states([same, same], alpha=0.0125, max_seeds=10) == [SeedState.HOPELESS, SeedState.HOPELESS]


def test_after_the_last_look_rows_that_share_ranks_are_full() -> None:
    rows = draw(np.random.default_rng(16), [0.9, 0.9], **NOISY)
    assert row_states([Sample.of(row) for row in rows], alpha=0.0125, max_seeds=None) == [SeedState.FULL] * 2


def test_one_row_alone_is_settled() -> None:
    (row,) = draw(np.random.default_rng(17), [0.9], **NOISY)
    assert row_states([Sample.of(row)], alpha=0.0125, max_seeds=10) == [SeedState.SETTLED]


def test_the_smallest_difference_as_if_there_were_more_seeds_is_what_more_seeds_give() -> None:
    rng = np.random.default_rng(18)
    forecasts, truths = [], []
    for _ in range(30):
        rows = draw(rng, [0.9, 0.88, 0.86], **NOISY)
        forecasts.append(detectable_differences([Sample.of(row[:5]) for row in rows], num_seeds=10)[0, 1])
        truths.append(detectable_differences([Sample.of(row) for row in rows])[0, 1])
    assert np.mean(forecasts) == pytest.approx(np.mean(truths), rel=0.15)


@pytest.mark.parametrize(
    ("at_most", "counts"), [(10, (3, 5, 8, 10)), (3, (3,)), (2, (2,)), (1, (1,)), (20, (3, 5, 8, 12, 18, 20))]
)
def test_seeds_grow_by_half_from_look_to_look(at_most: int, counts: tuple[int, ...]) -> None:
    assert seed_counts(at_most) == counts


def test_a_look_describes_the_state_of_rows_in_words() -> None:
    states = {"a": SeedState.SETTLED, "b": SeedState.FULL, "c": SeedState.FULL}
    assert Look(states=states, next_seeds=10).reason() == (
        "1 of 3 separated from all others; 2 of 3 sharing ranks with the maximum of 10 seeds"
    )
    assert Look(states=dict.fromkeys("ab", SeedState.SETTLED), next_seeds=5).reason() == "all rows are separated"


def test_a_planned_trial_whose_size_depends_on_the_images_is_found_in_the_look_at_its_records(catalog: Catalog) -> None:
    """No seeds were added to rows of such datasets, although ranks were shared."""
    (planned, *_) = make_plan(select(BenchRequest(models=["linear"], data="digits"), catalog)).trials
    assert planned.preparation is not None
    planned = planned.model_copy(update={"preparation": replace(planned.preparation, size=None)})
    recorded = planned.model_copy(
        update={
            "seed": 1,
            "preparation": replace(planned.preparation, size=4),
            "execution": planned.execution.model_copy(update={"device": "cpu", "threads": 1}),
        }
    )
    look = Look(states={combination_of(recorded): SeedState.OPEN}, next_seeds=5)
    assert look.wants(planned)
    assert not look.wants(planned.model_copy(update={"dataset": planned.dataset.model_copy(update={"fit": "pad"})}))
