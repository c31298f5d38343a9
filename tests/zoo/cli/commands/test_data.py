"""``zoo data check``: an audit for each dataset, and an exit code that says whether anything is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

Run = Callable[..., Result]

PLUGIN = """
    import sys
    from zoo import Dataset, Split, Splits, hookimpl
    from zoo.errors import DataError

    def load(request):
        import numpy as np
        print("printed by the dataset")
        count, classes = request.options["classes"] * 10, request.options["classes"]
        images = np.random.default_rng(0).integers(0, 256, (count, 6, 6, 3), dtype=np.uint8)
        return Splits(
            classes=tuple(f"class {k}" for k in range(classes)),
            train=Split(images=images[: count - 2 * classes], labels=np.arange(count - 2 * classes) % classes),
            test=Split(images=images[count - 2 * classes :], labels=np.arange(2 * classes) % classes),
        )

    def cannot(request):
        raise DataError("put the files into X" + ("" if request.download else ", for nothing is downloaded"))

    @hookimpl
    def zoo_datasets():
        yield Dataset(name="noise", load=load, options={"classes": 3})
        yield Dataset(name="noise_too", load=load, options={"classes": 2})
        yield Dataset(name="absent", load=cannot)
"""


@pytest.fixture
def check(run_zoo: Run, write_plugin: Callable[..., str]) -> Run:
    """Run ``zoo data check`` with a plugin of a few datasets."""
    file = write_plugin(PLUGIN, "noises")
    return lambda *args, **settings: run_zoo("data", "check", "--plugin", file, *args, **settings)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder dataset of two classes in all three splits."""
    root = tmp_path / "photos"
    rng = np.random.default_rng(3)
    for split, count in (("train", 6), ("val", 2), ("test", 3)):
        for label in ("cat", "dog"):
            folder = root / split / label
            folder.mkdir(parents=True)
            for i in range(count):
                Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return root


def test_a_sound_dataset_gets_its_audit_and_exit_code_0(check: Run) -> None:
    result = check("noise")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "noise (noises/noise)"
    (val,) = [line.split() for line in lines if line.split()[:1] == ["val"]]
    assert val[1:3] == ["2", "0"]
    assert "taken from train" in " ".join(val)
    assert "exact duplicates, by decoded pixels: none" in lines
    assert lines[-1].startswith("no problem found in")


def test_output_of_a_dataset_stays_out_of_its_audit(check: Run) -> None:
    result = check("noise", "--format", "json")
    assert "printed by" not in result.stdout
    assert "printed by" in result.stderr
    (audit,) = json.loads(result.stdout)
    assert (audit["name"], audit["problems"]) == ("noise", [])
    assert len(audit["fingerprint"]) == 64


def test_several_names_and_patterns_get_an_audit_each(check: Run) -> None:
    audits = json.loads(check("noise*", "noise", "--format", "json").stdout)
    assert [each["name"] for each in audits] == ["noise", "noise_too"]


def test_the_settings_are_those_of_a_bench(check: Run) -> None:
    given = ["--set", "data.classes=4", "--set", "data.image_size=3", "--limit-train", "20", "--limit-test", "4"]
    (audit,) = json.loads(check("noise", *given, "--val-fraction", "0.25", "--format", "json").stdout)
    assert (len(audit["classes"]), audit["image_size"]) == (4, 3)
    assert [each["num_images"] for each in audit["splits"]] == [15, 5, 4]


def test_of_many_classes_the_largest_and_the_smallest_are_shown(check: Run) -> None:
    lines = check("noise", "--set", "data.classes=30").stdout.splitlines()
    assert sum(line.startswith("class ") and line.split()[1].isdigit() for line in lines) == 20
    assert any("10 classes between" in line for line in lines)


def test_an_unavailable_dataset_affects_no_other(check: Run) -> None:
    result = check("absent", "noise", "--offline")
    assert result.exit_code == 2
    assert "noise (noises/noise)" in result.stdout
    assert "put the files into X, for nothing is downloaded" in result.stderr


def test_all_mistakes_are_reported_together(check: Run) -> None:
    result = check("noize", "--set", "recipe.lr=1", "--set", "nonsense", "--limit-test", "few")
    assert result.exit_code == 2
    assert "did you mean 'noise'" in result.stderr
    assert "--set nonsense: expected KEY=VALUE" in result.stderr
    assert "limit_test = 'few'" in result.stderr
    assert "override 'recipe.lr': only data.KEY=VALUE can be set here" in result.stderr


def test_a_pattern_for_kinds_of_datasets_only_is_a_mistake(check: Run) -> None:
    result = check("fold*")
    assert result.exit_code == 2
    assert "'fold*'" in result.stderr


