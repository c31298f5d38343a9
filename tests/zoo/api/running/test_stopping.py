"""Within a budget, rows that are separated from the best one get no more seeds."""

from __future__ import annotations


def test_rows_out_of_reach_get_no_more_seeds(run_zoo, tmp_path):
    done = run_zoo(
        "bench", "--models", "linear,lenet5", "--data", "digits", "--recipes", "ncm", "--seeds", "3", "--budget", "10m",
        "--device", "cpu", "--set", "recipe.pretrained=false", "--measure-seconds", "0",
        "--out", str(tmp_path / "runs"),
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    trials = sorted(path.name.rpartition("--")[0] for path in (tmp_path / "runs").glob("*--*"))
    assert trials == ["lenet5--digits--ncm--s0", *(f"linear--digits--ncm--s{seed}" for seed in range(3))]
    table = run_zoo("rank", str(tmp_path / "runs")).stdout  # as the records themselves tell
    assert "missing" not in done.stdout + table
    assert "in up to 3 looks; each tests at 0.0167" in done.stdout
    assert "in up to 3 looks; each tests at 0.0167" in table
    assert "1 row cannot reach the best one and gets no more seeds" in done.stderr
