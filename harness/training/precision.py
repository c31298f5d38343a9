"""Precision: the numeric precision of a forward pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from harness.batches.forward_settings import Precision

_LOW = {"bf16": torch.bfloat16, "fp16": torch.float16}


@contextmanager
def computing(device: torch.device, precision: Precision) -> Iterator[None]:
    """Run forward passes in *precision*; weights stay in float32.

    ``fp32`` turns off TF32, which convolutions on NVIDIA GPUs use by default.
    """
    if precision != "fp32":
        with torch.autocast(device.type, _LOW[precision]):
            yield
    else:
        with exact_fp32(device):
            yield


@contextmanager
def exact_fp32(device: torch.device) -> Iterator[None]:
    """Turn off TF32 in the body, including for backward passes."""
    if device.type != "cuda":
        yield
        return
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = False
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before
