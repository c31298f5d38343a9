"""``zoo add``: files of predictions are ranked to the image, with the ties that scipy finds."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy.stats import binomtest

from zoo.cli.group import zoo


def run(*words: object) -> Result:
    """Run zoo in this process."""
    return CliRunner().invoke(zoo, [str(word) for word in words])


def write(path: Path, ids: Sequence[object], values: Sequence[object], column: str = "prediction") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", column), *zip(ids, values, strict=True)])
    return path


def ranked(runs: Path) -> tuple[dict[str, dict[str, Any]], dict[tuple[str, str], dict[str, Any]]]:
    """Return the cells of each row, and the comparison of each pair, as zoo ranks them."""
    done = run("rank", runs, "--explain", "--format", "json", "--no-plugins")
    assert done.exit_code == 0, done.output
    board = json.loads(done.stdout)
    (table,) = board["tables"]
    rows = {row["cells"]["model"]: row["cells"] for row in table["rows"]}
    (explained,) = board["explanations"]
    names = [row["label"] for row in explained["rows"]]
    pairs = {(names[each["first"]], names[each["second"]]): each for each in explained["pairs"]}
    return rows, pairs


def holm(p_values: Mapping[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    """Adjust p-values by Holm's method, step by step."""
    adjusted, largest = {}, 0.0
    for place, pair in enumerate(sorted(p_values, key=lambda pair: p_values[pair])):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[pair]))
        adjusted[pair] = largest
    return adjusted


def expected(right: Mapping[str, Any]) -> tuple[dict[tuple[str, str], float], dict[str, tuple[int, int]]]:
    """Return what McNemar's exact test by scipy, with Holm's method, says of each pair, and the ranks that follow."""
    p_values = {}
    for one, other in itertools.combinations(sorted(right, key=lambda name: -right[name].mean()), 2):
        only_one = int((right[one] & ~right[other]).sum())
        only_other = int((~right[one] & right[other]).sum())
        discordant = only_one + only_other
        p_values[one, other] = binomtest(only_one, discordant, 0.5).pvalue if discordant else 1.0
    adjusted = holm(p_values)
    above = {pair for pair, p in adjusted.items() if p < 0.05}
    for _ in right:  # what follows from two of them
        above |= {(a, c) for a, b in above for b_, c in above if b == b_}
    ranks = {
        name: (1 + sum(low == name for _, low in above), len(right) - sum(high == name for high, _ in above))
        for name in right
    }
    return adjusted, ranks


def assert_ranked_as_scipy_says(runs: Path, right: Mapping[str, Any]) -> None:
    rows, pairs = ranked(runs)
    adjusted, ranks = expected(right)
    assert {name: row["accuracy"] for name, row in rows.items()} == {name: each.mean() for name, each in right.items()}
    assert list(rows) == sorted(right, key=lambda name: -right[name].mean())
    assert {name: (row["rank_low"], row["rank_high"]) for name, row in rows.items()} == ranks
    assert len(pairs) == len(adjusted)
    for pair, p in adjusted.items():
        assert pairs[pair]["p"] == pytest.approx(p, rel=1e-9, abs=1e-300), pair
        assert pairs[pair]["is_separated"] == (p < 0.05), pair


