"""Items on results: that they are right, resumed, and as accurate as published."""

from __future__ import annotations

import os
import shlex
import signal
import statistics
import subprocess
import sys
import time
from typing import Any

from context import ZOO, Context, Outcome, accuracy, failures, has_all_images, records, speed


def mission(context: Context) -> Outcome:
    models = context.pick("lenet5,simple_cnn,resnet20_cifar,vgg_small", "lenet5,linear")
    began = time.monotonic()
    found = context.bench("mission", models, "--seeds", context.pick("3", "1"), check=False)
    seconds = time.monotonic() - began
    rows = sorted({each["spec"]["architecture"]["display_name"] for each in found})
    means = {
        row: statistics.mean(accuracy(each) for each in found if each["spec"]["architecture"]["display_name"] == row)
        for row in rows
    }
    shown = ", ".join(f"{row} {mean:.1f} %" for row, mean in means.items())
    bad = failures(found)
    return Outcome(
        figure=f"{len(found) - len(bad)} of {len(found)} trials done in {seconds:.0f} s: {shown}",
        passed=bool(found) and not bad,
        notes=bad,
        values={"seconds": seconds, **means},
    )


def same_predictions(context: Context) -> Outcome:
    """Predict the same images with one checkpoint on both devices."""
    import numpy as np

    from harness.classifiers.images import cached_test_images
    from harness.classifiers.predicting import Predictor
    from harness.classifiers.trained import load_trained
    from harness.measuring.environment import resolve_device
    from zoo import build_catalog
    from zoo.files.cache import decoded_root
    from zoo.loading import Sources

    folder = context.trained("resnet20_cifar")
    catalog = build_catalog(Sources(entry_points=False))
    logits, card = [], None
    images = None
    for device in ("cpu", resolve_device(context.device)):
        predictor = Predictor(load_trained(folder, catalog), device=device, precision="fp32")
        if images is None:
            card = predictor.classifier.card
            images = cached_test_images(card, decoded_root(), 10_000)
            assert images is not None, "the bench has just prepared them"
        logits.append(predictor.logits(images))
    same = float((logits[0].argmax(axis=1) == logits[1].argmax(axis=1)).mean())
    apart = float(np.abs(logits[0] - logits[1]).max())
    return Outcome(
        figure=f"{100 * same:.3f} % of {len(images)} images get the same class; logits differ by at most {apart:.2e}",
        passed=same >= 0.999 and apart < 1e-2,
        values={"same": same, "largest_difference": apart},
    )


def resumed(context: Context) -> Outcome:
    """Kill a bench during its training and run it again."""
    epochs = context.pick("12", "200")
    store = context.out / "stores" / "resumed"
    options = context.bench_options("lenet5", "--seeds", "1")
    options = [*options, "--epochs", epochs, "--out", str(store)]
    context.commands.append(shlex.join(["zoo", "bench", *options]) + "  # killed, and again")
    process = subprocess.Popen([*ZOO, "bench", *options], start_new_session=True, stdout=sys.stderr)
    end, saved = time.monotonic() + 120, []
    while process.poll() is None and time.monotonic() < end and not saved:
        saved = list(store.glob("*/state-*"))
        time.sleep(0.02)
    was_running = process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    context.zoo("bench", *options)
    (record,) = records(store)
    done = record["outcome"] == "done" and record["training"]["epochs_run"] == int(epochs)
    went_on = was_running and record["attempts"] == 2
    return Outcome(
        figure=f"{record['outcome']} after {record['attempts']} attempts and {record['training']['epochs_run']} epochs",
        passed=done if went_on else None if done else False,
        notes=[] if went_on else ["the first attempt was over before it was killed"],
    )


def out_of_memory(context: Context) -> Outcome:
    """Train with a batch that cannot fit."""
    size = ["--set", "data.image_size=128"]
    options = context.pick([*size, "--batch-size", "9000", "--precision", "fp32"], ["--batch-size", "64"])
    (record,) = context.bench(
        "memory", context.pick("resnet50", "lenet5"), "--seeds", "1", "--epochs", "1", *options, check=False
    )
    said = [warning for warning in record["warnings"] if warning.startswith("out of memory with")]
    done = record["outcome"] == "done"
    return Outcome(
        figure=f"{record['outcome']}; " + (said[0] if said else record["reason"] or "everything fitted"),
        passed=bool(done and said) if not done or said else None,
    )


def precisions(context: Context) -> Outcome:
    """Train one network in each precision and compile mode."""
    ways = context.pick(
        [("fp32", "off"), ("bf16", "off"), ("fp16", "off"), ("bf16", "on"), ("bf16", "graphs")],
        [("fp32", "off"), ("bf16", "off")],
    )
    found: dict[str, dict[str, Any]] = {}
    for precision, compile in ways:
        name = f"{precision}{'' if compile == 'off' else f' {compile}'}"
        options = ["--precision", precision, f"--compile={compile}", "--seeds", "1"]
        options += context.pick(["--epochs", "6"], [])
        (found[name],) = context.bench(
            f"precision-{precision}-{compile}", context.pick("resnet20_cifar", "lenet5"), *options, check=False
        )
    bad = failures(list(found.values()))
    gave_up = [f"{name}: {said}" for name, each in found.items() for said in each["warnings"]]
    rates = {name: speed(each, "train") for name, each in found.items()}
    accuracies = {name: accuracy(each) for name, each in found.items()}
    close = max(accuracies.values()) - min(accuracies.values()) <= 3.0
    shown = ", ".join(f"{name} {accuracies[name]:.1f} % at {rates[name]:,.0f} img/s" for name in found)
    return Outcome(figure=shown, passed=not bad and not gave_up and close, notes=[*bad, *gave_up], values=rates)


def speedrun(context: Context) -> Outcome:
    options = context.pick(["--recipes", "speedrun", "--seeds", "20"], ["--seeds", "1"])
    found = context.bench("speedrun", context.pick("speedrun_cnn", "lenet5"), *options)
    mean = statistics.mean(map(accuracy, found))
    seconds = [each["training"]["seconds"] for each in found]
    usual = statistics.median(seconds)
    whole = has_all_images(found)
    return Outcome(
        figure=f"{mean:.2f} % over {len(found)} seeds, {usual:.2f} s each (median; at most {max(seconds):.2f} s)",
        passed=mean >= 94.0 and usual < 2.0 if whole else None,
        notes=[] if whole else ["trained on a part of CIFAR-10, so that the target does not apply"],
        values={"accuracy": mean, "seconds": usual},
    )


def ninety_five(context: Context) -> Outcome:
    options = context.pick(["--recipes", "sgd_onecycle", "--epochs", "18", "--precision", "bf16"], [])
    (record,) = context.bench("ninety-five", context.pick("resnet18", "lenet5"), "--seeds", "1", *options)
    seconds, whole = record["training"]["seconds"], has_all_images([record])
    return Outcome(
        figure=f"{accuracy(record):.2f} % after {seconds:.1f} s of training",
        passed=accuracy(record) >= 95.0 and seconds < 60.0 if whole else None,
        notes=[] if whole else ["trained on a part of CIFAR-10, so that the target does not apply"],
        values={"accuracy": accuracy(record), "seconds": seconds},
    )
