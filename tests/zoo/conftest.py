from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner, Result

from zoo.cli.group import zoo
from zoo.events import (
    BenchEnded,
    BenchStarted,
    EpochEnded,
    Event,
    PhaseStarted,
    Progress,
    TrialEnded,
    TrialStarted,
)

SHELF = """
    from zoo import Architecture, Dataset, Hyperparameters, Metric, Recipe, hookimpl
    from zoo.listener import Listener

    class Own(Hyperparameters):
        spice: float = 0.5

    def build(request):
        raise AssertionError("nothing is built here")

    @hookimpl
    def zoo_architectures():
        yield Architecture(name="tiny_net", build=build, family="tiny", summary="a tiny network", native_size=8,
                           options={"drop_rate": 0.1}, source="A page")
        yield Architecture(name="tiny_net20", build=build, has_pretrained=True)
        yield Architecture(name="tiny_net110", build=build)
        yield Architecture(name="big_net", build=build, min_size=64)
        yield Architecture(name="hidden", build=build, short=False)

    @hookimpl
    def zoo_datasets():
        yield Dataset(name="dots", load=build, num_classes=2, image_size=8, channels=1, num_train=1000)
        yield Dataset(name="shelf", load=build, argument="PATH")
        yield Dataset(name="double", load=build)

    @hookimpl
    def zoo_recipes():
        yield Recipe(name="quick", hyperparameters=lambda: Own(epochs=2, lr=0.5), summary="two epochs")
        yield Recipe(name="double", hyperparameters=lambda: Own(epochs=3))
        yield Recipe(name="from_weights", hyperparameters=lambda: Own(pretrained=True))

    @hookimpl
    def zoo_metrics():
        yield Metric(name="luck", compute=build, summary="share of luck", higher_is_better=False)

    @hookimpl
    def zoo_listeners():
        yield Listener(name="ear", open=build, summary="hears")
"""


@pytest.fixture
def write_plugin(tmp_path: Path) -> Callable[..., str]:
    """Write a plugin's source to a file, and return the file's path."""

    def write(source: str, name: str = "extra") -> str:
        path = tmp_path / f"{name}.py"
        path.write_text(dedent(source), encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def shelf() -> str:
    """Source of a plugin with a few records of each kind."""
    return SHELF


@pytest.fixture
def run_zoo() -> Callable[..., Result]:
    """Run the command line in this process; what comes from installed plugins is left out."""

    def run(*args: str, color: bool = False) -> Result:
        return CliRunner().invoke(zoo, ["--no-plugins", *args], prog_name="zoo", color=color)

    return run


@pytest.fixture
def run_shelf(run_zoo: Callable[..., Result], write_plugin: Callable[..., str]) -> Callable[..., Result]:
    """Run the command line with a plugin that has a few records of each kind."""
    file = write_plugin(SHELF, "shelf")

    def run(*args: str, color: bool = False) -> Result:
        return run_zoo("--plugin", file, *args, color=color)

    return run


def _record(names: tuple[str, str, str], accuracy: float | None) -> dict[str, object]:
    keys = ("architecture", "dataset", "recipe")
    record: dict[str, object] = {"spec": {key: {"display_name": name} for key, name in zip(keys, names, strict=True)}}
    if accuracy is not None:
        record["metrics"] = {"accuracy": {"value": accuracy, "version": 1}}
        record["speed"] = {"train_end_to_end": {"median": 1234.5}}
    return record


@pytest.fixture
def recorded_events() -> list[Event]:
    """The events of a bench of three models and two seeds: one trial reused, one failed, the rest done."""
    models, seeds, epochs = ("lenet5", "simple_cnn", "resnet20_cifar"), (0, 1), 4
    names = [(model, "digits", "sgd_step") for _ in seeds for model in models]
    titles = [f"{' · '.join(each)} · seed {index // 3}" for index, each in enumerate(names)]
    accuracies = (0.90, 0.95, 0.97, 0.92, None, 0.99)
    events: list[Event] = [
        Progress(message="decoding digits", share=0.5),
        BenchStarted(store=Path("runs"), trials=tuple((f"t{index}", title) for index, title in enumerate(titles))),
    ]
    for index, (title, accuracy) in enumerate(zip(titles, accuracies, strict=True)):
        trial, reused = f"t{index}", index == 0
        if not reused:
            events.append(TrialStarted(trial_id=trial, title=title, number=index + 1, total=len(titles)))
            events.append(PhaseStarted(trial_id=trial, phase="train"))
            events.extend(
                EpochEnded(
                    trial_id=trial,
                    epoch=epoch,
                    epochs=epochs,
                    train_loss=2.0 * math.exp(-epoch),
                    train_accuracy=None,
                    val_loss=1.5 * math.exp(-epoch),
                    val_accuracy=1.0 - 0.5**epoch,
                    lr=0.1,
                    images_per_second=1000.0 * epoch,
                    seconds=1.0,
                )
                for epoch in range(1, epochs + 1)
            )
            events.append(PhaseStarted(trial_id=trial, phase="measure"))
        failed = accuracy is None
        events.append(
            TrialEnded(
                trial_id=trial,
                title=title,
                number=index + 1,
                total=len(titles),
                outcome="failed" if failed else "done",
                reused=reused,
                reason="the loss was not finite" if failed else "",
                record=_record(names[index], accuracy),
            )
        )
    events.append(BenchEnded(counts={"done": 5, "failed": 1}, interrupted=False))
    return events


class FakeClock:
    """A clock that a test winds on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