@pytest.fixture
def board(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """Files of six networks for 600 images, some of them alike, and which images each has right."""
    random = np.random.default_rng(7)
    labels = random.integers(0, 10, 600)
    hardness = random.random(600)
    folder = tmp_path / "files"
    folder.mkdir()
    ids = [f"{number:04d}" for number in range(600)]
    write(folder / "labels.csv", ids, labels.tolist(), "label")
    right = {}
    for name, skill in (("a", 0.95), ("b", 0.93), ("c", 0.92), ("d", 0.85), ("e", 0.83), ("f", 0.5)):
        wrong = hardness + 0.1 * random.normal(size=600) > skill
        predicted = np.where(wrong, (labels + 1) % 10, labels)
        order = random.permutation(600)
        write(folder / f"{name}.csv", [ids[place] for place in order], predicted[order].tolist())
        right[name] = ~wrong
    return folder, right


def add(folder: Path, names: Sequence[str], runs: Path, *words: object) -> Result:
    files = [folder / f"{name}.csv" for name in names]
    return run("add", *files, "--labels", folder / "labels.csv", "-o", runs, "--no-plugins", *words)


def test_files_are_ranked_as_scipy_says(tmp_path: Path, board: tuple[Path, dict[str, Any]]) -> None:
    folder, right = board
    done = add(folder, list(right), tmp_path / "runs")
    assert done.exit_code == 0, done.output
    assert f"f: accuracy {100 * right['f'].mean():.2f} %, 600 test images by id, classes only" in done.output
    assert_ranked_as_scipy_says(tmp_path / "runs", right)
    widths = {high - low for low, high in expected(right)[1].values()}
    assert min(widths) == 0, "some row stands alone"
    assert max(widths) > 0, "some rows are tied"


def test_the_ten_files_of_a_published_board_are_ranked_as_scipy_says(tmp_path: Path, data_root: Path) -> None:
    folder = data_root / "predictions"
    if not (folder / "labels.csv").is_file():
        pytest.skip("no predictions here: ZOO_DATA/predictions holds labels.csv and files of id,prediction")
    read = {
        path.stem: np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.int64) for path in sorted(folder.glob("*.csv"))
    }
    labels = read.pop("labels")
    right = {}
    for name, rows in read.items():
        assert rows[:, 0].tolist() == labels[:, 0].tolist()
        right[name] = rows[:, 1] == labels[:, 1]
    done = add(folder, list(right), tmp_path / "runs", "--data", "cifar10")
    assert done.exit_code == 0, done.output
    assert_ranked_as_scipy_says(tmp_path / "runs", right)
    published = {
        "shake_shake_26_2x96d_SSI": 9707, "wrn_28_10": 9593, "densenet_BC_100_12": 9554, "nas": 9543,
        "resnet_basic_110": 9346, "vgg_15_BN_64": 9299, "resnet_basic_32": 9252, "cudaconvnet": 8854,
        "random_features_32k_aug": 8497, "alexnet_tf_ben": 8198,
    }  # fmt: skip
    counts = {name: int(each.sum()) for name, each in right.items()}
    assert {name: counts[name] for name in published if name in counts} == published


def test_rows_without_scores_say_so_and_have_no_columns_of_networks(
    tmp_path: Path, board: tuple[Path, dict[str, Any]]
) -> None:
    folder, _ = board
    add(folder, ["a", "b"], tmp_path / "runs")
    shown = run("rank", tmp_path / "runs", "--no-plugins").output
    assert shown.count("predictions only") == 3, "each row, and the note"
    assert "params" not in shown
    assert "img/s" not in shown
    assert "predictions only: predictions made elsewhere, scored here" in shown


