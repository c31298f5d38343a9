"""Items on one device for several: trials side by side, their memory, and turns at timing."""

from __future__ import annotations

import json
import shlex
import statistics
import subprocess
import sys
import time

from context import ZOO, Context, Outcome, accuracy, records, speed


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


def batched_seeds(context: Context) -> Outcome:
    """Train eight seeds of a small network one after another, and together as one batched network."""
    seeds, limit = context.pick(("8", 1.0), ("2", 100.0))
    found = {
        mode: context.bench(
            f"batched-{mode}", "lenet5", "--seeds", seeds, "--batched-seeds", mode, *context.pick(["--epochs", "5"], [])
        )
        for mode in ("off", "on", "auto")
    }
    seconds = {mode: sum(each["training"]["seconds"] for each in records) for mode, records in found.items()}
    accuracies = {mode: statistics.mean(map(accuracy, records)) for mode, records in found.items()}
    gain, far = seconds["off"] / seconds["on"], abs(accuracies["on"] - accuracies["off"])
    is_batched = all(len(each["tuning"]["batched_seeds"]) == int(seeds) for each in found["on"])
    chosen = "together" if found["auto"][0]["tuning"]["batched_seeds"] else "alone"
    return Outcome(
        figure=f"{seeds} seeds in {seconds['on']:.1f} s of training together, {seconds['off']:.1f} s alone: {gain:.1f} "
        f"times; {far:.2f} points apart; auto trains {chosen}",
        passed=is_batched and gain >= 2.0 and far <= limit,
        notes=[each["tuning"]["reason"] for each in (found["on"][0], found["auto"][0])],
        values={"gain": gain, "points": far},
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
