"""Tuning: the settings with which a network trains fastest on this machine, found by timing a few steps.

Timing chooses only what changes no more than rounding: the memory format, and on a GPU whether to compile. Precision
changes predictions and is part of a result's identity, so it is never chosen by timing; on a CPU the speed of bf16 is
measured and reported.

A choice applies to a network, an image shape, a batch size and a machine. It is cached, so that all seeds and all
later runs train with the same settings. Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from harness.batches.forward_settings import ForwardSettings, Precision
from harness.faults.out_of_memory import is_out_of_memory
from harness.measuring.timer import synchronize
from harness.measuring.training_step import training_step
from harness.records.record import Layout, Tuning
from harness.records.spec import stable_hash
from harness.training.forward_state import device_rng_state, set_device_rng_state
from harness.training.precision import exact_fp32
from harness.training.resolved_recipe import ResolvedRecipe
from zoo.files.cache import cached_json

MARGIN = 1.05
"""How much faster than the default another setting must be: a smaller gain may be noise."""
ROUNDS = 3
"""Timings of each candidate, taken in turns; the median counts."""
MIN_WINDOW_SECONDS = 0.02
SHARE = 0.02
"""Share of a training's expected time that choosing its settings may take."""
COMPILE_WORTH_SECONDS = 60.0
"""A training expected to be shorter is not compiled by default: the compiler alone can take half of this time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TuningRequest:
    """What the user asked for, and what the choice of settings depends on besides the network and its batch."""

    layout: Literal["auto", "channels_last", "contiguous"]
    """The memory format asked for; ``auto`` leaves it to timing."""
    compile: Literal["auto", "on", "graphs", "off"]
    """The compile mode asked for; ``auto`` leaves it to timing."""
    num_steps: int
    """Steps that the training will take; a short training is not worth much timing."""
    identity: Mapping[str, Any]
    """The network, machine and versions as plain JSON: an earlier choice for the same ones is read from the cache."""


def tune(
    model: nn.Module,
    resolved: ResolvedRecipe,
    settings: ForwardSettings,
    images_BCHW: Tensor,
    labels_B: Tensor,
    *,
    request: TuningRequest,
    alone: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Tuning:
    """Choose the memory format and compile mode of a training.

    Args:
        model: On its device; it is left as it is.
        settings: The device, precision and normalisation of the training; the rest is what is chosen.
        images_BCHW: A batch of normalised training images on that device.
        request: What the user asked for, and what the choice depends on.
        alone: Has the device to this process alone; entered for timing only, since the other trials pause for it.
    """
    device = settings.device
    if request.layout != "auto" and request.compile != "auto":
        return _default(request, "").model_copy(update={"reason": "as requested"})
    if request.num_steps * SHARE < 1:
        return _default(request, "too few steps to time")
    key = stable_hash(
        {
            **request.identity,
            "shape": list(images_BCHW.shape),
            "precision": settings.precision,
            "layout": request.layout,
            "compile": request.compile,
            "optimizer": resolved.hp.optimizer,
            "num_steps": request.num_steps,
        }
    )
    name, seconds = f"tuning/{key[:32]}", 0.0

    def step_with(candidate: ForwardSettings) -> Callable[[], None]:
        return training_step(model, resolved, candidate, images_BCHW, labels_B)

    def look() -> dict[str, Any]:
        with exact_fp32(device):
            return _look(step_with, settings, request, len(labels_B))

    def look_alone() -> dict[str, Any]:
        nonlocal seconds
        with alone():
            began = time.perf_counter()
            found = cached_json(name, look)  # another trial may have looked while this one waited
            seconds = time.perf_counter() - began
        return found

    state = torch.get_rng_state(), device_rng_state(device)
    try:
        tuning = Tuning.model_validate(cached_json(name, look_alone))
    except Exception as error:
        # Training reports what is wrong with the network more clearly, and halves a batch that is too large.
        why = "timing ran out of memory" if is_out_of_memory(error) else "timing failed"
        tuning = _default(request, why)
    finally:
        torch.set_rng_state(state[0])
        if state[1] is not None:
            set_device_rng_state(device, state[1])
    return tuning.model_copy(update={"seconds": seconds})


def _look(
    step_with: Callable[[ForwardSettings], Callable[[], None]],
    settings: ForwardSettings,
    request: TuningRequest,
    batch: int,
) -> dict[str, Any]:
    device, precision = settings.device, settings.precision
    layout, compile = request.layout, request.compile

    def step_of(channels_last: bool, precision: Precision) -> Callable[[], None]:
        return step_with(replace(settings, channels_last=channels_last, precision=precision))

    usual = layout != "contiguous"
    steps = {_name(usual, precision): step_of(usual, precision)}
    first = steps[_name(usual, precision)]
    first()  # allocates, and picks kernels
    step_seconds = seconds_of_calls(first, 1, device)
    expected = request.num_steps * step_seconds
    layouts = (True, False) if layout == "auto" else (usual,)
    informs = device.type == "cpu" and precision == "fp32"
    probe_seconds = (len(layouts) + informs) * (ROUNDS + 1) * max(step_seconds, MIN_WINDOW_SECONDS)
    if probe_seconds > SHARE * expected:
        return _default(request, "training is too short to time").model_dump(mode="json")
    for channels_last in layouts:
        steps.setdefault(_name(channels_last, precision), step_of(channels_last, precision))
    if informs:
        steps[_name(usual, "bf16")] = step_of(usual, "bf16")
    rates = _rates(steps, step_seconds, batch, device)
    chosen, reason = usual, ""
    if layout == "auto":
        ratio = rates[_name(False, precision)] / rates[_name(True, precision)]
        chosen = ratio <= MARGIN
        reason = f"contiguous ran at {ratio:.2f} times the speed of channels last"
    if informs:
        ratio = rates[_name(usual, "bf16")] / rates[_name(usual, "fp32")]
        reason += (
            f"{'; ' if reason else ''}bf16 ran at {ratio:.2f} times the speed of fp32 (choose it with --precision bf16)"
        )
    compiles, graphs = compile in ("on", "graphs"), compile == "graphs"
    compile_seconds = None
    if compile == "auto" and device.type == "cpu":
        reason += "; not compiled: compiling does not speed up training on a CPU"
    elif compile == "auto" and expected < COMPILE_WORTH_SECONDS:
        reason += "; not compiled: training is too short"
    elif compile == "auto":
        eager = step_of(chosen, precision)
        candidate = replace(settings, channels_last=chosen, compile=True)
        compiled = step_with(candidate)
        compile_seconds = seconds_of_calls(compiled, 1, device)
        with_graphs = step_with(replace(candidate, graphs=True))
        ways = {"eager": eager, "compiled": compiled, "compiled with graphs": with_graphs}
        by_way = _rates(ways, step_seconds, batch, device)
        for way in ("compiled", "compiled with graphs"):
            rates[f"{_name(chosen, precision)}, {way}"] = by_way[way]
            reason += f"; {way} ran at {by_way[way] / by_way['eager']:.2f} times the speed of eager"
        graphs = by_way["compiled with graphs"] > MARGIN * by_way["compiled"]
        compiles = by_way["compiled with graphs" if graphs else "compiled"] > MARGIN * by_way["eager"]
        graphs = graphs and compiles
    return Tuning(
        layout=_layout(chosen),
        compile=compiles,
        graphs=graphs,
        reason=reason.removeprefix("; "),
        images_per_second=rates,
        compile_seconds=compile_seconds,
    ).model_dump(mode="json")


def _rates(
    steps: Mapping[str, Callable[[], None]], step_seconds: float, batch: int, device: torch.device
) -> dict[str, float]:
    """Time steps in turns, so that other load on the machine affects all alike; return images per second."""
    calls = max(1, int(MIN_WINDOW_SECONDS / max(step_seconds, 1e-9)))
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        seconds_of_calls(step, 1, device)
    for _ in range(ROUNDS):
        for name, step in steps.items():
            taken[name].append(seconds_of_calls(step, calls, device) / calls)
    return {name: batch / statistics.median(seconds) for name, seconds in taken.items()}


def seconds_of_calls(step: Callable[[], None], calls: int, device: torch.device) -> float:
    """Return the seconds that *calls* of a step take."""
    synchronize(device)
    start = time.perf_counter()
    for _ in range(calls):
        step()
    synchronize(device)
    return time.perf_counter() - start


def _default(request: TuningRequest, reason: str) -> Tuning:
    return Tuning(
        layout=_layout(request.layout != "contiguous"),
        compile=request.compile in ("on", "graphs"),
        graphs=request.compile == "graphs",
        reason=f"default: {reason}",
    )


def _layout(channels_last: bool) -> Layout:
    return "channels_last" if channels_last else "contiguous"


def _name(channels_last: bool, precision: Precision) -> str:
    return f"{_layout(channels_last)} {precision}"
