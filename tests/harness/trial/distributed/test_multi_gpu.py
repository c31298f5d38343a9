"""One training in several processes: it comes to what one comes to, and no failure leaves a process behind."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from pathlib import Path
from typing import Any, Literal

import pytest
import torch

from harness.batches.forward_settings import ForwardSettings
from harness.data.images import PreparedData, TrialImages
from harness.faults.errors import TrialError
from harness.records.history import HistoryWriter, read_history
from harness.records.record import FailureKind
from harness.records.spec import ArchitectureSpec, DatasetSpec, ExecutionSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.training.checkpoints import TrainingStates
from harness.training.loop import EpochResult, TrainingHooks, TrainingResult, train
from harness.training.state import TrainingState
from harness.trial.distributed.multi_gpu import RankGroup, RankGroupResult
from harness.trial.distributed.rank import run_rank
from harness.trial.distributed.supervisor import RankSupervisor
from harness.trial.resolved_trial import ResolvedTrial
from harness.trial.setup import TrainingSetup, make_setup
from zoo import build_catalog
from zoo.catalog import Catalog
from zoo.loading import Sources

TOYS = Path(__file__).with_name("distributed_toys.py")
SOURCES = Sources(files=(str(TOYS),), entry_points=False, strict=True)
PROVIDER = ProviderSpec(plugin="distributed_toys")
CLOSE = {"rtol": 1e-3, "atol": 2e-5}
"""Sums in another order, over a dozen steps of SGD."""


@pytest.fixture(scope="module")
def toys() -> Catalog:
    return build_catalog(SOURCES)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the networks look for what a test asks of them."""
    path = tmp_path_factory.mktemp("asked") / "asked.json"
    path.write_text("{}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_TEST_ASKED", str(path))
        yield path


@pytest.fixture(scope="module")
def supervisor(asked: Path) -> Iterator[RankSupervisor]:
    """From a process that has imported what is wanted and nothing more, as the fork server of a bench has."""
    # A fork server that an earlier test has started keeps the environment of that time.
    forkserver._forkserver._stop()  # type: ignore[attr-defined]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["harness.trial.setup", "harness.training.loop", "torch._dynamo", "timm.layers"])
    supervisor = RankSupervisor(run_rank, context=context, grace_seconds=1)
    yield supervisor
    supervisor.close()
    # Later tests need one of a bench's own, which ends what trials leave running.
    forkserver._forkserver._stop()  # type: ignore[attr-defined]


@dataclasses.dataclass(kw_only=True)
class Trained:
    """What a training came to."""

    weights: dict[str, torch.Tensor]
    epochs: list[dict[str, Any]]
    result: TrainingResult
    peak_memory_mib: float | None = None


def spec_of(
    model: str, recipe: str, hyperparameters: dict[str, Any], precision: Literal["fp32", "bf16"] = "fp32"
) -> TrialSpec:
    return TrialSpec(
        architecture=ArchitectureSpec(full_name=f"distributed_toys/{model}", display_name=model, provider=PROVIDER),
        dataset=DatasetSpec(full_name="p/set", display_name="set", provider=PROVIDER),
        recipe=RecipeSpec(
            full_name=f"distributed_toys/{recipe}",
            display_name=recipe,
            provider=PROVIDER,
            hyperparameters=hyperparameters,
        ),
        seed=3,
        execution=ExecutionSpec(device="cpu", precision=precision, threads=1, gpus_per_trial=2),
    )


