"""Export, publish, submit and clearing the cache, killed or failing at every use of a file.

Whatever is there afterwards is whole, old or new. The same command then finishes the work and leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.records.copying import checked_trial
from harness.records.record import Record
from harness.records.store import CHECKPOINT_FILE, RECORD_FILE, read_record
from reports.publishing.publishing import publish_to_folder, publish_to_git
from reports.publishing.submission import submit
from reports.site.folder import write_site
from zoo import Catalog

from .file_faults import How, run_struck

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
_HOWS: tuple[How, ...] = ("kill", "eio", "enospc")
FAULTS = pytest.mark.parametrize(
    ("how", "step"),
    [
        *(pytest.param(how, 7, id=f"{how} at some places") for how in _HOWS[:2]),
        *(pytest.param(how, 1, id=f"{how} everywhere", marks=pytest.mark.slow) for how in _HOWS),
    ],
)
"""What happens, and the distance between the places at which it does."""
SUMS = "SHA256SUMS"


def strike_everywhere(
    how: How, step: int, work: Callable[[], object], prepare: Callable[[], object], check: Callable[[bool], object]
) -> int:
    """Strike *work* at one place after another, check what is there, repeat it without a fault; return the last place.

    Args:
        how: What happens.
        step: Distance between the places.
        work: What is struck; it is run once before, so that nothing is imported while it is.
        prepare: Makes what is there before.
        check: Asserts that what is there is whole; called with True after the repetition.
    """
    prepare()
    work()
    check(True)
    struck, at = 0, 1
    while True:
        prepare()
        ended = run_struck(work, at, how)
        if not ended.was_struck:
            break
        struck += 1
        check(False)
        work()
        check(True)
        at += step
    print(f"{struck} faults ({how}) injected and survived")
    return at


def leftovers(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob(".tmp-*")]


@pytest.fixture(scope="module")
def trial(train_trial: Callable[..., Path], catalog: Catalog) -> Path:
    return train_trial(catalog)


@FAULTS
def test_an_export_is_whole_or_not_there(how: How, step: int, trial: Path, catalog: Catalog, tmp_path: Path) -> None:
    """lightning#19970: an atomic save was lost in a refactor, and nobody saw."""
    from harness.classifiers.exporting import export_classifier
    from harness.classifiers.trained import load_trained

    classifier = load_trained(trial, catalog)
    images_NHWC = np.zeros((2, 16, 16, 3), dtype=np.uint8)
    path = tmp_path / "out" / "net.safetensors"
    description = path.with_name(path.name + ".json")

    def work() -> None:
        export_classifier(classifier, "safetensors", path, images_NHWC=images_NHWC, catalog=catalog, tolerance=1e-4)

    def prepare() -> None:
        shutil.rmtree(path.parent, ignore_errors=True)
        path.parent.mkdir()
        path.write_bytes(b"old")
        description.write_text(json.dumps({"sha256": hashlib.sha256(b"old").hexdigest()}))

    def check(is_finished: bool) -> None:
        content = path.read_bytes()
        if is_finished or content != b"old":
            assert load_trained(path, catalog).card == classifier.card
        if is_finished or description.exists():
            assert json.loads(description.read_text())["sha256"] == hashlib.sha256(content).hexdigest()
        if is_finished:
            assert leftovers(path.parent) == []

    assert strike_everywhere(how, step, work, prepare, check) > 5


def small_site(folder: Path, text: str, pages: tuple[str, ...]) -> Path:
    """Write a site of a few pages, each of which holds *text*."""
    files = {name: f"{name} {text}".encode() for name in ("index.html", *pages)}
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items()))
    write_site({**files, SUMS: sums.encode()}, folder)
    return folder


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def sites(tmp_path: Path) -> tuple[Path, Path]:
    """An old site and a new one: a page is removed, one changed, and one added."""
    return (
        small_site(tmp_path / "old", "old", ("rows/a.html", "rows/b.html")),
        small_site(tmp_path / "new", "new", ("rows/b.html", "rows/c.html")),
    )


