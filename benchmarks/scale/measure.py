"""Measures what a trial costs the head of a bench and its store on this machine, for the simulation.

    python benchmarks/scale/measure.py

prints the sizes of the files of a trial, and the time that the head takes to write them; with ``--json``, as JSON,
which ``measured.json`` contains for ``tables.py``. Nothing is downloaded: sizes follow from the networks, and the
contents of the files are made up.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness.bench.processes.starter import Starter
from harness.records.history import encode_row
from harness.records.predictions import SavedPredictions, save_predictions
from harness.records.record import DataInfo, MetricValue, Outcome, Record
from harness.records.scoring import score
from harness.records.spec import ArchitectureSpec, DatasetSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.records.store import RECORD_FILE, parse_record, write_record
from harness.system.atomic_files import sha256_of, write_bytes
from harness.training.checkpoints import save_weights
from harness.training.state import TrainingState
from zoo.architecture import ModelRequest
from zoo.loading import Sources, build_catalog
from zoo.metric import Predictions

ROUNDS = 5

# Network, side in pixels, classes, test images, epochs: the tiny, CIFAR-10 and ImageNet trials of
# docs/explanation/scale.md.
SHAPES = (
    ("linear", 8, 10, 898, 12),
    ("resnet20_cifar", 32, 10, 10_000, 30),
    ("resnet18", 32, 10, 10_000, 30),
    ("resnet50", 224, 1000, 50_000, 90),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shape:
    """What one trial of a kind leaves, and what that costs the head."""

    model: str
    classes: int
    test_images: int
    weights_bytes: int
    """The checkpoint."""
    predictions_bytes: int
    record_bytes: int
    history_bytes: int
    state_bytes: int
    """A training state: weights, momentum, and the weights of the best epoch."""
    write_seconds: float
    """To write a trial's files and its record."""
    check_seconds: float
    """To sum what came, and to read and check the record."""
    state_seconds: float
    """To sum and write one training state."""

    @property
    def result_bytes(self) -> int:
        """What a trial takes in the store."""
        return self.weights_bytes + self.predictions_bytes + self.record_bytes + self.history_bytes


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", help="where to write; the file system matters [default: the current folder]")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder or ".") as folder:
        shapes = [measure(*shape, Path(folder)) for shape in SHAPES]
        start_seconds = measure_start(Path(folder))
    if arguments.json:
        print(json.dumps({"start_seconds": start_seconds, "shapes": [vars(shape) for shape in shapes]}, indent=2))
        return
    print("| trial | weights | predictions | record | history | in the store | state | head, result | head, state |")
    print("|:---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for each in shapes:
        sizes = (
            each.weights_bytes,
            each.predictions_bytes,
            each.record_bytes,
            each.history_bytes,
            each.result_bytes,
            each.state_bytes,
        )
        head = f"{each.write_seconds + each.check_seconds:.3f} s | {each.state_seconds:.3f} s"
        name = f"{each.model}, {each.classes} classes, {each.test_images:,} test images"
        print(f"| {name} | {' | '.join(_size(size) for size in sizes)} | {head} |")
    print(f"\nA process from the fork server, from its start to its answer: {start_seconds:.3f} s.")


def measure(name: str, size: int, num_classes: int, num_images: int, epochs: int, folder: Path) -> Shape:
    """Write the files of a trial as a trial does, then as the head does that gets them from elsewhere."""
    catalog = build_catalog(Sources(entry_points=False))
    architecture = catalog.architectures.get(name).record
    channels = 1 if size < 32 else 3
    request = ModelRequest(
        num_classes=num_classes, in_channels=channels, image_size=size, pretrained=False, options=architecture.options
    )
    model = architecture.build(request)
    trial = folder / name
    trial.mkdir()
    rng = np.random.default_rng(0)
    predictions = Predictions(
        logits=rng.normal(size=(num_images, num_classes)).astype(np.float32),
        labels=rng.integers(num_classes, size=num_images),
        classes=tuple(f"class {k}" for k in range(num_classes)),
    )
    samples = np.arange(num_images, dtype=np.uint64)
    paths = [
        save_weights(trial, model),
        save_predictions(trial, SavedPredictions(predictions=predictions, samples=samples)),
        _history(trial, epochs),
    ]
    sums = {path.name: sha256_of(path) for path in paths}
    record = _record(name, num_classes, score(_few(predictions), catalog.metrics).values, sums)
    write_record(trial, record)
    record_bytes = (trial / RECORD_FILE).read_bytes()
    contents = {path.name: path.read_bytes() for path in paths}
    state = _state_of(model)

    def write() -> None:
        for file, content in contents.items():
            write_bytes(trial / file, content)
        write_record(trial, record)

    def check() -> None:
        for file in contents:
            sha256_of(trial / file)
        parse_record(record_bytes, origin="the measurement")

    def write_state() -> None:
        write_bytes(trial / "state", state)
        sha256_of(trial / "state")

    return Shape(
        model=name,
        classes=num_classes,
        test_images=num_images,
        weights_bytes=len(contents[paths[0].name]),
        predictions_bytes=len(contents[paths[1].name]),
        history_bytes=len(contents[paths[2].name]),
        record_bytes=len(record_bytes),
        state_bytes=len(state),
        write_seconds=_seconds(write),
        check_seconds=_seconds(check),
        state_seconds=_seconds(write_state),
    )


def measure_start(folder: Path) -> float:
    """Return how long a process takes that does next to nothing, without its looking for plugins."""
    starter = Starter(())
    taken = []
    for number in range(ROUNDS + 1):
        scratch = folder / f"start-{number}"
        scratch.mkdir()
        paths = {name: str(scratch / name) for name in ("log", "result", "history")}
        start = time.perf_counter()
        job = starter.start(
            {"kind": "call", "function": "os.path:abspath", "arguments": {"path": "."}, **paths}, scratch
        )
        job.wait(60.0)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[1:])  # the first one starts the server


