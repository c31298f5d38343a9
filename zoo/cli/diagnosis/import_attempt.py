"""Probes of ``zoo doctor``, which run in a separate process since they may crash or hang, and print a JSON object.

Run as ``python -m zoo.cli.diagnosis.import_attempt torch`` or ``… fork_server``; never imported.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from typing import Any


def torch() -> dict[str, Any]:
    """Load torch and torchvision, call an operator of each, and use every accelerator once."""
    import torch
    import torchvision
    from torchvision.ops import nms

    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.9]])
    kept = nms(boxes, torch.tensor([0.9, 0.8]), 0.5)
    if kept.tolist() != [0]:
        raise RuntimeError(f"torchvision's nms kept boxes {kept.tolist()}, not [0]")
    gpus, trouble = [], ""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    kind = "" if accelerator is None else accelerator.type
    has_bf16 = False
    try:
        for index in range(torch.accelerator.device_count() if kind else 0):
            device = kind if kind == "mps" else f"{kind}:{index}"
            ones = torch.ones(64, 64, device=device)
            if float((ones @ ones).sum()) != 64**3:
                raise RuntimeError(f"{device} multiplies wrongly")
            name_of = getattr(torch.get_device_module(kind), "get_device_name", None)  # Metal has none
            gpus.append(name_of(index) if name_of else "one GPU")
        has_bf16 = kind == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    except RuntimeError as error:
        trouble = " ".join(str(error).split())[:300]
    return {
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "cuda": torch.version.cuda or "",
        "hip": torch.version.hip or "",
        "accelerator": kind,
        "bf16": has_bf16,
        "gpus": gpus,
        "gpu_trouble": trouble,
        "threads": torch.get_num_threads(),
    }


def fork_server() -> dict[str, Any]:
    """Start a process from a fork server, if the platform has one."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return {"available": False}
    process = multiprocessing.get_context("forkserver").Process(target=os.getpid)
    process.start()
    process.join()
    if process.exitcode != 0:
        raise RuntimeError(f"its first process ended with {process.exitcode}")
    return {"available": True}


if __name__ == "__main__":
    print(json.dumps({"torch": torch, "fork_server": fork_server}[sys.argv[1]]()))
