"""The engine on an accelerator: results of the CPU, one device for all tensors, and no wait inside an epoch.

The accelerator is pretended (see ``pretend.py``): nothing here shows that CUDA's kernels, streams or memory work.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch.utils import backend_registration

NUM_TRAIN, NUM_VAL, NUM_TEST, EPOCHS, STEPS = 50, 20, 24, 2, 4
FAST = [
    "refusals",
    "serving",
    "lenet_training",
    "plain_training",
    "streamed_training",
    "out_of_memory",
    "small_memory",
    "batched_seeds",
    "launches_of_a_step",
]
SLOW = ["resnet_training", "lenet_trial", "resnet_trial", "bf16_trial", "features_trial"]
Found = dict[str, Any]

pytestmark = pytest.mark.skipif(
    not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"),
    reason="this torch cannot register a device in Python",
)


def run(names: list[str], cache: Path) -> dict[str, Found]:
    here = Path(__file__).parent  # named, because with PYTHONSAFEPATH a script's folder is not searched
    done = subprocess.run(
        [sys.executable, here / "scenarios.py", *names],
        capture_output=True,
        text=True,
        timeout=500,
        env={**os.environ, "ZOO_CACHE": str(cache), "PYTHONPATH": os.pathsep.join([str(here), *sys.path])},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return {found["scenario"]: found for found in map(json.loads, done.stdout.splitlines())}


@pytest.fixture(scope="module")
def fast(make_cache: Callable[[], Path]) -> dict[str, Found]:
    return run(FAST, make_cache())


@pytest.fixture(scope="module")
def slow(make_cache: Callable[[], Path]) -> dict[str, Found]:
    return run(SLOW, make_cache())


def test_the_pretend_accelerator_refuses_tensors_of_the_host(fast: dict[str, Found]) -> None:
    found = fast["refusals"]
    for name in ("sum", "in place", "list", "index"):
        assert "expected all tensors to be on the same device, but found pretend:0 and cpu" in found[name]
    assert found["number"] == 9, "a single number may come from the host"


def test_the_pretend_accelerator_counts_what_the_host_waits_for(fast: dict[str, Found]) -> None:
    """One number that is read, and one selection whose size only the device knows."""
    assert fast["refusals"]["counts"] == {"items": 1, "waits": 2}


def test_the_pretend_accelerator_knows_what_its_tensors_hold(fast: dict[str, Found]) -> None:
    found = fast["refusals"]
    assert (found["grew"], found["view grew"], found["kept"]) == (4000, 0, 0)


def check_training(found: Found, *, streamed: bool = False) -> None:
    """What holds of every training: the CPU's results, each image across once, and no wait inside an epoch."""
    assert found["difference"] == 0
    assert found["loss"][0] == pytest.approx(found["loss"][1], rel=1e-6)
    rounds = EPOCHS if streamed else 1
    assert found["counts"]["images"] == rounds * (NUM_TRAIN + NUM_VAL)
    assert (found["resident_bytes"] > 0) != streamed
    before_steps = found["before_steps"]
    assert len(before_steps) == EPOCHS * STEPS
    for epoch in range(EPOCHS):
        waits = [counts.get("waits", 0) for counts in before_steps[epoch * STEPS : (epoch + 1) * STEPS]]
        assert waits == [waits[0]] * STEPS, "a step waited for the device"
        if not streamed:
            copies = [counts["to_device"] for counts in before_steps[epoch * STEPS : (epoch + 1) * STEPS]]
            assert copies == [copies[0]] * STEPS, "a step copied something to the device"


def test_a_lenet_trains_as_on_the_cpu(fast: dict[str, Found]) -> None:
    check_training(fast["lenet_training"])


def test_it_waits_four_times_an_epoch_and_says_for_what(fast: dict[str, Found]) -> None:
    """The loss and the number of correct predictions, the logits of the validation images, and their labels."""
    for name, items in (("plain_training", 2), ("lenet_training", 1)):
        counts = fast[name]["counts"]
        assert counts["items"] == EPOCHS * items
        assert counts["to_host"] == EPOCHS * 2
        assert counts["waits"] == EPOCHS * (items + 2)


