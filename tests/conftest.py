"""What all tests share: a cache of their own, the catalog of built-ins, the command, and real data where it lies."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zoo import Catalog, build_catalog
from zoo.loading import Sources

ROOT = Path(__file__).parent.parent
"""The checkout, which holds the tests; the packages under test may be installed elsewhere."""

RunZoo = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session", autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Neither the user's cache nor what their shell says about output reaches a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(tmp_path_factory.mktemp("cache")))
        for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "ZOO_DEBUG"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The built-ins, and nothing that happens to be installed beside them."""
    return build_catalog(Sources(entry_points=False))


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


@pytest.fixture(scope="session")
def data_root() -> Path:
    """A folder with real data sets: ``$ZOO_DATA``, or ``../shared/data`` beside the checkout."""
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
    """A folder data set of small pictures of three kinds: train/CLASS/N.png and test/CLASS/N.png."""
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
    """Train a network on those pictures in this process, and return its trial's folder."""

    def train(catalog: Catalog, **asked: object) -> Path:
        from importlib.metadata import version

        from harness.data import prepare_data
        from harness.identity import result_key
        from harness.plan import make_plan
        from harness.request import BenchRequest
        from harness.selection import select
        from harness.store import trial_id
        from harness.trial import TrialJob, run_trial
        from zoo.cache import cache_root

        raw = {"models": ["lenet5"], "data": [f"folder:{photo_folder}"], "recipes": ["sgd_quick"], "seeds": 1}
        raw |= {"device": "cpu", "precision": "fp32", "epochs": 1, "small_images": False, "measure_seconds": 0, **asked}
        raw["set"] = {"data.image_size": 16, **raw.get("set", {})}
        (spec,) = make_plan(select(BenchRequest.parse(raw, origin="a test"), catalog)).trials
        prepared = prepare_data(
            catalog.datasets.get(spec.dataset.full_name).record,
            spec.dataset,
            data_root=photo_folder,
            cache=cache_root() / "decoded",
            report=lambda message, share: None,
            num_workers=1,
        )
        key = result_key(spec, fingerprint=prepared.fingerprint, torch_version=version("torch"))
        folder = tmp_path_factory.mktemp("runs") / trial_id(spec, key)
        folder.mkdir()
        job = TrialJob(spec=spec, trial_id=folder.name, result_key=key, folder=str(folder), prepared=prepared)
        assert run_trial(job, catalog)
        return folder

    return train
