"""Best inference: the memory format, precision, batch size and compile mode with which a network predicts fastest.

Unlike in training, precision may be chosen by timing: the recorded accuracy stays that of the precision used in
training and testing, and the share of images for which the fastest setting predicts the same class is recorded.
Shape suffixes: N images, B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from harness.batches.forward_settings import set_memory_format
from harness.faults.out_of_memory import is_out_of_memory
from harness.measuring.timer import measure_rate, synchronize
from harness.records.record import BestInference, Layout
from harness.training.compiling import compiled
from harness.training.evaluation import eval_mode
from harness.training.precision import exact_fp32
from zoo.text import error_text

PRECISIONS: tuple[Literal["fp32", "bf16"], ...] = ("fp32", "bf16")
LAYOUTS: tuple[Layout, ...] = ("channels_last", "contiguous")
BATCH_SIZES = (16, 64, 256, 1024)
ROUNDS = 3
AGREEMENT_IMAGES = 1024
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """How a network predicts."""

    layout: Layout
    precision: Literal["fp32", "bf16", "fp16"]
    compile: bool = False

    @property
    def name(self) -> str:
        return f"{self.layout} {self.precision}{' compiled' if self.compile else ''}"


def find_best_inference(
    model: nn.Module,
    images_NCHW: Tensor,
    classes_N: Tensor,
    *,
    compile: bool,
    budget_seconds: float,
    precisions: Sequence[Literal["fp32", "bf16"]] = PRECISIONS,
) -> BestInference | None:
    """Find the fastest setting of *model* and measure it by the timer's protocol; the model is not changed.

    Args:
        images_NCHW: Normalised float32 images on the network's device, as many as the largest batch to try.
        classes_N: The recorded predictions for them.
        compile: Whether to try ``torch.compile``, which takes seconds to minutes.
        budget_seconds: Time for the final measurement; the search takes about twice that, without compilation.
        precisions: Precisions to try.

    Returns:
        The fastest setting, or None if the network works in none.

    Raises:
        Exception: If memory runs out; fewer images may fit.
    """
    device = images_NCHW.device
    sizes = sorted({min(size, len(images_NCHW)) for size in BATCH_SIZES})
    tried: dict[str, float] = {}
    refused: dict[str, str] = {}
    window = budget_seconds / (ROUNDS * len(LAYOUTS) * len(precisions))

    def look(candidates: list[tuple[Setting, Callable[[Tensor], Tensor], int]]) -> tuple[Setting, int]:
        """Time candidates in turns; return the fastest."""
        rates: dict[tuple[Setting, int], list[float]] = {}
        for _ in range(ROUNDS):
            for setting, predict, size in candidates:
                seconds = _seconds_per_call(predict, images_NCHW[:size], device, window)
                rates.setdefault((setting, size), []).append(size / seconds)
        for (setting, size), values in rates.items():
            name = f"{setting.name} batch {size}"
            tried[name] = max(tried.get(name, 0.0), *values)
        return max(rates, key=lambda key: max(rates[key]))

    with torch.inference_mode(), exact_fp32(device):
        predictors = {
            setting: predict
            for layout in LAYOUTS
            for precision in precisions
            if (
                predict := _predictor(
                    model, setting := Setting(layout=layout, precision=precision), images_NCHW, refused
                )
            )
        }
        if not predictors:
            return None
        middle = sizes[len(sizes) // 2]
        best, _ = look([(setting, predict, middle) for setting, predict in predictors.items()])
        predict = predictors[best]
        compile_seconds = None
        if compile:
            compiled = Setting(layout=best.layout, precision=best.precision, compile=True)
            start = time.perf_counter()
            candidate = _predictor(model, compiled, images_NCHW[:middle], refused)
            synchronize(device)
            compile_seconds = time.perf_counter() - start
            if candidate is not None:
                predictors[compiled] = candidate
                best, _ = look([(setting, predictors[setting], middle) for setting in (best, compiled)])
                predict = predictors[best]
        _, size = look([(best, predict, size) for size in sizes])
        batch_BCHW = images_NCHW[:size]
        rate = measure_rate(
            lambda: predict(batch_BCHW), images_per_step=size, device=device, budget_seconds=budget_seconds
        )
        same = [
            predict(some_BCHW).argmax(dim=1).cpu() == some_B
            for some_BCHW, some_B in zip(
                torch.split(images_NCHW[:AGREEMENT_IMAGES], size),
                torch.split(classes_N[:AGREEMENT_IMAGES], size),
                strict=True,
            )
        ]
    return BestInference(
        rate=rate,
        layout=best.layout,
        precision=best.precision,
        compile=best.compile,
        top1_agreement=float(torch.cat(same).double().mean()),
        compile_seconds=compile_seconds,
        images_per_second=tried,
        refused=refused,
    )


def _predictor(
    model: nn.Module, setting: Setting, images_NCHW: Tensor, refused: dict[str, str]
) -> Callable[[Tensor], Tensor] | None:
    """Return a function from float32 images to logits, or None if the network does not work in the setting.

    The reason is added to *refused*. Casting images to the setting's type and memory format is part of what is timed.
    """
    memory_format = torch.channels_last if setting.layout == "channels_last" else torch.contiguous_format
    dtype = _DTYPES[setting.precision]
    try:
        net = copy.deepcopy(model).eval().to(dtype=dtype)
        set_memory_format(net, memory_format)
        forward = compiled(net) if setting.compile else net

        def predict(images_BCHW: Tensor) -> Tensor:
            logits_BK: Tensor = forward(images_BCHW.to(dtype=dtype, memory_format=memory_format))
            return logits_BK

        with eval_mode(net):
            # Also the compiler's first call. A network that a plugin wrote may not take every type.
            works = bool(torch.isfinite(predict(images_NCHW[: min(256, len(images_NCHW))])).all())
    except Exception as error:  # a plugin's network may raise anything in a type that it was not made for
        if is_out_of_memory(error):
            raise  # fewer images at a time may do
        refused[setting.name] = f"{error_text(error)}"
        return None
    if not works:
        refused[setting.name] = "the logits are not finite"
    return predict if works else None


def _seconds_per_call(
    predict: Callable[[Tensor], Tensor], images_BCHW: Tensor, device: torch.device, seconds: float
) -> float:
    synchronize(device)
    start = time.perf_counter()
    calls = 0
    while calls == 0 or time.perf_counter() - start < seconds:
        predict(images_BCHW)
        calls += 1
        if device.type != "cpu":
            synchronize(device)
    synchronize(device)
    return (time.perf_counter() - start) / calls
