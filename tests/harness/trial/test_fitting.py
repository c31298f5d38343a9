"""Fitting: a network whose CUDA graphs cannot be recorded is trained without them, from its last saved state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import harness.trial.fitting as module
from harness.batches.forward_settings import ForwardSettings
from harness.data.images import TrialImages
from harness.records.record import FailureKind
from harness.training.checkpoints import TrainingStates
from harness.training.compiling import GraphRecordingError
from harness.training.loop import TrainingHooks
from harness.training.resolved_recipe import ResolvedRecipe
from harness.trial.fitting import Fitted, fit
from harness.trial.setup import TrainingSetup
from zoo import Hyperparameters, ModelRequest, Recipe

REFUSED = GraphRecordingError(FailureKind.OOM, "CUDA graphs could not be recorded or replayed: out of memory")


@pytest.fixture
def run(make_data: Any, make_net: Any, tmp_path: Path) -> Any:
    """Fit a tiny network, with a folder for states; *save* saves them after each epoch."""
    data = make_data()
    hp = Hyperparameters(epochs=3, batch_size=16, lr=0.05)
    resolved = ResolvedRecipe(recipe=Recipe(name="plain", hyperparameters=Hyperparameters), hp=hp)

    def build() -> TrainingSetup:
        return TrainingSetup(
            model=make_net(),
            changes=(),
            resolved=resolved,
            normalization=data,
            request=ModelRequest(num_classes=len(data.classes)),
            architecture_name="tiny",
        )

    def run(*, graphs: bool) -> tuple[Fitted, list[int]]:
        folder = tmp_path / f"states-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        states, epochs = TrainingStates(folder), []
        fitted = fit(
            build(),
            TrialImages(data),
            ForwardSettings(device=torch.device("cpu"), normalization=data, compile=graphs, graphs=graphs),
            seed=0,
            hooks=TrainingHooks(emit=lambda epoch: epochs.append(epoch.epoch), save=states.save),
            states=states,
            state=None,
            rebuild=build,
        )
        return fitted, epochs

    return run


def test_a_network_that_fits_is_trained_once(run: Any) -> None:
    fitted, epochs = run(graphs=False)
    assert (epochs, fitted.problem, fitted.settings.graphs) == ([1, 2, 3], "", False)


@pytest.mark.parametrize(("epochs_before", "expected"), [(0, [1, 2, 3]), (1, [1, 2, 3])])
def test_without_graphs_it_goes_on_from_the_last_state_to_the_same_weights(
    run: Any, equal: Any, monkeypatch: pytest.MonkeyPatch, epochs_before: int, expected: list[int]
) -> None:
    whole, _ = run(graphs=False)
    real, ways = module.train, []

    def train(*args: Any, hooks: TrainingHooks, **options: Any) -> Any:
        ways.append(args[3].graphs)
        if not args[3].graphs:
            return real(*args[:3], module.replace(args[3], compile=False), hooks=hooks, **options)

        def emit(epoch: Any) -> None:
            hooks.emit(epoch)
            if epoch.epoch == epochs_before:
                raise REFUSED

        if not epochs_before:
            raise REFUSED
        plain = module.replace(args[3], compile=False, graphs=False)
        return real(*args[:3], plain, hooks=module.replace(hooks, emit=emit), **options)

    monkeypatch.setattr(module, "train", train)
    fitted, epochs = run(graphs=True)
    assert (epochs, ways) == (expected, [True, False])
    assert fitted.problem == str(REFUSED)
    assert (fitted.settings.compile, fitted.settings.graphs) == (True, False)
    assert equal(whole.model, fitted.model)


def test_another_error_ends_the_training(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(*args: Any, **options: Any) -> Any:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(module, "train", train)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        run(graphs=True)
