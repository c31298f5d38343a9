"""The simulation of a cluster, held to cases whose answer is known, and to real benches."""

from __future__ import annotations

import math
import random
from types import ModuleType

import pytest

from harness.planning.scheduling import makespan


def test_one_gpu_takes_the_sum(scale: ModuleType) -> None:
    trials = [scale.Trial(seconds=seconds, head_seconds=0.5) for seconds in (3.0, 1.0, 2.0)]
    outcome = scale.simulate(trials, scale.Cluster(gpus=1, start_seconds=0.25, ahead=1))
    # The writer works beside, but for the last record.
    assert outcome.makespan == pytest.approx(6.0 + 3 * 0.25 + 0.5)
    assert outcome.useful_seconds == 6.0


def test_without_failures_trials_go_to_the_gpu_that_is_free_first(scale: ModuleType) -> None:
    rng = random.Random(1)
    seconds = [rng.expovariate(1.0) for _ in range(500)]
    outcome = scale.simulate([scale.Trial(seconds=each) for each in seconds], scale.Cluster(gpus=20))
    assert outcome.makespan == pytest.approx(makespan(seconds, 20))
    assert outcome.utilisation == pytest.approx(sum(seconds) / 20 / makespan(seconds, 20))
    assert (outcome.lost_seconds, outcome.failures) == (0.0, 0)


def test_the_longest_first_ends_earlier_than_the_longest_last(scale: ModuleType) -> None:
    seconds = [1.0] * 400 + [20.0] * 10
    last = scale.simulate([scale.Trial(seconds=each) for each in seconds], scale.Cluster(gpus=20))
    first = scale.simulate([scale.Trial(seconds=each) for each in reversed(seconds)], scale.Cluster(gpus=20))
    assert first.makespan == pytest.approx(30.0)
    assert last.makespan == pytest.approx(40.0)


def test_a_saturated_writer_sets_the_pace(scale: ModuleType) -> None:
    trials = [scale.Trial(seconds=1.0, head_seconds=0.1)] * 2000
    outcome = scale.simulate(trials, scale.Cluster(gpus=100, ahead=100))
    assert outcome.makespan == pytest.approx(2000 * 0.1 + 1.0)
    assert outcome.head_load > 0.99
    # Results do not pile up without end: what is unwritten counts as out.
    assert outcome.most_unwritten <= 200


def test_a_slow_link_sets_the_pace(scale: ModuleType) -> None:
    trials = [scale.Trial(seconds=1.0, result_bytes=1e6)] * 200
    outcome = scale.simulate(trials, scale.Cluster(gpus=50, link_bytes_per_second=1e7, ahead=50))
    assert outcome.makespan == pytest.approx(20.0 + 1.0)
    assert outcome.store_bytes == 2e8


@pytest.mark.parametrize("load", [0.5, 1.0, 2.0])
def test_gpus_that_wait_for_the_head_are_machines_that_wait_for_a_repairman(scale: ModuleType, load: float) -> None:
    """The closed form of M/M/1//N: N machines run for an exponential time, and one repairman serves them in turn.

    With p0 the share of time in which he is idle, 1 / p0 = sum over k of N! / (N - k)! * (service / run)^k.
    """
    machines, run = 10, 1.0
    service = load * run / machines
    idle = 1 / sum(
        math.factorial(machines) / math.factorial(machines - k) * (service / run) ** k for k in range(machines + 1)
    )
    rng = random.Random(3)
    count = 20_000
    trials = [
        scale.Trial(seconds=rng.expovariate(1 / run), head_seconds=rng.expovariate(1 / service)) for _ in range(count)
    ]
    outcome = scale.simulate(trials, scale.Cluster(gpus=machines))
    assert count / outcome.makespan == pytest.approx((1 - idle) / service, rel=0.03)
    assert outcome.head_load == pytest.approx(1 - idle, rel=0.03)


def test_training_states_take_the_head_and_its_link_too(scale: ModuleType) -> None:
    """One GPU and 9 states within 100 s; the store keeps none of them."""
    trial = scale.Trial(
        seconds=100.0, checkpoint_seconds=10.0, checkpoint_bytes=1e6, checkpoint_head_seconds=0.5, result_bytes=1e5
    )
    outcome = scale.simulate([trial], scale.Cluster(gpus=1, link_bytes_per_second=1e6))
    assert (outcome.head_seconds, outcome.store_bytes, outcome.written_bytes) == (4.5, 1e5, 9e6 + 1e5)
    assert outcome.makespan == pytest.approx(100.1)