def test_every_command_that_reads_results_copes_with_such_rows(
    tmp_path: Path, board: tuple[Path, dict[str, Any]]
) -> None:
    folder, _ = board
    runs = tmp_path / "runs"
    add(folder, ["a", "b", "c"], runs)
    one, other, _ = sorted(path.parent for path in runs.glob("*/record.json"))
    for words in (
        ("verify", runs, "--require-seeds", 3),
        ("verify", runs, "--sample", 2),
        ("rescore", runs),
        ("merge", runs, "-o", tmp_path / "merged"),
        ("diff", runs, tmp_path / "merged"),
        ("submit", runs, "-o", tmp_path / "submitted"),
        ("report", runs, "-o", tmp_path / "site", "--model-card", "a"),
        ("why", one, other),
    ):
        done = run(*words, "--no-plugins") if words[0] in ("verify", "rescore", "submit", "why") else run(*words)
        assert done.exit_code == 0, (words, done.output)
    assert "3 of 3 finished trials recomputed" in run("verify", runs, "--no-plugins").output
    for words in (
        ("why", one),
        ("examples", one),
        ("predict", one, "x.png"),
        ("export", one, "-o", tmp_path / "x.onnx"),
    ):
        done = run(*words)
        assert done.exit_code == 2, (words, done.output)
        assert "bug in zoo" not in done.output
    (page,) = (tmp_path / "site" / "rows").glob("a--*.html")
    text = page.read_text(encoding="utf-8")
    assert 'data-block="confusion"' in text
    assert 'data-block="reliability"' not in text
    assert "confidence" not in text.partition("<h2>Predictions</h2>")[2].partition("<h2>Scores by class</h2>")[0]
    assert "tested epoch" not in text
    assert "NLL" not in text.partition("<h2>Predictions</h2>")[0]
    assert "zoo add a.csv --labels LABELS --data labels" in text
    assert "Predictions of an image classifier" in (tmp_path / "site" / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_the_file_of_labels_is_no_row_of_its_own(tmp_path: Path, board: tuple[Path, dict[str, Any]]) -> None:
    folder, right = board
    done = add(folder, ["labels", "a"], tmp_path / "runs")
    assert done.exit_code == 0, done.output
    assert "labels.csv is the file of labels" in done.output
    assert {name: row["accuracy"] for name, row in ranked(tmp_path / "runs")[0].items()} == {"a": right["a"].mean()}
    done = add(folder, ["labels"], tmp_path / "other")
    assert done.exit_code == 2
    assert "expected at least one file of predictions, beside the file of labels" in done.output


def test_adding_a_file_again_changes_nothing(tmp_path: Path, board: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = board
    add(folder, ["a"], tmp_path / "runs")
    done = add(folder, ["a"], tmp_path / "runs")
    assert done.exit_code == 0
    assert "already there" in done.output
    assert len(list((tmp_path / "runs").glob("*/record.json"))) == 1


def test_predictions_of_a_dataset_at_hand_join_its_table(tmp_path: Path) -> None:
    from harness.data.settings import DataSettings
    from harness.given.test_images import from_dataset
    from harness.records.spec import DatasetSpec, ProviderSpec
    from zoo import build_catalog
    from zoo.loading import Sources

    dataset = build_catalog(Sources(entry_points=False)).datasets.get("digits").record
    spec = DatasetSpec(full_name="zoo/digits", display_name="digits", provider=ProviderSpec(plugin="zoo"))
    images = from_dataset(dataset, spec, DataSettings(), report=lambda message, share: None)
    labels = images.labels_N.copy()
    labels[:30] = (labels[:30] + 1) % 10
    path = write(tmp_path / "theirs.csv", list(images.ids), labels.tolist())
    done = run("add", path, "--data", "digits", "-o", tmp_path / "runs", "--no-plugins")
    assert done.exit_code == 0, done.output
    rows, _ = ranked(tmp_path / "runs")
    assert rows["theirs"]["accuracy"] == pytest.approx(1 - 30 / len(labels), abs=1e-12)
    board = json.loads(run("rank", tmp_path / "runs", "--format", "json").stdout)
    assert board["tables"][0]["fingerprint"] == images.info.fingerprint


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("p.csv",), "expected --data NAME (data=), whose test images the predictions are for, or --labels FILE"),
        (("p.csv", "--labels", "labels.csv", "--classes", "cat"), "--classes cat: expected a file, a number"),
        (("p.csv", "--data", "digitz"), "no dataset is called 'digitz'; did you mean 'digits'?"),
        (("p.csv", "--data", "digits", "--classes", "10"), "--classes goes with --labels"),
        (("p.csv", "q.csv", "--labels", "labels.csv", "--name", "x"), "--name x is for a single file"),
        (("none.csv", "--labels", "labels.csv"), "none.csv cannot be read: No such file or directory"),
        (("p.csv", "--labels", "none.csv"), "none.csv cannot be read: No such file or directory"),
        (("p.csv", "--labels", "labels.csv", "--limit-test", "x"), "limit_test"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("p", "q"):
        write(tmp_path / f"{name}.csv", ["a", "b"], [0, 1])
    write(tmp_path / "labels.csv", ["a", "b"], [0, 1], "label")
    done = run("add", *words, "--no-plugins")
    assert done.exit_code == 2, done.output
    assert sentence in done.output
    assert done.output.count("\n") == 1
    assert not (tmp_path / "runs").exists()
