"""The bench of runtimes: reuse, failures, limits, and trials in use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.bench.follow_up import FollowUpSummary
from harness.bench.settings import RunLimits
from harness.records.record import Outcome
from harness.records.runtime_result import read_result, result_name, write_result
from harness.records.store import Store, read_record, write_record
from harness.runtimes.bench import _keys, run_runtimes
from zoo import Catalog
from zoo.loading import Sources

Run = Callable[..., FollowUpSummary]


@pytest.fixture
def bench(folder: Path, catalog: Catalog) -> Run:
    """Run runtimes as the bench does, and keep what is said."""

    def run(*runtimes: str, said: list[str] | None = None, **options: object) -> FollowUpSummary:
        return run_runtimes(
            [read_record(folder / "record.json")],
            [catalog.runtimes.get(name) for name in runtimes],
            store=Store(folder.parent),
            sources=Sources(entry_points=False),
            tell=(said if said is not None else []).append,
            preload=("torch",),
            limits=RunLimits(**options),  # type: ignore[arg-type]
        )

    return run


def test_the_trials_own_runtime_is_the_trial_itself(bench: Run, folder: Path) -> None:
    summary = bench("eager")
    assert (summary.done, summary.reused, summary.failures) == (0, 0, ())
    assert not list(folder.glob("runtime-*"))


def test_the_trials_own_runtime_is_compile_where_it_was_compiled(bench: Run, folder: Path) -> None:
    record = read_record(folder / "record.json")
    assert record.tuning is not None
    write_record(folder, record.model_copy(update={"tuning": record.tuning.model_copy(update={"compile": True})}))
    said: list[str] = []
    summary = bench("compile", "eager", said=said)
    assert (summary.done, summary.failures) == (1, ())
    assert said == [f"1 of 1: {record.spec.title} under eager"]
    assert bench("compile", "eager").reused == 1


def test_results_are_reused_unless_damaged_or_from_other_tools(
    bench: Run, folder: Path, catalog: Catalog, add_runtime: Callable[..., Path]
) -> None:
    key = _keys(read_record(folder / "record.json"), catalog.runtimes.get("onnx"))["runtime_key"]
    path = add_runtime(folder, runtime_key=key)
    summary = bench("onnx", deadline=0.0)
    assert (summary.reused, summary.not_started, summary.notes) == (1, 0, ())
    (folder / "predictions-onnx.safetensors").unlink()
    assert "its predictions are missing" in bench("onnx", deadline=0.0).notes[0]
    add_runtime(folder, runtime_key="6" * 64)
    assert bench("onnx", deadline=0.0).not_started == 1
    add_runtime(folder, runtime_key=key)
    path.write_bytes(path.read_bytes().replace(b"2.5", b"3.5"))
    summary = bench("onnx", deadline=0.0)
    assert summary.not_started == 1
    assert "damaged" in summary.notes[0]


@pytest.mark.slow
def test_results_that_are_damaged_or_from_other_tools_are_made_again(bench: Run, folder: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    assert bench("onnx").done == 1
    assert (bench("onnx").done, bench("onnx").reused) == (0, 1)
    path = folder / result_name("onnx")
    result = read_result(path)
    write_result(folder, result.model_copy(update={"runtime_key": "6" * 64}))
    assert bench("onnx").done == 1
    path.write_text(path.read_text().replace('"runtime": "onnx"', '"runtime": "int8"'))
    again = bench("onnx")
    assert again.done == 1
    assert "damaged" in again.notes[0]
    assert read_result(path).outcome is Outcome.DONE


def test_a_failure_affects_only_its_runtime_and_is_retried_on_request(
    bench: Run, folder: Path, add_runtime: Callable[..., Path]
) -> None:
    (folder / "checkpoint.safetensors").write_bytes(b"damaged")
    summary = bench("onnx")
    (sentence,) = summary.failures
    assert "under onnx failed (error): StoreError during load: " in sentence
    assert "its checksum differs" in sentence
    assert read_record(folder / "record.json").outcome is Outcome.DONE
    assert (bench("onnx").reused, len(bench("onnx").failures)) == (1, 1)
    assert bench("onnx", retry=True).reused == 0


def test_a_process_that_dies_is_a_failure(bench: Run, folder: Path) -> None:
    (sentence,) = bench("compile", timeout=0.01).failures
    assert "failed (timeout): it took longer than 0.01 s" in sentence
    assert read_result(folder / result_name("compile")).outcome is Outcome.FAILED


def test_nothing_starts_after_the_deadline(bench: Run, folder: Path) -> None:
    assert bench("onnx", "int8", deadline=0.0).not_started == 2
    assert not list(folder.glob("runtime-*"))


def test_a_trial_that_is_in_use_is_left_alone(bench: Run, folder: Path) -> None:
    from filelock import FileLock

    with FileLock(folder / ".lock"):
        summary = bench("onnx")
    assert (summary.done, summary.failures) == (0, ())
    assert "another process is using that trial" in summary.notes[0]
