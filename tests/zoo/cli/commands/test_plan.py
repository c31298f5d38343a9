from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]
BASE = ("--models", "tiny_net", "--data", "dots", "--recipes", "quick")


def _trials(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    trials: list[dict[str, Any]] = json.loads(result.stdout)["trials"]
    return trials


def test_the_plan_is_every_combination(run_shelf: Run) -> None:
    result = run_shelf(
        "plan", "--models", "tiny_net*", "--data", "dots", "--recipes", "quick,shelf/double", "--seeds", "2"
    )
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-2] == "12 trials of 6 combinations, 30 epochs in all"
    row = result.stdout.splitlines()[1].split()
    assert row[:3] == ["tiny_net", "dots", "quick"]
    assert row[row.index("0–1") + 1] == "2"


def test_skipped_combinations_are_reported_with_their_reason(run_shelf: Run) -> None:
    result = run_shelf("plan", "--models", "big_net,tiny_net", "--data", "dots", "--recipes", "quick")
    assert "skipped: big_net · dots · quick: the network takes images of at least 64 px" in result.stdout
    assert result.stdout.splitlines()[-2].endswith("; 1 combination skipped")


def test_every_mistake_in_one_call_is_reported_together(run_shelf: Run) -> None:
    result = run_shelf(
        "bench", "--models", "tiny_nett", "--data", "dotts", "--recipes", "quick", "--set", "recipe.lrr=1",
        "--set", "nonsense", "--device", "gpu", "--epochs", "many", "--precision", "fp8", "--seeds", "0",
        "--timeout", "soon", "--listen", "eer", "--sort-by", "acuracy", "--columns", "rank,modle", "--format", "tabel",
    )  # fmt: skip
    assert result.exit_code == 2
    assert result.stdout == ""
    sentences = result.stderr.splitlines()
    for part in (
        "'tiny_nett'; did you mean 'tiny_net'", "'dotts'; did you mean 'dots'", "'lrr'; did you mean 'lr'",
        "--set nonsense", "gpu", "many", "fp8", "seeds", "--timeout soon", "'eer'; did you mean 'ear'",
        "acuracy", "modle", "tabel",
    ):  # fmt: skip
        assert sum(part in sentence for sentence in sentences) == 1, (part, result.stderr)
    assert len(sentences) == 13
    assert all(sentence.startswith("zoo: ") for sentence in sentences)


def test_a_suite_file_is_equivalent_and_options_override_it(run_shelf: Run, tmp_path: Path) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text(
        'models = ["tiny_net"]\ndata = ["dots"]\nrecipes = ["quick"]\nseeds = 2\nepochs = 7\n[set]\nrecipe.lr = 0.25\n'
    )
    form = ("--format", "json")
    first = _trials(run_shelf("plan", str(suite), *form))
    assert len(first) == 2
    assert first[0]["recipe"]["hyperparameters"]["lr"] == 0.25
    assert first[0]["recipe"]["hyperparameters"]["epochs"] == 7
    (second,) = _trials(run_shelf("plan", str(suite), "--seeds", "1", "--set", "recipe.epochs=9", *form))
    assert (second["recipe"]["hyperparameters"]["epochs"], second["recipe"]["hyperparameters"]["lr"]) == (9, 0.25)


def test_an_option_goes_before_the_suites_override_of_the_same(run_shelf: Run, tmp_path: Path) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text("[set]\nrecipe.epochs = 9\n")
    (trial,) = _trials(run_shelf("plan", str(suite), *BASE, "--seeds", "1", "--epochs", "4", "--format", "json"))
    assert trial["recipe"]["hyperparameters"]["epochs"] == 4


def test_a_suite_files_mistakes_are_reported_with_the_command_lines(run_shelf: Run, tmp_path: Path) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text("modles = ['tiny_net']\nseeds = 'three'\n")
    result = run_shelf("plan", str(suite), *BASE, "--threads", "0")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 3
    assert "'modles'; did you mean 'models'" in result.stderr


