"""Precision: the numeric precision of a forward pass, and which of several equal kernels computes it."""

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


@contextmanager
def fastest_kernels(device: torch.device) -> Iterator[None]:
    """Let cuDNN try its kernels for each new shape in the body, and use the fastest.

    Shapes of a training hardly change, and a GPU's results are not promised to the bit. Trying takes memory at first:
    see :meth:`harness.measuring.peak_memory.PeakMemory.forget_trials`.
    """
    if device.type != "cuda":
        yield
        return
    cudnn = torch.backends.cudnn
    before, cudnn.benchmark = cudnn.benchmark, True
    try:
        yield
    finally:
        cudnn.benchmark = before
