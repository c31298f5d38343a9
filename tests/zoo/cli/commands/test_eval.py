"""``zoo eval``, as a user calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CIFAR10 = "airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck"
RENAMES = [
    word
    for old, new in (("layer1", "stages.0"), ("layer2", "stages.1"), ("layer3", "stages.2"), ("linear", "fc"))
    for word in ("--rename", rf"\b{old}\b={new}")
]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["file:gone.safetensors", "--data", "digits"], "there is nothing at gone.safetensors"),
        (["resnte18", "--data", "digits"], "did you mean"),
        (["timm/resnet18.a1_in1", "--data", "digits"], "a1_in1k"),
        (["lenet5", "--data", "digits"], "there are none"),
        (["r20.safetensors", "--data", "digits"], "file:r20.safetensors"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_no_record(
    words: list[str], said: str, run_zoo: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run_zoo("eval", *words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "runs").glob("*"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "model", "correct"),
    [
        ("resnet20-12fca82f.th", "resnet20_cifar", 9173),
        ("resnet56-4bfd9763.th", "resnet56_cifar", 9339),
    ],
)
def test_imported_weights_have_their_published_accuracy_to_the_image(
    file: str,
    model: str,
    correct: int,
    run_zoo: Callable[..., Any],
    data_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    weights = data_root / "weights" / file
    if not weights.is_file():
        pytest.skip(f"no published weights here: {weights}")
    imported = run_zoo(
        "import", str(weights), "--model", model, "--classes", CIFAR10, "--image-size", "32", "-o", "r.safetensors",
        "--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225", *RENAMES,
    )  # fmt: skip
    assert imported.exit_code == 0, imported.stderr
    done = run_zoo(
        "eval", "file:r.safetensors", "--data", "cifar10", "--device", "cpu", "--measure-seconds", "0", "--format",
        "json", "--data-root", str(data_root),
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    (row,) = json.loads(done.stdout)["tables"][0]["rows"]
    assert round(10_000 * row["cells"]["accuracy"], 6) == correct
    assert row["cells"]["origin"] == "evaluated"


RUNTIMES = {
    "torchscript": (),
    "aotinductor": (),
    "onnx": ("onnxruntime", "onnxscript"),
    "int8": ("onnxruntime", "onnxscript"),
    "openvino": ("openvino",),
    "openvino_int8": ("openvino", "nncf"),
    "executorch": ("executorch",),
    "litert": ("litert_torch",),
}
"""Runtimes with the modules that they need."""


@pytest.mark.slow
@pytest.mark.timeout(900)  # eight conversions, each in a process of its own
def test_runtimes_agree_on_real_weights_and_images(
    run_zoo: Callable[..., Any], data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two converters that passed on noise got real images wrong: all but the first of a batch, or batches beyond it."""
    from importlib.util import find_spec

    from harness.records.runtime_result import read_result

    monkeypatch.chdir(tmp_path)
    weights = data_root / "weights" / "resnet20-12fca82f.th"
    if not weights.is_file():
        pytest.skip(f"no published weights here: {weights}")
    names = [name for name, modules in RUNTIMES.items() if all(find_spec(module) for module in modules)]
    imported = run_zoo(
        "import", str(weights), "--model", "resnet20_cifar", "--classes", CIFAR10, "--image-size", "32",
        "-o", "r.safetensors", "--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225", *RENAMES,
    )  # fmt: skip
    assert imported.exit_code == 0, imported.stderr
    done = run_zoo(
        "eval", "file:r.safetensors", "--data", "cifar10", "--limit-test", "2000", "--device", "cpu",
        "--measure-seconds", "0", "--runtimes", ",".join(["eager", *names]), "--threads", "1",
        "--data-root", str(data_root),
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    found = {result.runtime: result for result in map(read_result, tmp_path.glob("runs/*/runtime-*.json"))}
    assert set(found) == set(names)
    for name, result in found.items():
        print(name, result.max_difference, result.top1_agreement, result.metrics["accuracy"].value, result.file_bytes)
        assert result.max_difference is not None
        assert result.top1_agreement is not None
        if "int8" in name:
            assert result.top1_agreement > 0.95
            assert result.metrics["accuracy"].value > 0.9
        else:
            assert result.max_difference < 1e-3
            assert result.top1_agreement > 0.9995
