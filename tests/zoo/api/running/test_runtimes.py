"""``zoo bench --runtimes``: what it takes, what it shows, and how it exits."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import Result

from harness.bench.follow_up import FollowUpSummary
from harness.planning.request import BenchRequest, load_suite
from harness.records.store import read_record
from zoo import Catalog
from zoo.api.running.runtimes import runtime_shortfalls, with_requested_runtimes

Run = Callable[..., Result]
WORDS = ("bench", "--models", "linear", "--limit-train", "60", "--limit-test", "40", "--epochs", "1", "--seeds", "1")


def summary_of(**fields: object) -> FollowUpSummary:
    known = {"done": 1, "reused": 0, "failures": (), "notes": (), "not_started": 0, "interrupted": False}
    return FollowUpSummary(**{**known, **fields})  # type: ignore[arg-type]


def test_an_unknown_runtime_is_reported_with_the_existing_ones(run_zoo: Run, tmp_path: Path) -> None:
    result = run_zoo("bench", "--runtimes", "eager,onx", "--out", str(tmp_path / "runs"), "--dry-run")
    assert result.exit_code == 2
    assert "no runtime is called 'onx'; did you mean 'onnx'?" in result.stderr


def test_runtimes_can_be_set_in_a_suite_file_and_change_no_trial(tmp_path: Path, run_zoo: Run) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text('models = ["linear"]\nruntimes = ["eager", "torchscript"]\n')
    request = BenchRequest.parse(load_suite(suite), origin="it")
    assert request.runtimes == ("eager", "torchscript")
    plans = [run_zoo("plan", *words, "--format", "json") for words in ([str(suite)], ["--models", "linear"])]
    assert [plan.exit_code for plan in plans] == [0, 0]
    trials = [json.loads(plan.stdout)["trials"] for plan in plans]
    assert trials[0] == trials[1]


def test_only_the_requested_runtimes_are_shown(
    train_trial: Callable[..., Path], catalog: Catalog, add_runtime: Callable[..., Path]
) -> None:
    folder = train_trial(catalog)
    for runtime in ("onnx", "int8"):
        add_runtime(folder, runtime)
    trials = [(folder, read_record(folder / "record.json"))]
    shown, _ = with_requested_runtimes(("eager", "int8"), trials)
    assert [record.trial_id.rpartition("@")[2] for _, record in shown][1:] == ["int8"]
    assert len(with_requested_runtimes(("eager",), trials)[0]) == 1


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"failures": ("net under onnx failed (error): no",)}, "1 runtime failed; --retry runs them again"),
        ({"not_started": 2}, "2 runtimes not started: the budget is spent"),
        ({"interrupted": True}, "interrupted; run the same command again to continue"),
    ],
)
def test_failed_and_missing_runtimes_are_told(fields: dict[str, object], sentence: str) -> None:
    assert sentence in runtime_shortfalls(summary_of(**fields))


def test_nothing_is_told_if_everything_is_present() -> None:
    assert runtime_shortfalls(summary_of()) == []
    assert runtime_shortfalls(None) == []


@pytest.mark.slow
def test_a_finished_bench_gets_its_runtimes_and_their_rows(run_zoo: Run, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    words = (*WORDS, "--out", str(tmp_path / "runs"), "--measure-seconds", "0.02")
    assert run_zoo(*words).exit_code == 0
    (record,) = (tmp_path / "runs").glob("*/record.json")
    before = record.read_bytes()
    more = (*words, "--runtimes", "eager,onnx,int8", "--format", "csv")
    result = run_zoo(*more)
    assert result.exit_code == 0, result.stderr
    assert sorted(row["runtime"] for row in csv.DictReader(result.stdout.splitlines())) == ["eager", "int8", "onnx"]
    assert record.read_bytes() == before
    files = {path.name: path.stat().st_mtime_ns for path in record.parent.glob("*-onnx.*")}
    assert files
    assert run_zoo(*more).stdout == result.stdout
    assert {path.name: path.stat().st_mtime_ns for path in record.parent.glob("*-onnx.*")} == files


def test_rows_of_onnx_files_are_told_and_not_passed_over_in_silence(
    train_trial: Callable[..., Path], catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.planning.plan import Plan
    from harness.records.origin import Origin, OriginKind
    from harness.records.spec import ClassifierSpec
    from zoo.api.running import runtimes

    record = read_record(train_trial(catalog) / "record.json")
    classifier = ClassifierSpec(kind="onnx", source="onnx:x.onnx", files={"x.onnx": "0" * 64}, num_classes=10)
    origin = Origin(kind=OriginKind.EVALUATED, source="onnx:x.onnx", files=classifier.files)
    spec = record.spec.model_copy(update={"classifier": classifier})
    evaluated = record.model_copy(update={"origin": origin, "spec": spec})
    summary = SimpleNamespace(records=[record, evaluated, evaluated], interrupted=False)
    passed: list[int] = []
    monkeypatch.setattr("harness.runtimes.bench.run_runtimes", lambda records, *_, **__: passed.append(len(records)))
    notes: list[str] = []
    runtimes.run_requested_runtimes(
        BenchRequest.parse({"runtimes": ["onnx"]}, origin="it"),
        summary,  # type: ignore[arg-type]
        catalog=catalog,
        store=None,  # type: ignore[arg-type]
        sources=None,  # type: ignore[arg-type]
        note=notes.append,
        plan=Plan(trials=()),
        limits=None,  # type: ignore[arg-type]
    )
    assert passed == [1]
    (note,) = notes
    assert note == "runtimes: 2 rows of ONNX files left out, since only onnxruntime runs these"