def test_an_empty_suite_name_does_not_run_the_default_bench(run_shelf: Run) -> None:
    result = run_shelf("bench", "", *BASE)
    assert result.exit_code == 2
    assert "the suite file" in result.stderr


@pytest.mark.parametrize("content", [None, "models = [", "\xff"])
def test_a_suite_file_that_cannot_be_read_is_one_sentence(run_shelf: Run, tmp_path: Path, content: str | None) -> None:
    suite = tmp_path / "suite.toml"
    if content is not None:
        suite.write_bytes(content.encode("latin-1"))
    result = run_shelf("plan", str(suite), *BASE)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "the suite file" in result.stderr


@pytest.mark.parametrize(
    ("words", "mode"),
    [(["--compile"], "on"), (["--compile=auto"], "auto"), (["--compile", "off"], "off"), ([], "off")],
)
def test_compile_needs_no_value(run_shelf: Run, words: list[str], mode: str) -> None:
    (trial,) = _trials(run_shelf("plan", *words, *BASE, "--seeds", "1", "--format", "json"))
    assert trial["execution"]["compile"] == mode


def test_compile_does_not_swallow_the_suite_file(run_shelf: Run, tmp_path: Path) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text("seeds = 1\n")
    (trial,) = _trials(run_shelf("plan", *BASE, "--format", "json", "--compile", str(suite)))
    assert trial["execution"]["compile"] == "on"


def test_options_reach_the_trials(run_shelf: Run) -> None:
    (trial,) = _trials(
        run_shelf(
            "plan", *BASE, "--seeds", "1", "--first-seed", "5", "--device", "cuda:1", "--precision", "bf16",
            "--threads", "2", "--no-small-images", "--measure-seconds", "0.5", "--limit-train", "100",
            "--limit-test", "50", "--batch-size", "16", "--set", "model.drop_rate=0.3", "--format", "json",
        )
    )  # fmt: skip
    assert trial["seed"] == 5
    assert trial["execution"].items() >= {
        "device": "cuda:1", "precision": "bf16", "compile": "off", "threads": 2, "small_images": "off",
        "measure_seconds": 0.5, "looks": 1,
    }.items()  # fmt: skip
    assert (trial["dataset"]["limit_train"], trial["dataset"]["limit_test"]) == (100, 50)
    assert trial["recipe"]["hyperparameters"]["batch_size"] == 16
    assert trial["architecture"]["options"] == {"drop_rate": 0.3}


