"""``zoo cache``: light, asks before it removes, and says how much was freed."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from harness.data.cache_layout import using


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with two prepared datasets as far as names go, and a list of models."""
    root = tmp_path / "cache"
    for name, size, days in ((f"dots-{'0' * 20}", 1_500_000, 0), (f"folder-cats-{'1' * 20}-streamed", 2_000, 40)):
        folder = root / "decoded" / name
        folder.mkdir(parents=True)
        (folder / "train-images.npy").write_bytes(b"x" * size)
        (folder / "data.json").write_text("{}")
        for path in (folder / "train-images.npy", folder / "data.json", folder):
            os.utime(path, (time.time() - days * 86400,) * 2)
    (root / "timm-1-models-2.json").write_bytes(b"x" * 5_000)
    monkeypatch.setenv("ZOO_CACHE", str(root))
    return root


def left(cache: Path) -> set[str]:
    return {path.name for path in cache.glob("decoded/*") if path.is_dir()} | {
        path.name for path in cache.glob("*.json")
    }


DOTS, CATS, MODELS = f"dots-{'0' * 20}", f"folder-cats-{'1' * 20}-streamed", "timm-1-models-2.json"


def test_the_list_names_each_entry_with_size_use_and_place(run_zoo, cache):
    done = run_zoo("cache", "list")
    assert done.exit_code == 0
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if line}
    assert "1.5 MB" in rows[DOTS]
    assert str(cache / "decoded" / DOTS) in rows[DOTS]
    assert "40 days ago" in rows[CATS]
    assert "5 kB" in rows["models"]
    assert f"1.51 MB in {cache}" in done.stdout
    described = json.loads(run_zoo("cache", "list", "--format", "json").stdout)
    assert [(each["name"], each["kind"], each["in_use"]) for each in described] == [
        (DOTS, "decoded", False), (CATS, "decoded", False), ("models", "models", False)
    ]  # fmt: skip
    assert described[0]["dataset"] == "dots"


def test_an_empty_cache_is_listed_as_such(run_zoo, tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "none"))
    assert run_zoo("cache", "list").stdout.startswith("0 bytes in ")
    assert run_zoo("cache", "clear", "--all", "--yes").exit_code == 0
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("words", "remaining"),
    [
        (["dots"], {CATS, MODELS}),
        ([DOTS], {CATS, MODELS}),
        (["folder-*"], {DOTS, MODELS}),
        (["decoded"], {MODELS}),
        (["models,dots"], {CATS}),
        (["--all"], set()),
        (["--older-than", "30"], {DOTS, MODELS}),
        (["decoded", "--older-than", "30"], {DOTS, MODELS}),
        (["--all", "--older-than", "50"], {DOTS, CATS, MODELS}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "left",
)  # fmt: skip
def test_named_entries_are_cleared(run_zoo, cache, words, remaining):
    done = run_zoo("cache", "clear", *words, "--yes")
    assert done.exit_code == 0, done.stderr
    assert left(cache) == remaining


def test_freed_space_is_reported(run_zoo, cache):
    assert run_zoo("cache", "clear", "dots", "--yes").stdout == "freed 1.5 MB: 1 entry cleared\n"


def test_nothing_is_removed_without_request_and_confirmation(run_zoo, cache):
    done = run_zoo("cache", "clear")
    assert (done.exit_code, "nothing to clear was given" in done.stderr) == (2, True)
    done = run_zoo("cache", "clear", "--all")
    assert done.exit_code == 2
    assert "this would clear 1.51 MB: confirm it with --yes" in done.stderr
    assert DOTS in done.stderr
    assert run_zoo("cache", "clear", "dots", "--all", "--yes").exit_code == 2
    assert left(cache) == {DOTS, CATS, MODELS}


def test_mistakes_are_one_sentence_each_with_near_names(run_zoo, cache):
    done = run_zoo("cache", "clear", "dost", "modles", "--yes")
    assert done.exit_code == 2
    assert "'dost'" in done.stderr
    assert "dots" in done.stderr
    assert "models" in done.stderr
    assert run_zoo("cache", "clear", "--older-than", "soon").exit_code == 2
    assert run_zoo("cache", "lst").exit_code == 2
    assert left(cache) == {DOTS, CATS, MODELS}


def test_entries_in_use_are_kept_and_change_the_exit_code(run_zoo, cache):
    with using([cache / "decoded" / DOTS]):
        assert "in use" in run_zoo("cache", "list").stdout
        done = run_zoo("cache", "clear", "--all", "--yes")
    assert done.exit_code == 1
    assert f"kept: {DOTS}: it is in use" in done.stderr
    assert left(cache) == {DOTS}


def test_a_limit_of_the_cache_must_be_a_size(run_zoo):
    done = run_zoo("bench", "--cache-limit", "much", "--dry-run")
    assert (done.exit_code, "--cache-limit much: expected a size" in done.stderr) == (2, True)


@pytest.mark.slow
def test_a_bench_beyond_the_limit_decodes_in_each_epoch_with_the_same_predictions(zoo_script, tmp_path):
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for label in "ab":
        for number in range(30):
            path = tmp_path / "photos" / label / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(path)
    what = ["--models", "linear", "--data", "folder:photos", "--recipes", "sgd_quick", "--epochs", "1", "--seeds", "1"]
    what += ["--measure-seconds", "0", "--set", "data.image_size=16"]
    predictions = []
    for limit in ("1GB", "1kB"):
        done = subprocess.run(
            [zoo_script, "bench", *what, "--cache-limit", limit, "--out", limit],
            cwd=tmp_path,
            env={**os.environ, "ZOO_CACHE": str(tmp_path / f"cache-{limit}"), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr
        assert ("decoded again in each epoch" in done.stderr) == (limit == "1kB")
        predictions += [path.read_bytes() for path in (tmp_path / limit).rglob("predictions.safetensors")]
    assert len(predictions) == 2
    assert predictions[0] == predictions[1]