class Trial:
    """A trial in a folder of its own, to be trained alone or together."""

    precision: Literal["fp32", "bf16"] = "fp32"

    def __init__(self, folder: Path, supervisor: RankSupervisor, toys: Catalog, data: PreparedData) -> None:
        folder.mkdir()
        self.folder, self._supervisor, self._toys, self._data = folder, supervisor, toys, data

    def _setup(self, spec: TrialSpec) -> TrainingSetup:
        return make_setup(spec, self._data, self._toys)

    def alone(self, model: str, recipe: str = "simple", *, device: str = "cpu", **hyperparameters: Any) -> Trained:
        """Train in this process."""
        spec = spec_of(model, recipe, hyperparameters, self.precision)
        setup = self._setup(spec)
        epochs: list[EpochResult] = []
        result = train(
            setup.model,
            TrialImages(self._data),
            setup.resolved,
            ForwardSettings(
                device=torch.device(device),
                normalization=setup.normalization,
                precision=self.precision,
                channels_last=True,
            ),
            seed=spec.seed,
            hooks=TrainingHooks(emit=epochs.append),
        )
        return Trained(
            weights=setup.model.state_dict(), epochs=[dataclasses.asdict(each) for each in epochs], result=result
        )

    def together(
        self,
        model: str,
        recipe: str = "simple",
        *,
        devices: tuple[str, ...] = ("cpu", "cpu"),
        timeout: float = 60,
        **hyperparameters: Any,
    ) -> Trained:
        """Train in several processes."""
        spec = spec_of(model, recipe, hyperparameters, self.precision)
        setup = self._setup(spec)
        ranks = RankGroup(
            self._supervisor,
            devices,
            dataclasses.asdict(SOURCES),
            scratch=self.folder,
            timeout_seconds=timeout,
        )
        trial = ResolvedTrial(spec=spec, result_key="", prepared=self._data)
        done: RankGroupResult = ranks.train(trial, setup, self.folder, layout="channels_last")
        rows = [row for row in read_history(self.folder / "history.jsonl") if row["event"] == "epoch"]
        return Trained(
            weights=setup.model.state_dict(),
            epochs=rows,
            result=done.training,
            peak_memory_mib=done.peak_memory_mib,
        )


@pytest.fixture
def make_trial(tmp_path: Path, supervisor: RankSupervisor, toys: Catalog) -> Callable[[PreparedData], Trial]:
    return lambda data: Trial(tmp_path / f"trial-{len(list(tmp_path.iterdir()))}", supervisor, toys, data)


def assert_same(one: Trained, other: Trained) -> None:
    for name, value in one.weights.items():
        torch.testing.assert_close(other.weights[name], value, **CLOSE, msg=lambda text, name=name: f"{name}: {text}")
    assert len(one.epochs) == len(other.epochs)
    for left, right in zip(one.epochs, other.epochs, strict=True):
        for name in ("train_loss", "val_loss"):
            assert right[name] == pytest.approx(left[name], rel=1e-3), name
        for name in ("epoch", "epochs", "train_accuracy", "val_accuracy", "lr"):
            assert right[name] == pytest.approx(left[name]), name
    for name in ("epochs_run", "tested_epoch", "stopped_early", "micro_batch_size", "planned_micro_batch_size"):
        assert getattr(one.result, name) == getattr(other.result, name), name
    assert other.result.best_val_accuracy == pytest.approx(one.result.best_val_accuracy)


CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "no batch norm": ("plain", "simple", {}),
    "batch norm": ("normed", "simple", {}),
    "batch norm with an activation": ("activated", "simple", {}),
    "mixing": ("normed", "simple", {"mixup_alpha": 0.4, "cutmix_alpha": 0.6, "label_smoothing": 0.1}),
    "augmentation": (
        "normed",
        "simple",
        {"crop_padding": 0.125, "flip": True, "trivialaugment": True, "random_erasing": 0.5, "cutout": 0.3},
    ),
    "more augmentation": (
        "normed",
        "simple",
        {"flip": True, "flip_mode": "alternating", "random_resized_crop": 0.5, "color_jitter": 0.3, "hue_jitter": 0.1},
    ),
    "a recipe's own augmentation": ("normed", "speckled", {"mixup_alpha": 0.3}),
    "micro-batches": ("normed", "simple", {"accumulate_steps": 3, "clip_norm": 0.5}),
    "averaged weights": ("plain", "simple", {"ema_decay": 0.9, "keep": "best", "optimizer": "adamw", "lr": 0.01}),
    "a schedule by validation": ("normed", "simple", {"schedule": "plateau", "plateau_patience": 0, "lr": 0.3}),
    "classes weighed and sampled": ("plain", "simple", {"class_weights": "balanced", "sampling": "balanced"}),
    "a frozen backbone": ("normed", "simple", {"freeze_backbone": True}),
    "weights without gradient": ("idle_weight", "simple", {"weight_decay": 0.01}),
    "early stopping": ("plain", "simple", {"early_stopping_patience": 1, "lr": 1e-9}),
}