def test_a_dry_run_is_a_plan_and_leaves_no_folder(run_shelf: Run, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    result = run_shelf("bench", *BASE, "--dry-run", "--out", str(out))
    assert result.stdout == run_shelf("plan", *BASE, "--out", str(out)).stdout
    assert not out.exists()


def test_a_plan_without_trials_cannot_be_run(run_shelf: Run) -> None:
    result = run_shelf("bench", "--models", "big_net", "--data", "dots", "--recipes", "quick")
    assert result.exit_code == 2
    assert "nothing to run: big_net · dots · quick: the network takes images" in result.stderr


def test_out_must_not_be_a_file(run_shelf: Run, tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    result = run_shelf("bench", *BASE, "--out", str(tmp_path / "runs"))
    assert result.exit_code == 2
    assert "expected a folder, and this is a file" in result.stderr


def test_what_a_bench_would_show_is_unknown_without_records_of_its_data(run_shelf: Run, tmp_path: Path) -> None:
    result = run_shelf("plan", *BASE, "--detect", "1", "--out", str(tmp_path / "runs"))
    assert result.exit_code == 0, result.stderr
    assert "detectable with 80 % probability: dots: unknown; the records have no two rows on it" in result.stdout
    asked = run_shelf("plan", *BASE, "--detect", "1", "--out", str(tmp_path / "runs"), "--format", "json")
    assert json.loads(asked.stdout)["detection"][0].startswith("dots: unknown")
    assert run_shelf("plan", *BASE, "--detect", "0").exit_code == 2


def test_a_search_is_announced_and_its_mistakes_are_told(run_zoo: Callable[..., Result], tmp_path: Path) -> None:
    what = ["--models", "linear", "--data", "digits", "--recipes", "sgd_quick", "--seeds", "2", "--out", str(tmp_path)]
    told = run_zoo("plan", *what, "--tune", "16", "--tune-budget", "30m", "--tune-repeats", "2", "--jobs", "1").stdout
    sentence = (
        "before that, a search of 16 trials or 30m for each of 1 row, 2 times: about 1 h 00 min on 1 slot; "
        "then 2 trials with the settings that were chosen"
    )
    assert sentence in " ".join(told.split())
    ranged = run_zoo("plan", *what, "--tune", "16", "--space", "recipe.lr=lr-find", "--format", "json")
    search = json.loads(ranged.stdout)["search"]
    assert (search["rows"], search["lr_steps"], search["seconds"], search["num_unknown"]) == (1, 200, None, 1)
    for command in (("bench", "--dry-run"), ("plan",)):
        wrong = run_zoo(*command, *what, "--tune", "16", "--space", "recipe.lrr=log(0.1,1)")
        assert wrong.exit_code == 2
        assert "did you mean 'recipe.lr'" in wrong.stderr


def test_a_plan_that_trains_nothing_counts_no_epochs(run_zoo: Run) -> None:
    what = ("--models", "timm/resnet18", "--data", "digits", "--recipes", "as_published")
    told = run_zoo("plan", *what).stdout
    assert "1 trial of 1 combination\n" in told


def test_a_range_test_of_the_learning_rate_follows_the_plan(run_zoo: Run) -> None:
    what = ("--models", "linear", "--data", "digits", "--recipes", "sgd_quick,ncm", "--set", "recipe.pretrained=false")
    done = run_zoo("plan", "--lr-find", *what, "--device", "cpu", "--no-plugins")
    assert done.exit_code == 0, done.stderr
    assert "raising the learning rate of linear · digits · sgd_quick" in done.stderr
    plan, ranges = done.stdout.split("linear · digits · sgd_quick\n")
    assert "6 trials of 2 combinations" in plan
    assert "suggested learning rate: 0.0" in ranges
    assert "--tune 16 --space 'recipe.lr=log(" in ranges
    assert "no suggestion: the recipe fits a head to the features" in ranges
    as_json = run_zoo("plan", "--lr-find", *what, "--device", "cpu", "--no-plugins", "--format", "json")
    found = json.loads(as_json.stdout)["lr_ranges"]
    assert [each["title"] for each in found] == ["linear · digits · sgd_quick", "linear · digits · ncm"]
    assert f"suggested learning rate: {found[0]['suggestion']:g}," in ranges  # the same numbers each time


def test_further_test_sets_are_shown(run_zoo):
    words = ("--models", "linear", "--data", "digits", "--recipes", "sgd_basic", "--test-also")
    result = run_zoo("plan", *words, "corrupt:fog,corrupt:pixelate")
    assert "further test sets, after training: corrupt:fog, corrupt:pixelate" in result.stdout
    data = json.loads(run_zoo("plan", *words, "corrupt:fog", "--format", "json").stdout)
    assert data["test_also"] == ["corrupt:fog"]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_plan_is_no_wider_than_the_terminal(run_shelf: Run, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    result = run_shelf("plan", "--seeds", "2")
    assert result.exit_code == 0, result.output
    heading, *lines = result.stdout.split("\n\n")[0].splitlines()
    assert heading.split()[:3] == ["model", "data", "recipe"]
    assert len(lines) > 1
    assert all(len(line) <= width for line in [heading, *lines])
    assert ("images" in heading) == (width > 40)
