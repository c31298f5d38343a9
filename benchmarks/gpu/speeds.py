"""Items on speed: training over bare loops, what the data path leaves, and serving."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

from bare_loops import bare_training, network, seconds_of
from context import Context, Outcome, records, speed

LOAD = Path(__file__).parent.parent / "serving" / "load.py"


def loader_share(context: Context) -> Outcome:
    found = context.bench(
        "loader",
        context.pick("resnet20_cifar,resnet18", "lenet5"),
        "--seeds",
        "1",
        *context.pick(["--epochs", "4"], []),
    )
    shares = {
        each["spec"]["architecture"]["display_name"]: speed(each, "train_end_to_end") / speed(each, "train")
        for each in found
    }
    shown = ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares.items())
    return Outcome(figure=f"end to end over compute only: {shown}", passed=min(shares.values()) >= 0.9, values=shares)


def resnet18_ceiling(context: Context) -> Outcome:
    """Compare zoo's epochs with a hand-written loop on one batch."""
    model = context.pick("resnet18", "lenet5")
    options = ["--precision", "bf16", "--seeds", "1", "--batch-size", context.pick("512", "16")]
    (record,) = context.bench("ceiling", model, *options, *context.pick(["--epochs", "5"], []))
    ceiling = bare_training(context, model, side=32, batch=context.pick(512, 16), steps=context.pick(60, 2))
    ratio = speed(record, "train_end_to_end") / ceiling
    return Outcome(
        figure=f"{speed(record, 'train_end_to_end'):,.0f} img/s end to end, {100 * ratio:.0f} % of a bare loop's "
        f"{ceiling:,.0f} on one batch",
        passed=ratio >= 0.9,
        values={"ratio": ratio, "ceiling": ceiling},
    )


def resnet50_224(context: Context) -> Outcome:
    """Compare zoo's timed training step with a loop like that of timm's ``benchmark.py``."""
    import torch

    from harness.batches.forward_settings import ForwardSettings
    from harness.measuring.training_step import training_step
    from harness.training.precision import fastest_kernels
    from harness.training.resolved_recipe import ResolvedRecipe
    from zoo import Hyperparameters, Preparation, Recipe

    model, side, batch = context.pick(("resnet50", 224, 128), ("lenet5", 32, 4))
    steps = context.pick(20, 2)
    bare = bare_training(context, model, side=side, batch=batch, steps=steps)
    net = network(context, model, side)
    device = next(net.parameters()).device
    hp = Hyperparameters(batch_size=batch, lr=1e-4, optimizer="sgd")
    settings = ForwardSettings(
        device=device,
        normalization=Preparation(mean=(0.5,) * 3, std=(0.25,) * 3),
        precision="bf16",
        channels_last=True,
    )
    images = torch.randn(batch, 3, side, side, device=device)
    labels = torch.randint(0, 10, (batch,), device=device)
    resolved = ResolvedRecipe(recipe=Recipe(name="plain", hyperparameters=lambda: hp), hp=hp)
    with fastest_kernels(device):
        own = batch / seconds_of(training_step(net, resolved, settings, images, labels), device, steps)
    return Outcome(
        figure=f"{own:,.0f} img/s of training, {own / bare:.2f} times those of the bare loop ({bare:,.0f})",
        passed=own >= 0.95 * bare,
        notes=["the bare loop does what timm's benchmark.py does with --amp --channels-last, which is not carried"],
        values={"ratio": own / bare},
    )


def serving(context: Context) -> Outcome:
    folder = context.trained(context.pick("resnet20_cifar", "lenet5"))
    command = [sys.executable, str(LOAD), str(folder), "--seconds", context.pick("6", "0.3"), "--rounds", "1"]
    context.commands.append(shlex.join(["python", "benchmarks/serving/load.py", *command[2:]]))
    done = subprocess.run(command, capture_output=True, text=True)
    print(done.stdout, done.stderr, sep="\n", flush=True)
    numbers = {
        name: float(found[1])
        for name, pattern in (
            ("requests_per_second", r"([\d.]+) requests/s"),
            ("p95_ms", r"([\d.]+) ms p95"),
            ("share_percent", r"served/alone +([\d.]+)"),
        )
        if (found := re.search(pattern, done.stdout))
    }
    if len(numbers) < 3:
        raise SystemExit(f"the load test said nothing: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return Outcome(
        figure=f"{numbers['requests_per_second']:.0f} requests/s, p95 {numbers['p95_ms']:.0f} ms, "
        f"{numbers['share_percent']:.0f} % of the network alone",
        passed=numbers["p95_ms"] < 100.0,
        values=numbers,
    )


def photographs(context: Context) -> Outcome:
    """Classify JPEG files from end to end."""
    count = context.pick(10_000, 12)
    folder = context.out / "photographs"
    draw_photographs(folder, range(count))
    checkpoint = context.trained(context.pick("resnet20_cifar", "lenet5"))
    began = time.monotonic()
    output = context.out / "photographs.csv"
    context.zoo(
        "predict", str(checkpoint), str(folder), "--format", "csv", "--out", str(output), "--device", context.device
    )
    rate = count / (time.monotonic() - began)
    return Outcome(
        figure=f"{rate:,.0f} photographs of 400×300 a second from file to class, start of the process included",
        passed=None,
        values={"photographs_per_second": rate},
    )


def features(context: Context) -> Outcome:
    """Compute the features of JPEG files with a backbone, and fit a head to them.

    The backbone's weights are random, since nothing is downloaded.
    """
    count, classes = context.pick(10_000, 48), 4
    folder = context.out / "classes"
    for number in range(classes):
        own = range(number, count, classes)
        held_back = len(own) // 10
        draw_photographs(folder / "test" / f"class{number}", own[:held_back])
        draw_photographs(folder / "train" / f"class{number}", own[held_back:])
    store = context.out / "stores" / "features"
    model, side = context.pick(("resnet50", "224"), ("lenet5", "32"))
    context.zoo(
        *("bench", "--models", model, "--data", f"folder:{folder}", "--image-size", side, "--recipes", "probe"),
        *("--set", "recipe.pretrained=false", "--seeds", "1", "--device", context.device, "--measure-seconds", "0"),
        *("--no-plugins", "--out", str(store)),
    )
    (record,) = records(store)
    computed, seconds = record["features"]["num_computed"], record["seconds"]["train"]
    return Outcome(
        figure=f"{computed:,} features of {model} in {seconds:.1f} s, with the fit of a head and without decoding: "
        f"{computed / seconds:,.0f} a second",
        passed=None if computed < count else computed / seconds >= 1000,
        notes=[] if computed >= count else ["the other features were in the cache, so that the target does not apply"],
        values={"features_per_second": computed / seconds},
    )


def draw_photographs(folder: Path, numbers: range) -> None:
    """Write a JPEG of 400×300 pixels for each number, if there is none."""
    import numpy as np
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    base = np.random.default_rng(0).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    for number in numbers:
        path = folder / f"{number:05}.jpg"
        if not path.exists():
            turned = np.roll(base + np.uint8(number // 192), number, axis=(0, 1))  # no two are the same
            Image.fromarray(turned).resize((400, 300), Image.Resampling.BICUBIC).save(path, quality=85)
