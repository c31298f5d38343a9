"""Runtimes: the same weights are evaluated under each, in a process of their own, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.records.predictions import load_predictions
from harness.records.record import FailureKind, Outcome
from harness.records.runtime_result import RuntimeResult, predictions_name, read_result, result_name
from harness.records.store import read_record
from harness.runtimes.job import run_runtime
from harness.system.atomic_files import sha256_of
from zoo import Catalog
from zoo.files.cache import decoded_root
from zoo.loading import Sources

KEYS = {"runtime_key": "5" * 64, "weights_sha256": "", "tools": {"torch": "0"}}


@pytest.fixture
def evaluate(folder: Path) -> Callable[[str], RuntimeResult]:
    """Run a runtime in this process."""

    def run(runtime: str) -> RuntimeResult:
        from dataclasses import asdict

        cache = str(decoded_root())
        sources = asdict(Sources(entry_points=False))
        run_runtime(str(folder), runtime, cache=cache, sources=sources, result=KEYS)  # type: ignore[arg-type]
        return read_result(folder / result_name(runtime))

    return run


def accuracy_in(result: RuntimeResult) -> float:
    value = result.metrics["accuracy"].value
    assert isinstance(value, float)
    return value


def test_a_runtime_has_predictions_and_speeds_of_its_own_and_the_record_stays(
    folder: Path, evaluate: Callable[[str], RuntimeResult]
) -> None:
    before = {path.name: sha256_of(path) for path in folder.iterdir() if path.suffix in (".json", ".safetensors")}
    assert {"record.json", "predictions.safetensors", "checkpoint.safetensors"} <= set(before)
    result = evaluate("eager")
    assert result.outcome is Outcome.DONE
    assert {name: sha256_of(folder / name) for name in before} == before
    own, theirs = load_predictions(folder), load_predictions(folder, name=predictions_name("eager"))
    np.testing.assert_allclose(own.predictions.logits, theirs.predictions.logits, atol=1e-5)
    assert result.files == {"predictions-eager.safetensors": sha256_of(folder / "predictions-eager.safetensors")}
    assert result.top1_agreement == 1
    assert result.file_bytes == (folder / "checkpoint.safetensors").stat().st_size
    assert result.speed is not None
    assert result.speed.inference is not None
    assert result.speed.latency is not None
    assert result.speed.inference.median > 0
    assert result.speed.latency.p50_ms <= result.speed.latency.p95_ms


def test_speeds_of_runtimes_of_one_machine_have_conditions_in_common_and_keys_of_their_own(
    folder: Path, evaluate: Callable[[str], RuntimeResult]
) -> None:
    result = evaluate("eager")
    assert result.conditions_key == read_record(folder / "record.json").measurement_key
    other = result.model_copy(update={"runtime": "onnx"})
    newer = result.model_copy(update={"tools": {"torch": "1"}})
    elsewhere = result.model_copy(update={"conditions": {**result.conditions, "device": "another"}})
    assert other.conditions_key == newer.conditions_key == result.conditions_key != elsewhere.conditions_key
    assert len({each.measurement_key for each in (result, other, newer, elsewhere)}) == 4


@pytest.mark.parametrize("runtime", ["onnx", "int8"])
def test_onnxruntime_gives_the_trials_outputs(runtime: str, evaluate: Callable[[str], RuntimeResult]) -> None:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    result = evaluate(runtime)
    assert (result.outcome, result.failure) == (Outcome.DONE, None)
    assert result.max_difference is not None
    assert result.top1_agreement is not None
    assert result.file_bytes is not None
    if runtime == "onnx":
        assert result.max_difference < 1e-4
        assert result.quantization is None
    else:
        assert result.max_difference > 1e-4  # else nothing was rounded
        assert result.top1_agreement > 0.8
        assert result.quantization is not None
        assert result.quantization["calibration_images"] > 0


@pytest.mark.slow
def test_a_compiled_network_gives_the_trials_outputs(evaluate: Callable[[str], RuntimeResult]) -> None:
    result = evaluate("compile")
    assert (result.outcome, result.failure) == (Outcome.DONE, None)
    assert result.top1_agreement == 1
    assert result.conversion_seconds is not None
    assert result.conversion_seconds > 0


def test_a_recipes_own_way_of_predicting_is_used_under_a_runtime(
    train_trial: Callable[..., Path], catalog: Catalog, tmp_path: Path
) -> None:
    from harness.classifiers.trained import load_trained
    from harness.runtimes.converting import convert

    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    import torch

    asked = {"models": ["speedrun_cnn"], "recipes": ["speedrun"], "set": {"data.image_size": 32}}
    classifier = load_trained(train_trial(catalog, **asked), catalog)
    assert classifier.predict is not None
    images_BCHW = torch.rand(3, 3, 32, 32)
    with torch.inference_mode():
        expected_BK = classifier.predict(classifier.model, images_BCHW)
        # Ranges of activations are not asked for.
        onnx = catalog.runtimes.get("onnx")
        converted = convert(classifier, onnx, device=torch.device("cpu"), threads=1, calibration=pytest.fail)
        found_BK = classifier.predict(converted.module, images_BCHW)
    torch.testing.assert_close(found_BK, expected_BK, atol=1e-3, rtol=1e-3)


def test_a_missing_installation_gives_a_failure_with_the_reason(
    evaluate: Callable[[str], RuntimeResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name.startswith("onnx") else find(name, *a)
    )
    result = evaluate("onnx")
    assert result.outcome is Outcome.FAILED
    assert result.failure is not None
    assert result.failure.message.startswith("ONNX needs onnx, onnxscript, onnxruntime: pip install 'zoobench[onnx]'")
    assert result.files == {}


def test_images_that_are_not_in_the_cache_are_a_failure_that_says_so(
    folder: Path, tmp_path: Path, evaluate: Callable[[str], RuntimeResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "empty"))
    result = evaluate("eager")
    assert result.failure is not None
    assert result.failure.kind is FailureKind.DATA
    assert "no longer in the cache" in result.failure.message
