"""Inference compared with timm's ``benchmark.py``: zoo's default and best settings against its default, alternately.

Needs ``--checkout``: a folder that contains the ``benchmark.py`` of a timm release.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from networks import build_network

from harness.measuring.best_inference import find_best_inference
from harness.measuring.timer import measure_rate
from harness.training.evaluation import eval_mode


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkout", type=Path, required=True)
    parser.add_argument("--model", default="efficientnet_b0", help="a name of timm's")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--compile", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    model = build_network(given.model).eval()
    # The largest batch that the search may take is the one that timm is given.
    images_NCHW = torch.randn(given.batch_size, 3, 32, 32)
    with torch.inference_mode():
        classes_N = model(images_NCHW).argmax(dim=1)
    cpu = torch.device("cpu")
    rates: dict[str, list[float]] = {"timm benchmark.py, default": [], "zoo, same settings": []}
    for _ in range(given.rounds):
        rates["timm benchmark.py, default"].append(timm_rate(given))
        with eval_mode(model), torch.inference_mode():
            same = measure_rate(
                lambda: model(images_NCHW),
                images_per_step=given.batch_size,
                device=cpu,
                budget_seconds=given.seconds,
            )
        rates["zoo, same settings"].append(same.median)
        for precisions in (("fp32",), ("fp32", "bf16")):
            best = find_best_inference(
                model,
                images_NCHW,
                classes_N,
                compile=given.compile,
                budget_seconds=given.seconds,
                precisions=precisions,
            )
            assert best is not None, "timm's networks predict in float32"
            name = f"zoo, best of {' and '.join(precisions)}: {best.layout}, {best.precision}"
            name += f"{', compiled' if best.compile else ''}, batch {best.rate.batch_size}"
            rates.setdefault(name, []).append(best.rate.median)
    base = statistics.median(rates["timm benchmark.py, default"])
    for name, values in rates.items():
        middle = statistics.median(values)
        print(f"{name:70} {middle:10,.0f} images/s  {middle / base:6.2f}")


def timm_rate(given: argparse.Namespace) -> float:
    """Return images per second as ``benchmark.py`` reports them."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "result.json"
        command = [
            sys.executable, given.checkout / "benchmark.py", "--model", given.model, "--bench", "inference",
            "--device", "cpu", "--img-size", 32, "--num-classes", 10, "--batch-size", given.batch_size, "--no-retry",
            "--num-warm-iter", 3, "--num-bench-iter", 20, "--results-file", out, "--results-format", "json",
        ]  # fmt: skip
        environment = {"OMP_NUM_THREADS": str(given.threads)}
        subprocess.run(
            [str(part) for part in command], check=True, capture_output=True, env={**os.environ, **environment}
        )
        result = json.loads(out.read_text())
        if isinstance(result, list):
            (result,) = result
        return float(result["infer_samples_per_sec"])


if __name__ == "__main__":
    main()
