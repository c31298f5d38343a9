"""What all tests share: a cache of their own, the catalog of built-ins, the command, and real data where it lies."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from click.testing import CliRunner, Result
from hypothesis.internal.conjecture import providers

from zoo import Catalog, build_catalog
from zoo.loading import Sources

ROOT = Path(__file__).parent.parent
"""The checkout, which holds the tests; the packages under test may be installed elsewhere."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # set by shells for what they start in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

FUZZ_EXAMPLES = os.environ.get("ZOO_FUZZ_EXAMPLES")
hypothesis.settings.register_profile(
    "zoo", derandomize=not FUZZ_EXAMPLES, deadline=None, max_examples=int(FUZZ_EXAMPLES or 100)
)
hypothesis.settings.load_profile("zoo")
if not FUZZ_EXAMPLES and hasattr(providers, "_get_local_constants"):
    # Hypothesis also draws the constants of all modules that happen to be imported: its examples, and with them the
    # outcome of a test, would depend on the tests before.
    providers._get_local_constants = providers.Constants

RunZoo = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session", autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Neither the user's cache nor what their shell says about output reaches a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(tmp_path_factory.mktemp("cache")))
        for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "ZOO_DEBUG"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="module", autouse=True)
def _no_bare_fork_server() -> Iterator[None]:
    """End a fork server that has not preloaded torch: a process has one, and each later trial would import torch."""
    yield
    server = forkserver._forkserver  # type: ignore[attr-defined]
    variables = Path(f"/proc/{server._forkserver_pid}/environ")
    with contextlib.suppress(ProcessLookupError):  # it has been killed
        if variables.is_file() and b"ZOO_PRELOAD=torch" not in variables.read_bytes():
            server._stop()


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The built-ins, and nothing that happens to be installed beside them."""
    return build_catalog(Sources(entry_points=False))


@pytest.fixture(scope="session")
def make_cache(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Make a cache that holds nothing but the lists of the libraries' models, which take four seconds to make."""
    lists = list(Path(os.environ["ZOO_CACHE"]).glob("*-models-[0-9].json"))  # building the catalog has made them
    assert lists

    def make() -> Path:
        folder = tmp_path_factory.mktemp("cache")
        for path in lists:
            shutil.copy(path, folder)
        return folder

    return make


@pytest.fixture(scope="session")
def zoo_script() -> Path:
    """The installed command."""
    name = "zoo.exe" if os.name == "nt" else "zoo"
    path = Path(sysconfig.get_path("scripts")) / name
    assert path.is_file(), f"the package is not installed: there is no {path}"
    return path


@pytest.fixture
def run_zoo(zoo_script: Path, tmp_path: Path) -> RunZoo:
    """Run ``zoo`` as a user does, in a process of its own and an empty folder."""

    def run(*args: str | Path, timeout: float = 120, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [zoo_script, *args],
            capture_output=True,
            cwd=tmp_path,
            encoding="utf-8",
            env={**os.environ, "PYTHONUTF8": "1", **variables},
            timeout=timeout,
        )

    return run


@pytest.fixture
def call_zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run ``zoo`` in this process and an empty folder: nothing is imported anew, and benches share a fork server."""
    from zoo.cli.group import zoo

    monkeypatch.chdir(tmp_path)

    def call(*args: str | Path, **variables: str) -> Result:
        return CliRunner(env=variables).invoke(zoo, ["--no-plugins", *map(str, args)], prog_name="zoo")

    return call


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The system's Chromium, or ``$ZOO_CHROMIUM``: ``tox -e browser``."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser environment has it")
    chromium = os.environ.get("ZOO_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium: install it, or set ZOO_CHROMIUM")
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def data_root() -> Path:
    """A folder with real datasets: ``$ZOO_DATA``, or ``../shared/data`` beside the checkout."""
    given = os.environ.get("ZOO_DATA")
    for candidate in [Path(given)] if given else [ROOT.parent / "shared" / "data"]:
        if candidate.is_dir():
            return candidate.resolve()
    pytest.skip("no real data here: set ZOO_DATA to a folder that holds cifar10")


@pytest.fixture(scope="session")
def hold(catalog: Catalog) -> Callable[..., list[str]]:
    """Assert that a built-in passes every check of the kit, or that there is nothing to look at; return what passed.

    Further arguments are fields of the record that are to be others than they are.
    """

    def hold(
        kind: str, name: str, *, argument: str = "", root: Path | None = None, slow: bool = False, **changed: object
    ) -> list[str]:
        from dataclasses import replace

        from zoo.testing import State, Subject, judge
        from zoo.testing.checks import checks_of

        record = replace(getattr(catalog, kind).get(name).record, **changed)
        subject = Subject(record=record, argument=argument, data_root=root)
        verdicts = [judge(check, subject) for check in checks_of(kind, slow=slow)]
        bad = [f"{each.check}: {each.reason}\n{each.traceback}" for each in verdicts if not each.state.is_good]
        assert not bad, "\n".join(bad)
        return [each.check for each in verdicts if each.state is State.PASSED]

    return hold


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder dataset of small pictures of three kinds: train/CLASS/N.png and test/CLASS/N.png."""
    import numpy as np
    from PIL import Image

    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(3)
    for split, count in (("train", 24), ("test", 9)):
        for index, name in enumerate(("birch", "cedar", "maple")):
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 120, (20 + number, 24, 3), dtype=np.uint8)
                pixels[..., index] += 120
                Image.fromarray(pixels).save(folder / split / name / f"{number:02}.png")
    return folder


