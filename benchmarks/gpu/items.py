"""The items of the acceptance: what each does, and what it asks for. They only use zoo as a user does, or its timer."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

ALL_TRAINING_IMAGES = 45_000
"""Training images of all of CIFAR-10, without the validation split; accuracy targets hold for these."""
ZOO = (sys.executable, "-c", "from zoo.cli import main; main()")
LOAD = Path(__file__).parent.parent / "serving" / "load.py"


class Verdict(StrEnum):
    """What came of an item."""

    PASSED = "passed"
    FAILED = "falls short"
    NOTED = "noted"
    """It has a figure, and no target that applies here."""
    REHEARSED = "rehearsed"
    BROKEN = "broken"
    """It did not come to a figure."""


@dataclass(kw_only=True)
class Outcome:
    """An item's figure, as a sentence and as numbers."""

    figure: str
    passed: bool | None
    """Whether it meets the target; None: the target does not apply."""
    notes: list[str] = field(default_factory=list)
    values: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Item:
    """Something to accept."""

    name: str
    summary: str
    target: str
    part: int
    limit_seconds: float
    run: Callable[[Context], Outcome]
    profiled: str = ""
    """The network whose training step is profiled if the item falls short."""

    @property
    def least_seconds(self) -> float:
        """Time below which it is not worth beginning."""
        return self.limit_seconds / 3


@dataclass(kw_only=True)
class Context:
    """Where and how items run."""

    out: Path
    data_root: Path | None
    device: str
    rehearse: bool
    commands: list[str] = field(default_factory=list)
    """What was run, as a user would type it."""

    def pick(self, real: Any, tiny: Any) -> Any:
        """Return the setting of the acceptance or that of the rehearsal."""
        return tiny if self.rehearse else real

    def bench_options(self, models: str, *options: str) -> list[str]:
        """Return the arguments of a bench of *models*; in a rehearsal, on few digits for an epoch."""
        data = ["--data", "cifar10", "--data-root", str(self.data_root), "--device", self.device]
        tiny = ["--data", "digits", "--limit-train", "80", "--limit-test", "40", "--epochs", "1", "--device", "cpu"]
        measure = ["--measure-seconds", self.pick("1", "0.02")]
        return ["--models", models, *self.pick(data, tiny), *measure, "--no-plugins", *options]

    def zoo(self, *arguments: str, check: bool = True) -> str:
        """Run a command of zoo, note it, and return its output."""
        self.commands.append(shlex.join(["zoo", *arguments]))
        done = subprocess.run([*ZOO, *arguments], capture_output=True, text=True)
        print(done.stdout, done.stderr, sep="\n", flush=True)
        if check and done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise SystemExit(f"{shlex.join(['zoo', *arguments[:3]])} … failed: {lines[-1] if lines else '?'}")
        return done.stdout

    def bench(self, store: str, models: str, *options: str, check: bool = True) -> list[dict[str, Any]]:
        """Run a bench into a store of its own and return its records."""
        folder = self.out / "stores" / store
        self.zoo("bench", *self.bench_options(models, *options), "--out", str(folder), check=check)
        return records(folder)

    def trained(self, model: str) -> Path:
        """Return the folder of a trained network, trained once for all items that need one."""
        self.bench("base", model, "--seeds", "1", *self.pick(["--epochs", "3"], []))
        folders = [path.parent for path in sorted((self.out / "stores" / "base").glob("*/record.json"))]
        own = [each for each in folders if read(each)["spec"]["architecture"]["display_name"] == model]
        return max(own, key=lambda each: (each / "record.json").stat().st_mtime)  # a changed zoo trains it anew


def read(folder: Path) -> dict[str, Any]:
    """Return a trial's record."""
    record: dict[str, Any] = json.loads((folder / "record.json").read_text())
    return record


def records(store: Path) -> list[dict[str, Any]]:
    """Return the records of a store."""
    return [read(path.parent) for path in sorted(store.glob("*/record.json"))]


def accuracy(record: dict[str, Any]) -> float:
    """Return the accuracy in percent; 0 if there is none."""
    return 100 * float((record["metrics"].get("accuracy") or {"value": 0})["value"] or 0)


def failures(found: Sequence[dict[str, Any]]) -> list[str]:
    """Return a sentence for each trial that is not done."""
    return [f"{each['trial_id']}: {each['outcome']}, {each['reason']}" for each in found if each["outcome"] != "done"]


def has_all_images(found: Sequence[dict[str, Any]]) -> bool:
    """Return whether the trials trained on all of CIFAR-10."""
    return all(each["data"]["num_train"] >= ALL_TRAINING_IMAGES for each in found)


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


