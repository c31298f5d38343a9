"""A plugin with small networks, and trials of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.records.record import Record
from harness.records.spec import ArchitectureSpec, DatasetSpec, ExecutionSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.records.store import read_record
from zoo.catalog import Catalog
from zoo.loading import Sources, build_catalog
from zoo.preparation import Preparation

PLUGIN = """
from zoo import Architecture, Hyperparameters, Preparation, Recipe, hookimpl

def strided(request):
    from torch import nn
    return nn.Sequential(
        nn.Conv2d(request.in_channels, 8, 3, stride=4, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, request.num_classes),
    )

def raises(request):
    raise RuntimeError("no weights")

def stops(request):
    raise KeyboardInterrupt

@hookimpl
def zoo_architectures():
    published = lambda options: Preparation(mean=(0.1,) * 3, std=(0.2,) * 3)
    yield Architecture(name="strided", build=strided, adapts_small_images=True, preparation=published)
    yield Architecture(name="raising", build=raises)
    yield Architecture(name="stopping", build=stops)

@hookimpl
def zoo_recipes():
    yield Recipe(name="quick", hyperparameters=lambda: Hyperparameters(epochs=3, batch_size=16, lr=0.05, flip=True))
"""


@pytest.fixture
def plugin_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "small_networks.py"
    path.write_text(PLUGIN)
    return path


@pytest.fixture
def plugin_catalog(plugin_file: Path) -> Catalog:
    return build_catalog(Sources(files=(str(plugin_file),), entry_points=False, strict=True))


@pytest.fixture
def make_spec() -> Callable[..., TrialSpec]:
    """Make a resolved spec of a network of the plugin; other options are those of its execution."""

    def make(
        model: str = "strided",
        *,
        hyperparameters: dict[str, Any] | None = None,
        seed: int = 0,
        preparation: Preparation | None = None,
        **execution: Any,
    ) -> TrialSpec:
        provider = ProviderSpec(plugin="small_networks")
        execution = {
            "device": "cpu",
            "precision": "fp32",
            "threads": 1,
            "small_images": "off",
            "measure_seconds": 0,
            **execution,
        }
        return TrialSpec(
            architecture=ArchitectureSpec(full_name=f"small_networks/{model}", display_name=model, provider=provider),
            dataset=DatasetSpec(full_name="p/set", display_name="set", provider=provider),
            recipe=RecipeSpec(
                full_name="small_networks/quick",
                display_name="quick",
                provider=provider,
                hyperparameters={"batch_size": 16, **(hyperparameters or {})},
            ),
            seed=seed,
            preparation=preparation,
            execution=ExecutionSpec(**execution),
        )

    return make


@pytest.fixture
def make_job(make_data: Any, make_spec: Callable[..., TrialSpec], tmp_path: Path) -> Callable[..., Any]:
    """Make the job of a trial in a folder of that name; options are those of its spec."""
    from harness.trial.job import TrialJob
    from harness.trial.resolved_trial import ResolvedTrial

    data = make_data()

    def make(name: str = "trial", model: str = "strided", **options: Any) -> TrialJob:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        trial = ResolvedTrial(spec=make_spec(model, **options), result_key="key", prepared=data)
        return TrialJob(trial=trial, folder=str(folder))

    return make


def run_job(job: Any, catalog: Catalog) -> Record:
    """Run a trial in this process, and return its record."""
    from harness.trial.trial import run_trial

    assert run_trial(job, catalog)
    return read_record(folder_of(job) / "record.json")


def folder_of(job: Any) -> Path:
    """Return the folder of a trial."""
    return Path(job.folder)