def _state_of(model: torch.nn.Module) -> bytes:
    """Return the state of a training with momentum whose best epoch was an earlier one."""
    weights = dict(model.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0, momentum=0.9)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    tree = {"model": weights, "optimizer": optimizer.state_dict(), "best_weights": dict(weights), "rates": []}
    return TrainingState(epoch=1, tree=tree).to_bytes()


def _history(folder: Path, epochs: int) -> Path:
    row = dict.fromkeys(
        ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr", "images_per_second"), 0.123456789
    )
    rows = [{"event": "epoch", "epoch": epoch, "epochs": epochs, "seconds": 1.0, **row} for epoch in range(epochs)]
    path = folder / "history.jsonl"
    path.write_bytes(b"".join(encode_row(each) for each in rows))
    return path


def _few(predictions: Predictions) -> Predictions:
    """Return some of the predictions: metrics are as many and as large, and sooner there."""
    return Predictions(logits=predictions.logits[:2000], labels=predictions.labels[:2000], classes=predictions.classes)


def _record(name: str, num_classes: int, metrics: dict[str, MetricValue], sums: dict[str, str]) -> Record:
    provider = ProviderSpec(plugin="zoo", distribution="zoobench", version="0.1.0", code_hash="c" * 64)
    hyperparameters: dict[str, Any] = {f"hyperparameter_{number}": 0.1 for number in range(40)}
    return Record(
        trial_id=f"{name}--data--recipe--s0",
        result_key="a" * 64,
        measurement_key="b" * 64,
        outcome=Outcome.DONE,
        spec=TrialSpec(
            architecture=ArchitectureSpec(full_name=f"zoo/{name}", display_name=name, provider=provider),
            dataset=DatasetSpec(full_name="zoo/data", display_name="data", provider=provider),
            recipe=RecipeSpec(
                full_name="zoo/recipe", display_name="recipe", provider=provider, hyperparameters=hyperparameters
            ),
            seed=0,
        ),
        data=DataInfo(
            fingerprint="d" * 64,
            classes=tuple(f"class {k}" for k in range(num_classes)),
            image_size=32,
            channels=3,
            num_train=45_000,
            num_val=5_000,
            num_test=10_000,
        ),
        metrics=metrics,
        files=sums,
    )


def _seconds(step: Callable[[], object]) -> float:
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        step()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


if __name__ == "__main__":
    main()