def test_data_is_built_once_for_each_node_and_its_trials_wait(scale: ModuleType) -> None:
    trials = [scale.Trial(seconds=10.0, dataset="a")] * 32
    outcome = scale.simulate(trials, scale.Cluster(gpus=16, gpus_per_node=8, data_seconds=100.0))
    assert outcome.makespan == pytest.approx(100.0 + 2 * 10.0)
    assert outcome.overhead_seconds == pytest.approx(16 * 100.0)


def test_a_node_that_fails_loses_what_was_done_since_the_last_checkpoint(scale: ModuleType) -> None:
    """With checkpoints far closer than failures, half an interval each, as J. W. Young has it (CACM, 1974)."""
    trials = [scale.Trial(seconds=50 * 3600.0, checkpoint_seconds=600.0)] * 200
    cluster = scale.Cluster(gpus=20, gpus_per_node=1, node_mtbf_hours=20.0, repair_hours=0.0, detect_seconds=0.0)
    outcome = scale.simulate(trials, cluster, seed=5)
    assert outcome.lost_trials > 300
    assert outcome.lost_seconds / outcome.lost_trials == pytest.approx(300.0, rel=0.1)
    # Nothing else is lost: the GPUs did the work, and that again.
    assert 20 * outcome.makespan == pytest.approx(outcome.useful_seconds + outcome.lost_seconds, rel=0.05)


def test_without_checkpoints_the_time_of_a_trial_follows_the_exponential_formula(scale: ModuleType) -> None:
    """Restarted from the beginning, T takes (exp(T / M) - 1) * M on average (J. T. Daly, FGCS, 2006)."""
    hours, mtbf = 1.0, 2.0
    trials = [scale.Trial(seconds=hours * 3600)] * 4000
    cluster = scale.Cluster(
        gpus=10, gpus_per_node=1, node_mtbf_hours=mtbf, repair_hours=0.0, detect_seconds=0.0, keeps_checkpoints=False
    )
    outcome = scale.simulate(trials, cluster, seed=2)
    mean_hours = 10 * outcome.makespan / 3600 / len(trials)
    assert mean_hours == pytest.approx((math.exp(hours / mtbf) - 1) * mtbf, rel=0.05)


def test_failures_occur_at_the_given_rate(scale: ModuleType) -> None:
    trials = [scale.Trial(seconds=3600.0, checkpoint_seconds=60.0)] * 5000
    cluster = scale.Cluster(gpus=64, gpus_per_node=8, node_mtbf_hours=4.0, repair_hours=0.0)
    outcome = scale.simulate(trials, cluster, seed=1)
    assert outcome.failures == pytest.approx(8 * outcome.makespan / 3600 / 4.0, rel=0.2)


def test_a_node_under_repair_takes_no_trials(scale: ModuleType) -> None:
    trials = [scale.Trial(seconds=3600.0, checkpoint_seconds=60.0)] * 2000
    quick = scale.Cluster(gpus=16, gpus_per_node=8, node_mtbf_hours=10.0, repair_hours=0.0)
    slow = scale.Cluster(gpus=16, gpus_per_node=8, node_mtbf_hours=10.0, repair_hours=10.0)
    ratio = scale.simulate(trials, slow, seed=1).makespan / scale.simulate(trials, quick, seed=1).makespan
    assert ratio == pytest.approx(2.0, rel=0.25)  # up half of the time


def test_stragglers_take_longer_by_their_factor(scale: ModuleType) -> None:
    trials = [scale.Trial(seconds=1.0)] * 10_000
    outcome = scale.simulate(trials, scale.Cluster(gpus=1, straggler_share=0.1, straggler_factor=3.0))
    assert outcome.makespan == pytest.approx(10_000 * 1.2, rel=0.02)
    assert outcome.slow_seconds == pytest.approx(outcome.makespan - 10_000)


def test_the_same_seed_gives_the_same(scale: ModuleType) -> None:
    trials = [scale.Trial(seconds=3600.0, checkpoint_seconds=600.0)] * 300
    cluster = scale.Cluster(gpus=16, node_mtbf_hours=20.0)
    assert scale.simulate(trials, cluster, seed=4) == scale.simulate(trials, cluster, seed=4)
    assert scale.simulate(trials, cluster, seed=4) != scale.simulate(trials, cluster, seed=5)


def test_all_gpus_are_paid_for_until_the_end(scale: ModuleType) -> None:
    outcome = scale.simulate([scale.Trial(seconds=3600.0)] * 3, scale.Cluster(gpus=2))
    assert outcome.cost(2.5) == pytest.approx(2 * 2 * 2.5)
