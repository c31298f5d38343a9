"""The items of the acceptance, in order of worth. They only use zoo as a user does, or its timer."""

from __future__ import annotations

from collections.abc import Callable

from context import Context, Item, Outcome
from correctness import mission, ninety_five, out_of_memory, precisions, resumed, same_predictions, speedrun
from sharing import batched_seeds, exclusive_timing, memory_forecast, shared_device
from speeds import features, loader_share, photographs, resnet18_ceiling, resnet50_224, serving


def _items() -> list[Item]:
    """Return all items, in order of worth."""
    rows: list[tuple[Callable[[Context], Outcome], int, float, str, str, str]] = [
        (mission, 1, 240, "all trials done", "The mission's command on CIFAR-10: four networks, three seeds.", ""),
        (same_predictions, 1, 90, "≥ 99.9 % the same class, logits within 0.01", "One checkpoint on CPU and GPU.", ""),
        (resumed, 1, 120, "done after two attempts", "A bench that is killed with SIGKILL goes on.", ""),
        (out_of_memory, 1, 150, "done, in smaller parts of the batch", "A batch that does not fit.", ""),
        (precisions, 2, 300, "all done, within 3 points, nothing given up", "Precisions and compile modes.", ""),
        (loader_share, 2, 150, "≥ 90 %", "What the data path leaves of the compute-only speed.", "resnet20_cifar"),
        (
            speedrun,
            3,
            240,
            "≥ 94.0 % over 20 seeds, < 2.0 s each",
            "The speedrun, as airbench counts it.",
            "speedrun_cnn",
        ),
        (resnet18_ceiling, 3, 150, "≥ 90 % of the bare loop", "CIFAR ResNet-18 in bf16.", "resnet18"),
        (ninety_five, 3, 180, "≥ 95 % in < 60 s", "A ResNet-18 to 95 %.", "resnet18"),
        (resnet50_224, 4, 150, "≥ 0.95 times the bare loop", "ResNet-50 at 224 pixels, bf16.", ""),
        (shared_device, 4, 180, "≥ 2 times as fast", "LeNet-5 with --jobs-per-device 8.", "lenet5"),
        (batched_seeds, 4, 150, "≥ 2 times as fast, within 1 point", "Seeds of LeNet-5 as one batched network.", ""),
        (serving, 4, 120, "p95 < 100 ms", "zoo serve under load.", ""),
        (features, 4, 200, "≥ 1,000/s", "Features of 10,000 photographs with a ResNet-50 at 224 pixels.", ""),
        (memory_forecast, 5, 150, "within 25 %", "Device memory against the forecast.", ""),
        (exclusive_timing, 5, 150, "≥ 90 % of alone", "Two benches that time themselves on one device.", ""),
        (photographs, 5, 240, "none yet", "10,000 photographs from file to class.", ""),
    ]
    return [
        Item(
            name=run.__name__.replace("_", "-"),
            run=run,
            part=part,
            limit_seconds=seconds,
            target=target,
            summary=summary,
            profiled=profiled,
        )
        for run, part, seconds, target, summary, profiled in rows
    ]


ITEMS = _items()
