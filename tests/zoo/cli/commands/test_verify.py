"""``zoo verify``: a sample of trials is run again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from zoo import Catalog


@pytest.mark.slow
def test_trials_are_run_again_and_found_the_same(zoo_script: Path, tmp_path: Path, catalog: Catalog) -> None:
    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [zoo_script, "--no-plugins", *args], cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=250
        )

    line = "bench --models linear --data digits --seeds 2 --epochs 1 --measure-seconds 0 --device cpu --out runs -q"
    made = run(*line.split())
    assert made.returncode == 0, made.stderr
    done = run("verify", "runs", "--sample", "1")
    assert done.returncode == 0, done.stderr
    assert "1 of 1 repeated trials reproduced" in done.stdout
    statuses = json.loads((tmp_path / "runs" / "verification.json").read_text())["trials"]
    assert sorted(each["status"] for each in statuses.values()) == ["recomputed", "reproduced"]
    assert run("report", "runs", "-o", "site", "--model-card", "linear").returncode == 0
    (page,) = (tmp_path / "site" / "rows").glob("*.html")
    assert "badge reproduced" in page.read_text(encoding="utf-8")
    assert '<img src="../images/' in page.read_text(encoding="utf-8"), "digits are in the cache, so they are shown"
    assert "model-index" in (tmp_path / "site" / "MODEL_CARD.md").read_text(encoding="utf-8")