@pytest.mark.parametrize("case", CASES)
def test_two_processes_reach_the_weights_of_one(make_data, make_trial, case):
    model, recipe, hyperparameters = CASES[case]
    # 53 images: batches of 16, 16, 16 and 5, which two do not share equally; 33 to validate, in batches of 32 and 1.
    trial = make_trial(make_data(num_train=53, num_val=33, noise=60))
    assert_same(trial.alone(model, recipe, **hyperparameters), trial.together(model, recipe, **hyperparameters))


def test_a_batch_with_fewer_images_than_processes_is_learnt_all_the_same(make_data, make_trial):
    trial = make_trial(make_data(num_train=34, num_val=3, noise=60))  # batches of 16, 16 and 2, for three
    assert_same(trial.alone("normed"), trial.together("normed", devices=("cpu",) * 3))


def test_half_precision_is_close_to_a_single_process(make_data, make_trial):
    trial = make_trial(make_data(num_train=53, noise=60))
    trial.precision = "bf16"
    alone, together = trial.alone("normed"), trial.together("normed")
    for left, right in zip(alone.epochs, together.epochs, strict=True):
        assert right["val_loss"] == pytest.approx(left["val_loss"], rel=0.02)


def test_resuming_from_a_saved_state_equals_an_uninterrupted_training(make_data, make_trial):
    data = make_data(num_train=53, noise=60)
    whole, stopped = make_trial(data), make_trial(data)
    settings = {"ema_decay": 0.9, "mixup_alpha": 0.3, "schedule": "constant"}
    uninterrupted = whole.together("normed", epochs=3, **settings)
    stopped.together("normed", epochs=1, **settings)
    assert TrainingStates(stopped.folder).latest().epoch == 1
    resumed = stopped.together("normed", epochs=3, **settings)
    for name, value in uninterrupted.weights.items():
        assert torch.equal(resumed.weights[name], value), name
    assert [row["epoch"] for row in resumed.epochs] == [1, 2, 3]
    compared = ("train_loss", "val_loss", "val_accuracy", "lr")
    assert [[row[name] for name in compared] for row in resumed.epochs] == [
        [row[name] for name in compared] for row in uninterrupted.epochs
    ]


def test_a_state_of_one_process_serves_two(make_data, make_trial, toys):
    """Where a trial goes on with another number of devices, it goes on with what it had."""
    trial = make_trial(make_data(num_train=53, noise=60))
    assert_same(trial.alone("normed", epochs=3), _resumed_from_alone(trial, toys))


def _resumed_from_alone(trial: Trial, toys: Catalog) -> Trained:
    setup = trial._setup(spec_of("normed", "simple", {"epochs": 1}))
    states: list[TrainingState] = []
    history = HistoryWriter(trial.folder / "history.jsonl")
    train(
        setup.model,
        TrialImages(trial._data),
        setup.resolved,
        ForwardSettings(device=torch.device("cpu"), normalization=setup.normalization, channels_last=True),
        seed=3,
        hooks=TrainingHooks(
            emit=lambda epoch: history.write({"event": "epoch", **dataclasses.asdict(epoch), "epochs": 3}),
            save=lambda state: states.append(TrainingState.from_bytes(state.to_bytes())),
        ),
    )
    history.close()
    TrainingStates(trial.folder).save(states[-1])
    return trial.together("normed", epochs=3)


