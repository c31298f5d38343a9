"""Ensembling from Python: the same rows as the command, as a ranking."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from zoo.errors import ManyErrors, UsageError


def test_seeds_of_a_stored_bench_are_averaged(root: Path, tmp_path: Path) -> None:
    store = root / "tests" / "fixtures" / "store-v1"
    result = zoo.ensemble(store, over="seeds", out=tmp_path / "e")
    assert result.table["origin"].tolist() == ["ensemble"]
    ((record, is_new),) = result.made
    assert is_new
    assert record.origin is not None
    members = [other for _, other in zoo.rank(store).trials if other.trial_id in record.origin.files]
    assert len(members) == 2
    mean = sum(member.metrics["nll"].value for member in members) / len(members)
    assert record.metrics["nll"].value <= mean
    assert (tmp_path / "e" / "leaderboard.csv").is_file()
    assert "1 ensembles" in repr(result)


def test_records_of_earlier_versions_cannot_be_chosen_greedily(root: Path, tmp_path: Path) -> None:
    store = root / "tests" / "fixtures" / "store-v1"
    with pytest.raises(zoo.errors.StoreError, match="without validation predictions"):
        zoo.ensemble(store, over="seeds", select="greedy", out=tmp_path / "e")
    assert not (tmp_path / "e").exists()


def test_all_mistakes_come_together(root: Path) -> None:
    with pytest.raises(ManyErrors) as raised:
        zoo.ensemble(root, over="nets", select="best", rounds=0, on="x")  # type: ignore[arg-type]
    assert len(raised.value.errors) == 4


def test_a_single_row_is_no_ensemble_of_models(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to average over models; linear, sgd_quick is the only row"):
        zoo.ensemble(root / "tests" / "fixtures" / "store-v1", over="models", out=tmp_path / "e")


def test_torch_is_not_imported(root: Path, tmp_path: Path) -> None:
    code = f"""
import sys, zoo
zoo.ensemble({str(root / "tests" / "fixtures" / "store-v1")!r}, over="seeds", out={str(tmp_path / "e")!r})
assert "torch" not in sys.modules and "timm" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