@FAULTS
def test_each_file_of_a_published_folder_is_whole(
    how: How, step: int, sites: tuple[Path, Path], tmp_path: Path
) -> None:
    old, new = sites
    target = tmp_path / "target"
    known = {name: {content_of(site).get(name) for site in sites} for site in sites for name in content_of(site)}

    def prepare() -> None:
        shutil.rmtree(target, ignore_errors=True)
        publish_to_folder(old, target)
        (target / "CNAME").write_text("mine")

    def check(is_finished: bool) -> None:
        found = content_of(target)
        assert found.pop("CNAME") == b"mine"
        if is_finished:
            assert found == content_of(new)
            assert leftovers(target) == []
            return
        for name, content in found.items():
            # Between the two, the checksums list the files of both.
            assert ".tmp-" in name or name == SUMS or content in known[name], name

    assert strike_everywhere(how, step, lambda: publish_to_folder(new, target), prepare, check) > 20


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@FAULTS
def test_a_branch_has_the_old_site_or_the_new_one(
    how: How, step: int, sites: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = sites
    remote, scratch = tmp_path / "remote.git", tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", remote, *arguments], check=True, capture_output=True, text=True).stdout

    before = tmp_path / "before.git"
    subprocess.run(["git", "init", "-q", "--bare", before], check=True)
    publish_to_git(old, str(before), "pages")

    def prepare() -> None:
        shutil.rmtree(remote, ignore_errors=True)
        shutil.copytree(before, remote)

    def check(is_finished: bool) -> None:
        words = set(git("show", "pages:index.html", "pages:rows/b.html").split()) & {"old", "new"}
        assert words == {"new"} if is_finished else words in ({"old"}, {"new"})
        git("fsck", "--strict")
        if is_finished:
            # One that was killed before it wrote anything leaves an empty folder, which goes when it is old.
            assert [path for path in scratch.iterdir() if list(path.iterdir())] == []

    assert strike_everywhere(how, 3 * step, lambda: publish_to_git(new, str(remote), "pages"), prepare, check) > 3


@FAULTS
def test_a_submission_has_whole_trials_only(how: How, step: int, trial: Path, catalog: Catalog, tmp_path: Path) -> None:
    target = tmp_path / "submission"
    metrics = tuple(catalog.metrics)
    record: Record = read_record(trial / RECORD_FILE)

    def work() -> None:
        submit([(trial, record)], target, metrics)

    def check(is_finished: bool) -> None:
        found = [path for path in target.iterdir() if not path.name.startswith(".tmp-")] if target.exists() else []
        for path in found:
            assert checked_trial(path, optional=(CHECKPOINT_FILE,)) == record
        if is_finished:
            assert [path.name for path in found] == [trial.name]
            assert leftovers(target) == []

    assert strike_everywhere(how, step, work, lambda: shutil.rmtree(target, ignore_errors=True), check) > 20


@FAULTS
def test_a_cleared_cache_holds_whole_data_or_none(
    how: How, step: int, catalog: Catalog, tmp_path: Path, photo_folder: Path
) -> None:
    """What is half removed is never taken for a dataset, and the next command removes the rest."""
    from harness.data.cache.clearing import clear
    from harness.data.cache.entries import list_cache
    from harness.data.prepare import prepare_data
    from harness.data.settings import DataSettings
    from harness.records.spec import DatasetSpec, ProviderSpec

    root = tmp_path / "cache"
    whole = tmp_path / "whole"
    dataset = catalog.datasets.get("folder").record
    spec = DatasetSpec(
        full_name="folder",
        display_name="folder",
        argument=str(photo_folder),
        options=dict(dataset.options),
        image_size=8,
        provider=ProviderSpec(plugin="zoo"),
    )

    def prepared(cache: Path) -> Any:
        settings = DataSettings(data_root=tmp_path, cache=cache / "decoded")
        return prepare_data(dataset, spec, settings, report=lambda *_: None, num_workers=1)

    expected = prepared(whole)

    def prepare() -> None:
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(whole, root)

    def work() -> list[str]:
        entries = [entry for entry in list_cache(root, now=0.0) if entry.kind != "downloads"]
        return [cleared.left_because for entry in entries if (cleared := clear(entry)).left_because]

    def check(is_finished: bool) -> None:
        if is_finished:
            assert work() == []
            assert [path for path in root.rglob("*") if path.is_file() and path.suffix != ".lock"] == []
            return
        again = prepared(root)
        assert again.fingerprint == expected.fingerprint
        assert (again.load("test").images_NHWC == expected.load("test").images_NHWC).all()

    assert strike_everywhere(how, step, work, prepare, check) > 10