def test_dropout_draws_differently_in_each_process_and_the_same_each_time(make_data, make_trial, asked):
    data = make_data(num_train=32)
    kept = []
    for _ in range(2):
        trial = make_trial(data)
        asked.write_text(json.dumps({"folder": str(trial.folder)}))
        trial.together("dropping", epochs=1)
        kept.append([(trial.folder / f"kept-{rank}").read_text() for rank in range(2)])
    assert kept[0] == kept[1]
    assert kept[0][0] != kept[0][1]


@pytest.mark.parametrize(
    ("how", "kind", "said"),
    [
        ("kill", FailureKind.KILLED, r"process 2 of 2 \(cpu\) ended with SIGKILL"),
        ("raise", FailureKind.ERROR, r"ValueError during train: what a plugin may raise \(process 2 of 2 \(cpu\)\)"),
        ("leave", FailureKind.PLUGIN, r"process 2 of 2 \(cpu\) ended with exit status 0 and without an answer"),
        ("hang", FailureKind.TIMEOUT, r"process 2 of 2 \(cpu\) did not answer the others for 2 s"),
    ],
)
def test_a_process_that_fails_ends_the_training_and_leaves_no_other_behind(
    make_data, make_trial, asked, how, kind, said
):
    trial = make_trial(make_data(num_train=64))
    asked.write_text(json.dumps({"folder": str(trial.folder), "how": how}))
    began = time.monotonic()
    with pytest.raises(TrialError, match=said) as caught:
        trial.together("faulty", timeout=2 if how == "hang" else 60)
    assert caught.value.kind is kind
    assert time.monotonic() - began < 30
    assert_gone(trial.folder)


def test_a_stop_by_the_user_ends_all_at_once(make_data, make_trial, asked):
    trial = make_trial(make_data(num_train=64))
    asked.write_text(json.dumps({"folder": str(trial.folder), "how": "hang"}))

    def interrupt() -> None:
        while not all((trial.folder / f"pid-{rank}").exists() for rank in range(2)):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    # As a trial's process does: one that a shell has started in the background inherits an ignored SIGINT.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            trial.together("faulty")
    finally:
        signal.signal(signal.SIGINT, before)
    thread.join()
    assert_gone(trial.folder)


def assert_gone(folder: Path) -> None:
    for rank in range(2):
        pid = int((folder / f"pid-{rank}").read_text())
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_memory_that_one_process_is_refused_has_all_take_fewer_images(make_data, make_trial, asked):
    trial = make_trial(make_data(num_train=53, noise=60))
    asked.write_text(json.dumps({"folder": str(trial.folder), "how": "memory", "images": 4}))
    alone, together = trial.alone("faulty"), trial.together("faulty")
    assert together.result.micro_batch_size == 8  # of both together
    assert together.result.planned_micro_batch_size == 16
    assert_same(alone, dataclasses.replace(together, result=alone.result))


def test_memory_that_suffices_for_no_image_is_out_of_memory(make_data, make_trial, asked):
    trial = make_trial(make_data(num_train=53))
    asked.write_text(json.dumps({"folder": str(trial.folder), "how": "memory", "images": 0}))
    with pytest.raises(TrialError, match="even with 2 images at a time on all devices together") as caught:
        trial.together("faulty", batch_size=4)
    assert caught.value.kind is FailureKind.OOM


def test_a_diverged_training_is_reported(make_data, make_trial):
    trial = make_trial(make_data(num_train=53))
    with pytest.raises(TrialError, match="not finite") as caught:
        trial.together("plain", lr=1e30)
    assert caught.value.kind is FailureKind.DIVERGED


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
@pytest.mark.parametrize("case", ["batch norm", "mixing", "micro-batches", "averaged weights"])
def test_two_gpus_give_the_result_of_one(make_data, make_trial, case):
    model, recipe, hyperparameters = CASES[case]
    trial = make_trial(make_data(num_train=53, num_val=33, noise=60))
    alone = trial.alone(model, recipe, device="cuda:0", **hyperparameters)
    alone.weights = {name: value.cpu() for name, value in alone.weights.items()}
    together = trial.together(model, recipe, devices=("cuda:0", "cuda:1"), **hyperparameters)
    assert_same(alone, together)
    assert together.peak_memory_mib is not None