def test_a_command_of_the_group_that_is_not_there_gets_near_names(run_zoo: Run) -> None:
    result = run_zoo("data", "chek")
    assert result.exit_code == 2
    assert "did you mean 'check'" in result.stderr
    assert "check" in run_zoo("data").stdout


def test_an_image_in_two_splits_is_wrong_and_named(check: Run, photos: Path) -> None:
    (photos / "test" / "cat" / "copy.png").write_bytes((photos / "train" / "cat" / "0.png").read_bytes())
    result = check(f"folder:{photos}")
    assert result.exit_code == 1
    assert "exact duplicates across train and test: 1 test image also in train" in result.stdout
    assert "  train/cat/0.png = test/cat/copy.png (cat)" in result.stdout.splitlines()
    assert "wrong: 1 test image(s) are also in train" in result.stdout


def test_equal_images_with_different_labels_are_wrong_and_shown_apart(check: Run, photos: Path) -> None:
    (photos / "train" / "dog" / "copy.png").write_bytes((photos / "train" / "cat" / "0.png").read_bytes())
    lines = check(f"folder:{photos}").stdout.splitlines()
    assert "  with different labels: 1" in lines
    assert "  train/cat/0.png = train/dog/copy.png (cat and dog)" in lines
    assert "wrong: 1 image(s) are in train with different labels" in lines


def test_copies_within_a_split_are_reported_and_are_not_problems(check: Run, photos: Path) -> None:
    (photos / "train" / "cat" / "copy.png").write_bytes((photos / "train" / "cat" / "0.png").read_bytes())
    result = check(f"folder:{photos}")
    assert result.exit_code == 0
    assert "exact duplicates within train: 1 image equal to an earlier one" in result.stdout


def test_an_unreadable_test_image_is_named_and_all_else_is_counted(check: Run, photos: Path) -> None:
    """timm's ImageDataset shows the neighbour in its place; an evaluation here does not start."""
    bad = photos / "test" / "dog" / "0.png"
    bad.write_bytes(bad.read_bytes()[:60])
    result = check(f"folder:{photos}")
    assert result.exit_code == 1, result.stderr
    assert "unreadable test images: 1, the dataset cannot be used with them" in result.stdout
    assert f"  {bad}: " in result.stdout
    assert "fingerprint  none" in result.stdout
    (test,) = [line.split() for line in result.stdout.splitlines() if line.split()[:1] == ["test"]]
    assert test[1:3] == ["5", "1"]


def test_names_of_files_and_classes_cannot_move_the_cursor_or_forge_a_line(check: Run, tmp_path: Path) -> None:
    """`[/red]` crashes rich and raw escape codes pass elsewhere."""
    for label in ("a\x1b[2J[/red]", "b\u202e"):
        folder = tmp_path / "odd" / label
        folder.mkdir(parents=True)
        for i in range(3):
            pixels = np.random.default_rng(len(label) + i).integers(0, 256, (4, 4, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{i}.png")
        (folder / "x\nwrong: forged\x1b[1m.png").write_bytes(b"text")
    result = check(f"folder:{tmp_path / 'odd'}")
    assert result.exit_code == 1
    assert not {"\x1b", "\u202e"} & set(result.stdout)
    assert "[/red]" in result.stdout
    assert not any(line.startswith("wrong: forged") for line in result.stdout.splitlines())
    assert r"x\nwrong: forged\x1b[1m.png" in result.stdout


def test_quiet_leaves_the_audits_only(check: Run) -> None:
    assert check("noise", "-q", "--set", "data.classes=5").stderr.splitlines() == ["printed by the dataset"]


def test_test_images_in_a_folder_are_listed_and_change_the_exit_code(run_zoo: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("test", 3)):
        for label in "ab":
            (tmp_path / "photos" / split / label).mkdir(parents=True)
            for number in range(count):
                picture = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
                picture = picture.resize((40, 40), Image.Resampling.BICUBIC)
                picture.save(tmp_path / "photos" / split / label / f"{number}.png")
    words = ("data", "copies", f"folder:{tmp_path / 'photos'}")
    sound = run_zoo(*words, str(tmp_path / "photos" / "train"))
    assert sound.exit_code == 0, sound.stderr
    assert "0 of 6 test images look like one of 12 files" in sound.stdout
    leaking = run_zoo(*words, str(tmp_path / "photos" / "test" / "b"))
    assert leaking.exit_code == 1
    assert "3 of 6 test images look like one of 3 files" in leaking.stdout
    data = json.loads(run_zoo(*words, str(tmp_path / "photos" / "test" / "b"), "--format", "json").stdout)
    assert {copy["id"] for copy in data["copies"]} == {f"test/b/{number}.png" for number in range(3)}
