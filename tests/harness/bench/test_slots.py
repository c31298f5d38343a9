"""Slots: how many trials run at a time, and on what."""

from __future__ import annotations

import pytest

from harness.bench.slots import TRIAL_BYTES, SlotRequest, make_slots, threads_for, trials_that_fill
from zoo.errors import UsageError


def devices(request: SlotRequest, **machine: object) -> list[tuple[str, ...]]:
    return [slot.devices for slot in make_slots(request, **machine)]  # type: ignore[arg-type]


def test_without_a_wish_one_trial_runs_at_a_time() -> None:
    assert devices(SlotRequest(), device="cpu", num_gpus=0) == [("cpu",)]
    assert devices(SlotRequest(), device="cuda:1", num_gpus=4) == [("cuda:1",)]


def test_without_a_wish_as_many_trials_as_fill_a_cpu_share_it() -> None:
    slots = make_slots(SlotRequest(), device="cpu", num_gpus=0, fill=4)
    assert [(slot.devices, slot.sharing) for slot in slots] == [(("cpu",), 4)] * 4
    assert len(make_slots(SlotRequest(jobs_per_device=2), device="cpu", num_gpus=0, fill=4)) == 2
    assert len(make_slots(SlotRequest(jobs=1), device="cpu", num_gpus=0, fill=4)) == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 8),
        ({"trials": 3}, 3),
        ({"wanted_threads": 3}, 2),
        ({"wanted_threads": 16}, 1),
        ({"free_bytes": 5 * TRIAL_BYTES}, 5),
        ({"free_bytes": 0}, 1),
        ({"free_bytes": None}, 1),
    ],
)
def test_a_cpu_is_filled_as_far_as_trials_threads_and_memory_reach(
    changes: dict[str, int | None], expected: int
) -> None:
    given = {"trials": 100, "threads": 8, "wanted_threads": None, "free_bytes": 100 * TRIAL_BYTES, **changes}
    assert trials_that_fill(**given) == expected  # type: ignore[arg-type]


def test_jobs_on_a_cpu_share_it() -> None:
    slots = make_slots(SlotRequest(jobs=3), device="cpu", num_gpus=0)
    assert [(slot.devices, slot.sharing) for slot in slots] == [(("cpu",), 3)] * 3


def test_each_gpu_that_is_named_gets_a_slot() -> None:
    request = SlotRequest(devices=(0, 2))
    assert devices(request, device="cuda:0", num_gpus=4) == [("cuda:0",), ("cuda:2",)]


def test_all_gpus_are_those_of_the_machine() -> None:
    assert devices(SlotRequest(devices=()), device="cuda:0", num_gpus=3) == [("cuda:0",), ("cuda:1",), ("cuda:2",)]


def test_jobs_alone_take_the_gpus_that_follow() -> None:
    assert devices(SlotRequest(jobs=2), device="cuda:1", num_gpus=4) == [("cuda:1",), ("cuda:2",)]


def test_every_gpu_gets_a_first_trial_before_any_gets_a_second() -> None:
    request = SlotRequest(devices=(0, 1), jobs=3, jobs_per_device=2)
    slots = make_slots(request, device="cuda:0", num_gpus=2)
    assert [(slot.devices[0], slot.sharing) for slot in slots] == [("cuda:0", 2), ("cuda:1", 1), ("cuda:0", 2)]


def test_a_trial_may_take_several_gpus() -> None:
    request = SlotRequest(devices=(0, 1, 2, 3, 4))
    groups = devices(request, device="cuda:0", num_gpus=5, gpus_per_trial=2)
    assert groups == [("cuda:0", "cuda:1"), ("cuda:2", "cuda:3")]
    assert devices(SlotRequest(), device="cuda:0", num_gpus=4, gpus_per_trial=2) == [("cuda:0", "cuda:1")]


@pytest.mark.parametrize(
    ("request_", "machine", "sentence"),
    [
        (SlotRequest(devices=(0, 7)), {"device": "cuda:0", "num_gpus": 2}, "--devices 7: this machine has 2 GPU"),
        (SlotRequest(devices=(0,)), {"device": "cpu", "num_gpus": 0}, "names GPUs, but this bench runs on cpu"),
        (SlotRequest(jobs=3), {"device": "cuda:0", "num_gpus": 2}, "--jobs-per-device 2 lets trials share"),
        (SlotRequest(), {"device": "cuda:0", "num_gpus": 1, "gpus_per_trial": 2}, "only 1 GPU"),
    ],
)
def test_a_missing_file_gives_one_sentence(request_: SlotRequest, machine: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        make_slots(request_, **machine)  # type: ignore[arg-type]


def test_threads_are_shared_fairly_unless_the_user_says_otherwise() -> None:
    assert threads_for(3, wanted=None, available=8) == 2
    assert threads_for(16, wanted=None, available=8) == 1
    assert threads_for(3, wanted=5, available=8) == 5