def speed(record: dict[str, Any], name: str) -> float:
    """Return a median rate of a record; 0 if it was not measured."""
    return float(((record.get("speed") or {}).get(name) or {"median": 0})["median"])


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


def resnet50_224(context: Context) -> Outcome:
    """Compare zoo's timed training step with a loop like that of timm's ``benchmark.py``."""
    import torch

    from harness.batches.forward_settings import ForwardSettings
    from harness.measuring.training_step import training_step
    from harness.training.precision import fastest_kernels
    from harness.training.resolved_recipe import ResolvedRecipe
    from zoo import Hyperparameters, Recipe
    from zoo.architecture import Preprocessing

    model, side, batch = context.pick(("resnet50", 224, 128), ("lenet5", 32, 4))
    steps = context.pick(20, 2)
    bare = bare_training(context, model, side=side, batch=batch, steps=steps)
    net = network(context, model, side)
    device = next(net.parameters()).device
    hp = Hyperparameters(batch_size=batch, lr=1e-4, optimizer="sgd")
    settings = ForwardSettings(
        device=device,
        normalization=Preprocessing(mean=(0.5,) * 3, std=(0.25,) * 3),
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


def shared_device(context: Context) -> Outcome:
    """Train eight seeds of a small network one after another, and side by side on one device."""
    seeds = context.pick("8", "2")
    seconds = []
    for jobs in ("1", seeds):
        began = time.monotonic()
        options = ["--seeds", seeds, "--jobs-per-device", jobs, "--jobs", jobs]
        context.bench(f"shared-{jobs}", "lenet5", *options, *context.pick(["--epochs", "5"], []))
        seconds.append(time.monotonic() - began)
    gain = seconds[0] / seconds[1]
    return Outcome(
        figure=f"{seeds} seeds in {seconds[1]:.0f} s side by side, {seconds[0]:.0f} s in turn: {gain:.1f} times",
        passed=gain >= 2.0,
        values={"gain": gain},
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
    import numpy as np
    from PIL import Image

    count = context.pick(10_000, 12)
    folder = context.out / "photographs"
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    base = rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)
    for index in range(count):
        path = folder / f"{index:05}.jpg"
        if not path.exists():
            picture = Image.fromarray(np.roll(base, index, axis=(0, 1))).resize((400, 300), Image.Resampling.BICUBIC)
            picture.save(path, quality=85)
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


def memory_forecast(context: Context) -> Outcome:
    """Compare the forecast of a probe with what the trial then took."""
    model = context.pick("resnet18", "lenet5")
    options = [*context.bench_options(model, "--seeds", "1"), *context.pick(["--epochs", "2"], [])]
    store = context.out / "stores" / "forecast"
    told = json.loads(context.zoo("plan", *options, "--probe", "--format", "json", "--out", str(store)))
    expected = told["forecast"]["peak_memory_mib"]
    context.zoo("bench", *options, "--out", str(store))
    (record,) = records(store)
    taken = record["speed"]["peak_memory_mib"]
    if not expected or not taken:
        return Outcome(figure=f"forecast {expected} MiB, taken {taken} MiB", passed=False)
    ratio = taken / expected
    return Outcome(
        figure=f"{taken:,.0f} MiB taken, {expected:,.0f} MiB forecast: {ratio:.2f} times",
        passed=0.8 <= ratio <= 1.25,
        values={"ratio": ratio},
    )


def exclusive_timing(context: Context) -> Outcome:
    """Time one network alone, and in two benches at once."""
    model = context.pick("resnet20_cifar", "lenet5")
    options = ["--seeds", "1", *context.pick(["--epochs", "4"], [])]
    (alone,) = context.bench("timed-alone", model, *options)
    stores = [context.out / "stores" / f"timed-beside-{number}" for number in (1, 2)]
    commands = [["bench", *context.bench_options(model, *options), "--out", str(store)] for store in stores]
    context.commands += [shlex.join(["zoo", *command]) + " &" for command in commands]
    processes = [subprocess.Popen([*ZOO, *command], stdout=sys.stderr) for command in commands]
    statuses = [process.wait() for process in processes]
    if any(statuses):
        raise SystemExit(f"the benches ended with {statuses}")
    rates = [speed(record, "inference") / speed(alone, "inference") for store in stores for record in records(store)]
    return Outcome(
        figure="inference beside another bench: " + ", ".join(f"{100 * rate:.0f} %" for rate in rates) + " of alone",
        passed=min(rates) >= 0.9,
        values={"least": min(rates)},
    )


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
        (serving, 4, 120, "p95 < 100 ms", "zoo serve under load.", ""),
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
