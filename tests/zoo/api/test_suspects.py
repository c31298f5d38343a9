"""Suspects: wrong labels and near duplicates that were put into a dataset are found, from the command line as well."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

pytest.importorskip("cleanlab", reason="the extra labels has it")

Run = Callable[..., Result]
WORDS = ("--epochs", "15", "--seeds", "1", "--measure-seconds", "0", "--set", "recipe.lr=0.02")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two kinds of pictures that are easily told apart; two test pictures have the wrong label, and one of train is in
    test again, as JPEG.
    """
    root, rng = tmp_path_factory.mktemp("suspects") / "photos", np.random.default_rng(0)
    for split, count in (("train", 40), ("test", 30)):
        for index, name in enumerate(("dark", "light")):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                blobs = rng.integers(0, 120, (5, 5, 3), dtype=np.uint8) + np.uint8(120 * index)
                picture = Image.fromarray(blobs).resize((24, 24), Image.Resampling.BICUBIC)
                picture.save(root / split / name / f"{number:02}.png")
    for number in range(2):
        moved = root / "test" / "dark" / f"{number:02}.png"
        shutil.move(moved, root / "test" / "light" / f"wrong_{number}.png")
    Image.open(root / "train" / "dark" / "05.png").save(root / "test" / "dark" / "again.jpg", quality=95)
    return root


@pytest.fixture(scope="module")
def runs(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from click.testing import CliRunner

    from zoo.cli.group import zoo

    out = tmp_path_factory.mktemp("runs")
    done = CliRunner().invoke(
        zoo,
        ["--no-plugins", "bench", "--models", "linear", "--data", f"folder:{photos}", "--out", str(out), *WORDS],
        prog_name="zoo",
    )
    assert done.exit_code == 0, done.output
    return out


def test_wrong_labels_and_near_duplicates_are_ranked_and_drawn(
    run_zoo: Run, photos: Path, runs: Path, tmp_path: Path
) -> None:
    sheet = tmp_path / "sheet.png"
    words = ("data", "audit", f"folder:{photos}", "--with", str(runs))
    done = run_zoo(*words, "--format", "json", "-o", str(sheet))
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert [each["id"] for each in found["labels"]][:2] in (
        ["test/light/wrong_0.png", "test/light/wrong_1.png"],
        ["test/light/wrong_1.png", "test/light/wrong_0.png"],
    )
    assert {(each["label"], each["suggestion"]) for each in found["labels"][:2]} == {("light", "dark")}
    (pair,) = found["near_duplicates"]
    assert pair["ids"] == ["train/dark/05.png", "test/dark/again.jpg"]
    assert {"test/light/wrong_0.png", "test/light/wrong_1.png", "test/dark/again.jpg"} <= set(found["excluded"])
    assert found["num_judged"] == 61 + 8  # test and validation images
    with Image.open(sheet) as picture:
        assert picture.size[0] > 500
    text = run_zoo(*words).stdout
    assert "pair of near duplicates" in text
    assert f"the table without {len(found['excluded'])} suspicious test images" in text
    assert f"{61 - len(found['excluded'])} test images" in text


def test_trials_on_other_datasets_do_not_count(run_zoo: Run, runs: Path) -> None:
    done = run_zoo("data", "audit", "digits", "--with", str(runs))
    assert done.exit_code == 2
    assert "digits: none of the 1 trials has out-of-sample predictions" in done.stderr