def test_balanced_sampling_and_weights_adamw_and_the_best_epoch_train_as_on_the_cpu(fast: dict[str, Found]) -> None:
    check_training(fast["plain_training"])


def test_images_that_do_not_fit_cross_once_an_epoch(fast: dict[str, Found]) -> None:
    check_training(fast["streamed_training"], streamed=True)


def test_a_step_that_runs_out_of_memory_is_repeated_in_halves(fast: dict[str, Found]) -> None:
    """Weights are those of a training that was planned so."""
    found = fast["out_of_memory"]
    assert max(found["difference"]) == 0
    assert found["micro_batch_sizes"] == [[16, 8]] * 2
    assert found["emptied"] == [1, 1]


def test_a_training_fits_itself_into_the_memory_that_there_is(fast: dict[str, Found]) -> None:
    found = fast["small_memory"]
    assert found["within"]
    assert found["halved"] < found["whole"] == 50
    assert found["loss"][0] == pytest.approx(found["loss"][1], rel=0.01)


def test_a_served_batch_crosses_once_and_its_logits_come_back_once(fast: dict[str, Found]) -> None:
    found = fast["serving"]
    assert found["difference"] == 0
    assert found["counts"] == {
        "to_device": found["batches"],
        "images": 24,
        "to_host": found["batches"],
        "waits": found["batches"],
    }


def test_seeds_that_train_together_have_the_cpus_results_and_take_fewer_launches(fast: dict[str, Found]) -> None:
    """The images cross once for all three; at the end of an epoch the host waits for losses, hits, and each seed's
    validation logits and labels."""
    found = fast["batched_seeds"]
    assert found["difference"] == 0
    assert found["counts"]["images"] == NUM_TRAIN + NUM_VAL
    assert found["waits"] == [0] * STEPS + [2 + 3 * 2] * STEPS
    assert found["launches_together"] < 0.8 * 3 * found["launches_alone"]


def test_a_step_launches_eight_kernels_beside_the_networks_own(fast: dict[str, Found]) -> None:
    """Images, labels, normalisation, and for the epoch's statistics the loss and four for what was classified right."""
    found = fast["launches_of_a_step"]
    assert found["engine"] - found["bare"] == 8


@pytest.mark.slow
def test_a_resnet_trains_as_on_the_cpu(slow: dict[str, Found]) -> None:
    check_training(slow["resnet_training"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lenet_trial", "resnet_trial"])
def test_a_whole_trial_has_the_cpus_results_and_measures_everything(slow: dict[str, Found], name: str) -> None:
    found = slow[name]
    assert (found["outcome"], found["warnings"]) == ("done", [])
    assert found["difference"] == 0
    assert found["loss"][0] == pytest.approx(found["loss"][1], rel=1e-6)
    assert found["metrics_agree"]
    assert found["environment"] == {
        "device": "pretend:0",
        "device_name": "Pretend Accelerator",
        "device_memory_mib": 4096,
    }
    assert found["peak_memory_mib"] > found["resident_images_mib"] > 0
    assert len(found["measured"]) == 6


@pytest.mark.slow
def test_a_whole_trial_in_bf16_is_cast_and_has_the_cpus_results(slow: dict[str, Found]) -> None:
    found = slow["bf16_trial"]
    assert (found["outcome"], found["warnings"]) == ("done", [])
    assert found["autocasts"] > 100
    assert found["difference"] == 0
    assert found["loss"][0] == pytest.approx(found["loss"][1], rel=1e-6)
    assert found["metrics_agree"]
    assert len(found["measured"]) == 6


@pytest.mark.slow
def test_features_and_a_head_that_is_fitted_to_them_are_the_cpus(slow: dict[str, Found]) -> None:
    found = slow["features_trial"]
    assert (found["outcome"], found["warnings"]) == ("done", [])
    assert found["features"] == NUM_TRAIN + NUM_VAL + NUM_TEST  # computed there, and not taken from the CPU's
    assert found["difference"] == 0
    assert found["metrics_agree"]
    assert found["measured"] == ["inference", "inference_end_to_end", "latency", "reference"]