@pytest.fixture(scope="session")
def train_trial(photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Train a network on those pictures in this process, and return its trial's folder, which is the caller's own."""
    trained: dict[str, tuple[Catalog, Path]] = {}  # a catalog that is held keeps its identity

    def train(catalog: Catalog, **asked: object) -> Path:
        what = f"{id(catalog)} {sorted(asked.items())}"
        if what not in trained:
            trained[what] = (catalog, train_once(catalog, **asked))
        folder = trained[what][1]
        return Path(shutil.copytree(folder, tmp_path_factory.mktemp("runs") / folder.name))

    def train_once(catalog: Catalog, **asked: object) -> Path:
        from importlib.metadata import version

        from harness.bench.resolution import wanted_images
        from harness.data.prepare import prepare_data
        from harness.data.settings import DataSettings
        from harness.planning.plan import make_plan
        from harness.planning.request import BenchRequest
        from harness.planning.selection import select
        from harness.records.keys import result_key
        from harness.records.store import trial_id
        from harness.trial.job import TrialJob
        from harness.trial.resolved_trial import ResolvedTrial
        from harness.trial.trial import run_trial

        raw = {"models": ["lenet5"], "data": [f"folder:{photo_folder}"], "recipes": ["sgd_quick"], "seeds": 1}
        raw |= {"device": "cpu", "precision": "fp32", "epochs": 1, "small_images": False, "measure_seconds": 0, **asked}
        raw["set"] = {"data.image_size": 16, **raw.get("set", {})}
        (spec,) = make_plan(select(BenchRequest.parse(raw, origin="a test"), catalog)).trials
        prepared = prepare_data(
            catalog.datasets.get(spec.dataset.full_name).record,
            spec.dataset,
            DataSettings(data_root=photo_folder),
            report=lambda message, share: None,
            num_workers=1,
            wanted=wanted_images(spec),
        )
        assert spec.preparation is not None
        preparation = spec.preparation.for_channels(prepared.channels).over(prepared.view)
        spec = spec.model_copy(update={"preparation": preparation})
        key = result_key(spec, fingerprint=prepared.fingerprint, pixels=prepared.pixels, torch_version=version("torch"))
        folder = tmp_path_factory.mktemp("trained") / trial_id(spec, key)
        folder.mkdir()
        trial = ResolvedTrial(spec=spec, result_key=key, prepared=prepared)
        job = TrialJob(trial=trial, folder=str(folder))
        assert run_trial(job, catalog)
        return folder

    return train


@pytest.fixture(scope="session")
def add_runtime() -> Callable[..., Path]:
    """Write what a trial's weights did under a runtime, without running anything, and return its file.

    By default it predicts what the trial did; *wrong* images are made wrong, and any field may be given.
    """

    def add(folder: Path, runtime: str = "onnx", *, wrong: int = 0, speed: float = 2000.0, **fields: object) -> Path:
        import numpy as np

        from harness.records.keys import measurement_fields
        from harness.records.predictions import SavedPredictions, load_predictions, save_predictions
        from harness.records.record import Latency, MetricValue, Outcome, Rate, SpeedInfo
        from harness.records.runtime_result import RuntimeResult, predictions_name, write_result
        from harness.records.store import CHECKPOINT_FILE, read_record
        from harness.system.atomic_files import sha256_of
        from zoo.metric import Predictions

        record = read_record(folder / "record.json")
        saved = load_predictions(folder)
        logits, labels = np.array(saved.predictions.logits), saved.predictions.labels
        right = np.flatnonzero(logits.argmax(axis=1) == labels)
        logits[right[:wrong]] *= -1
        predictions = Predictions(logits=logits, labels=labels, classes=saved.predictions.classes)
        changed = SavedPredictions(predictions=predictions, samples=saved.samples)
        path = save_predictions(folder, changed, name=predictions_name(runtime))
        accuracy = float((logits.argmax(axis=1) == labels).mean())
        known = {
            "runtime": runtime,
            "trial_id": record.trial_id,
            "result_key": record.result_key,
            "weights_sha256": record.files.get(CHECKPOINT_FILE, ""),
            "runtime_key": "5" * 64,
            "tools": {"onnxruntime": "1.0"},
            "outcome": Outcome.DONE,
            "metrics": {
                name: MetricValue(value=accuracy) if isinstance(metric.value, float) else metric
                for name, metric in record.metrics.items()
            },
            "speed": SpeedInfo(
                inference=Rate(median=speed, low=speed, high=speed, windows=5, batch_size=64),
                latency=Latency(p50_ms=0.5, p95_ms=0.75, runs=20),
            ),
            "conversion_seconds": 2.5,
            "file_bytes": 2**19,
            "seconds": {"total": 3.0},
            "environment": record.environment,
            "files": {path.name: sha256_of(path)},
        }
        if "device_name" in record.environment:
            known["conditions"] = measurement_fields(record.spec, record.environment)
        return write_result(folder, RuntimeResult.model_validate({**known, **fields}))

    return add
