"""Adding from Python: the same rows as the command, as a ranking."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.errors import ManyErrors, UsageError


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({str(number): number % 3 for number in range(60)}), encoding="utf-8")
    return path


def test_files_become_rows_of_a_ranking(tmp_path: Path, labels: Path) -> None:
    good, bad = tmp_path / "good.npz", tmp_path / "bad.json"
    ids = np.arange(60)
    np.savez(good, id=ids, logits=np.eye(3)[ids % 3] * 4)
    bad.write_text(json.dumps({str(number): 0 for number in range(60)}), encoding="utf-8")
    result = zoo.add([good, bad], labels=labels, data="toys", classes=["x", "y", "z"], out=tmp_path / "runs")
    assert result.table["model"].tolist() == ["good", "bad"]
    assert result.table["accuracy"].tolist() == pytest.approx([1, 1 / 3])
    assert result.table["origin"].tolist() == ["predictions only"] * 2
    assert [row.record.trial_id for row in result.added] == [
        record.trial_id for _, record in sorted(result.trials, key=lambda trial: trial[1].spec.title, reverse=True)
    ]
    assert (tmp_path / "runs" / "leaderboard.csv").is_file()
    assert result.added[0].record.data is not None
    assert result.added[0].record.data.classes == ("x", "y", "z")
    with pytest.raises(zoo.errors.StoreError, match="no row with a network has a result yet"):
        _ = result.best


def test_all_mistakes_come_together(labels: Path) -> None:
    with pytest.raises(ManyErrors) as raised:
        zoo.add(["a.csv", "b.csv"], name="x", classes=["a", "b"])
    assert len(raised.value.errors) == 3
    with pytest.raises(UsageError, match="at least one file"):
        zoo.add([], labels=labels)


def test_torch_is_not_imported(tmp_path: Path, labels: Path) -> None:
    given = tmp_path / "net.json"
    given.write_bytes(labels.read_bytes())
    code = f"""
import sys, zoo
zoo.add({str(given)!r}, labels={str(labels)!r}, out={str(tmp_path / "runs")!r})
assert "torch" not in sys.modules and "timm" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
