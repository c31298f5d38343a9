"""Bare loops: training by hand, as the reference for speeds, and a profile of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from context import Context


def network(context: Context, model: str, side: int) -> Any:
    """Return a network for ten classes on the device."""
    from harness.measuring.environment import resolve_device
    from harness.networks.building import build_model
    from zoo import build_catalog
    from zoo.architecture import ModelRequest
    from zoo.loading import Sources

    record = build_catalog(Sources(entry_points=False)).architectures.get(model).record
    request = ModelRequest(num_classes=10, in_channels=3, image_size=side, options=dict(record.options))
    built, _ = build_model(record, request, seed=0, adapt=side < 64)
    return built.to(resolve_device(context.device))


def bare_training(context: Context, model: str, *, side: int, batch: int, steps: int) -> float:
    """Return images per second of a hand-written loop: bf16, channels last, a fused optimizer, one batch."""
    import torch

    net = network(context, model, side).to(memory_format=torch.channels_last).train()
    device = next(net.parameters()).device
    images = torch.randn(batch, 3, side, side, device=device).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (batch,), device=device)
    optimizer = torch.optim.SGD(net.parameters(), 1e-4, momentum=0.9, fused=True)
    torch.backends.cudnn.benchmark = True

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16):
            logits = net(images)
        torch.nn.functional.cross_entropy(logits.float(), labels).backward()
        optimizer.step()

    return batch / seconds_of(step, device, steps)


def seconds_of(step: Callable[[], object], device: Any, steps: int) -> float:
    """Return the seconds of a call: the best of three windows, after a third of one."""
    from harness.measuring.timer import synchronize

    best = float("inf")
    for count in (max(1, steps // 3), steps, steps, steps):
        synchronize(device)
        began = time.perf_counter()
        for _ in range(count):
            step()
        synchronize(device)
        best = min(best, (time.perf_counter() - began) / count) if count == steps else best
    return best


def profile(context: Context, model: str, path: Path) -> str:
    """Profile a few training steps; write the whole table and return its first lines."""
    import torch
    from torch.profiler import ProfilerActivity

    model = context.pick(model, "lenet5")
    activities = [ProfilerActivity.CPU]
    if torch.cuda.is_available():
        activities.append(ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as found:
        bare_training(context, model, side=32, batch=context.pick(512, 4), steps=context.pick(6, 1))
    order = "self_cuda_time_total" if len(activities) > 1 else "self_cpu_time_total"
    table = found.key_averages().table(sort_by=order, row_limit=30)
    path.write_text(table)
    return "\n".join(line[:160].rstrip() for line in table.splitlines()[:18])
