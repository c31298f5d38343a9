"""The devices of one trial: which they are, and what is refused."""

from __future__ import annotations

import pytest

from harness.trial.distributed.devices import check_together, rank_devices
from zoo.errors import UsageError


def test_gpus_are_those_from_the_device_on_and_a_cpu_is_shared():
    assert rank_devices("cuda:2", 3) == ("cuda:2", "cuda:3", "cuda:4")
    assert rank_devices("cuda", 2) == ("cuda:0", "cuda:1")
    assert rank_devices("cpu", 2) == ("cpu", "cpu")


def test_one_device_may_do_anything():
    check_together("mps", 1, num_gpus=0, compile="on")


@pytest.mark.parametrize(
    ("device", "compile", "said"),
    [
        ("mps", "off", "Metal has one device only"),
        ("xpu:0", "off", "not on xpu:0"),
        ("cpu", "on", "--gpus-per-trial 2 and --compile on cannot be combined"),
        ("cuda:0", "off", "--gpus-per-trial 2 from cuda:0 on: this machine has 1 GPU that torch can use"),
    ],
)
def test_impossible_devices_are_rejected_with_a_sentence(device, compile, said):
    with pytest.raises(UsageError, match=said):
        check_together(device, 2, num_gpus=1, compile=compile)


def test_gpus_that_are_there_are_taken():
    check_together("cuda:1", 3, num_gpus=4, compile="auto")
    with pytest.raises(UsageError, match="4 GPUs"):
        check_together("cuda:2", 3, num_gpus=4, compile="auto")
