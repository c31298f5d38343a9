"""The steps of an active trial: threads and cores, giving way, testing and measuring."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

import harness.trial.active as module
from harness.batches.forward_settings import ForwardSettings
from harness.data.images import TrialImages
from harness.measuring.device_lock import DeviceSharing
from harness.records.history import HistoryWriter, read_history
from harness.records.record import SpeedInfo
from harness.trial.active import ActiveTrial
from harness.trial.progress import TrialProgress
from harness.trial.setup import make_setup
from zoo.calling.interruption import INTERRUPTION
from zoo.catalog import Catalog


class Sharing(DeviceSharing):
    """Notes when the trial has the device to itself, and which cores it takes."""

    def __init__(self) -> None:
        self.was_alone, self.now_alone, self.taken = 0, False, []
        self.disturbance = "it went on"

    @contextmanager
    def alone(self) -> Iterator[None]:
        self.was_alone, self.now_alone = self.was_alone + 1, True
        yield
        self.now_alone = False

    def give_way(self) -> float:
        return 1.5

    def take_cores(self, folder: Path, count: int, *, cores: int) -> None:
        self.taken.append((folder, count, cores))


@pytest.fixture
def start(make_job: Callable[..., Any], plugin_catalog: Catalog, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    threads = torch.get_num_threads()
    histories: list[HistoryWriter] = []

    def run(*, cores_folder: str = "", available: int = 1, **options: Any) -> ActiveTrial:
        job = make_job(**options).model_copy(update={"cores_folder": cores_folder})
        histories.append(HistoryWriter(tmp_path / "history.jsonl"))
        progress = TrialProgress(history=histories[-1], environment={})
        return ActiveTrial(
            job=job, catalog=plugin_catalog, progress=progress, sharing=Sharing(), available_threads=available
        )

    yield run
    for history in histories:
        history.close()
    torch.set_num_threads(threads)


def test_it_computes_with_all_threads_until_the_work_is_known(start: Callable[..., ActiveTrial]) -> None:
    trial = start(threads=None, available=3)
    trial.begin()
    assert torch.get_num_threads() == 3
    trial.choose_threads(1_000, 16)
    assert torch.get_num_threads() == 1, "so little work is done sooner by one"
    assert trial.progress.environment == {"threads": 1, "available_threads": 3}


def test_a_requested_number_of_threads_is_kept(start: Callable[..., ActiveTrial]) -> None:
    trial = start(threads=2, available=3)
    trial.begin()
    trial.choose_threads(1_000, 16)
    assert torch.get_num_threads() == 2
    assert trial.progress.environment == {}


def test_it_waits_for_as_many_cores_as_it_has_threads(
    start: Callable[..., ActiveTrial], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of all cores of the machine: two trials of one thread each run side by side with ``OMP_NUM_THREADS=1``."""
    monkeypatch.setattr("harness.trial.active.usable_threads", lambda: 4)
    start(threads=1).wait_for_cores()
    assert read_history(tmp_path / "history.jsonl") == [], "the bench shares no cores"
    trial = start(threads=2, available=3, cores_folder=str(tmp_path))
    trial.begin()
    trial.wait_for_cores()
    assert trial.sharing.taken == [(tmp_path, 2, 4)]
    assert [row["phase"] for row in read_history(tmp_path / "history.jsonl")] == ["wait"]


def test_a_trial_that_the_user_stopped_does_not_go_on(
    start: Callable[..., ActiveTrial], monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = start()
    assert trial.give_way() == 1.5
    monkeypatch.setattr(INTERRUPTION, "count", 1)
    with pytest.raises(KeyboardInterrupt):
        trial.give_way()


@pytest.mark.parametrize("seconds", [0, 0.5])
def test_the_device_is_its_own_only_while_it_is_timed(
    start: Callable[..., ActiveTrial], monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    trial = start(measure_seconds=2 * seconds, measure_shares=2)
    calls: list[dict[str, Any]] = []

    def measure(model: Any, resolved: Any, settings: Any, **options: Any) -> SpeedInfo:
        calls.append({**options, "alone": trial.sharing.now_alone})
        return SpeedInfo(compile_seconds=2.0)

    monkeypatch.setattr(module, "measure_speed", measure)
    setup = make_setup(trial.spec, trial.prepared, trial.catalog)
    settings = ForwardSettings(device=trial.device, normalization=setup.normalization)
    images = TrialImages(trial.prepared)
    tested = trial.test(setup.model, setup.resolved, settings, images, trial.prepared.classes)
    assert len(tested.logits_NK) == len(tested.images) == trial.prepared.num_test
    assert 0 <= trial.progress.metrics["accuracy"].value <= 1
    assert (trial.folder / "predictions.safetensors").is_file()
    speed = trial.measure(setup.model, setup.resolved, settings, test=tested, peak_memory_mib=7.0)
    assert speed.peak_memory_mib == 7.0
    assert trial.sharing.was_alone == (2 if seconds else 0)
    if not seconds:
        assert (calls, speed.compile_seconds) == ([], None)
        return
    (call,) = calls
    assert call == {
        "training": None,
        "test": tested,
        "disturbance": "it went on",
        "budget_seconds": seconds,
        "best_inference": trial.spec.execution.best_inference,
        "alone": True,
    }
    assert speed.compile_seconds == 2.0
