"""What runs on the pretend accelerator, in a process of its own: ``python scenarios.py NAME…`` prints JSON lines.

Each scenario does something on the CPU and on the pretend accelerator, and returns both results with the counts.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from toy_training import ACCELERATOR, CPU, DEVICE, make_data, network
from training_scenarios import (
    batched_seeds,
    launches_of_a_step,
    lenet_training,
    out_of_memory,
    plain_training,
    resnet_training,
    small_memory,
    streamed_training,
)
from trial_scenarios import bf16_trial, features_trial, lenet_trial, resnet_trial

from harness.batches.forward_settings import ForwardSettings
from harness.training.evaluation import predict_batch


def serving(folder: Path) -> dict[str, Any]:
    """Predict three batches as a server does."""
    data = make_data(folder)
    model = network("resnet20_cifar", data)
    images_NHWC = torch.from_numpy(np.array(data.load("test").images_NHWC))
    results = []
    for device in (CPU, DEVICE):
        settings = ForwardSettings(device=device, normalization=data, channels_last=True)
        settings.place(model)
        normalize = settings.normalizer()
        predict_batch(model, images_NHWC[:8], settings, normalize, batch_size=8)  # makes the normaliser's constants
        ACCELERATOR.reset_counts()
        some = torch.split(images_NHWC, 8)
        results.append(torch.cat([predict_batch(model, each, settings, normalize, batch_size=8) for each in some]))
    return {
        "difference": float((results[0] - results[1]).abs().max()),
        "batches": len(some),
        "counts": dict(ACCELERATOR.counts),
    }


def refusals(folder: Path) -> dict[str, Any]:
    """Do what a device must refuse or count."""
    there, here = torch.ones(3, device=DEVICE), torch.ones(3)
    ACCELERATOR.reset_counts()
    found: dict[str, Any] = {}
    for name, work in {
        "sum": lambda: there + here,
        "in place": lambda: there.add_(here),
        "list": lambda: torch._foreach_add_([there], [here]),
        "index": lambda: there.index_select(0, torch.tensor([0, 1])),
    }.items():
        try:
            work()
            found[name] = ""
        except RuntimeError as error:
            found[name] = str(error)
    found["number"] = (there + torch.tensor(2.0)).sum().item()
    _ = there[there > 0]
    found["counts"] = dict(ACCELERATOR.counts)
    held = ACCELERATOR.allocated
    more = torch.zeros(1000, device=DEVICE)
    found["grew"] = ACCELERATOR.allocated - held
    view = more[:10]
    found["view grew"] = ACCELERATOR.allocated - held - 4000
    del more, view
    found["kept"] = ACCELERATOR.allocated - held
    return found


SCENARIOS: dict[str, Callable[[Path], dict[str, Any]]] = {
    scenario.__name__: scenario
    for scenario in (
        refusals,
        serving,
        lenet_training,
        resnet_training,
        plain_training,
        streamed_training,
        out_of_memory,
        small_memory,
        batched_seeds,
        launches_of_a_step,
        lenet_trial,
        bf16_trial,
        features_trial,
        resnet_trial,
    )
}


def main(names: list[str]) -> None:
    torch.set_num_threads(1)
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps({"scenario": name, **SCENARIOS[name](Path(folder))}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
