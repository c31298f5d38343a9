"""Runtimes: what a record of one holds, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from zoo import Catalog, Runtime


def run(path: Any, request: Any) -> Any:
    return request.network


def test_a_runtime_runs_on_the_cpu_and_converts_nothing_unless_it_says_so() -> None:
    runtime = Runtime(name="own", load=run)
    assert (runtime.where, runtime.convert, runtime.compiles, runtime.libraries) == ("cpu", None, False, ("torch",))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "Own"}, "runtime name"),
        ({"load": 3}, "load and convert must be callable"),
        ({"convert": "x"}, "load and convert must be callable"),
        ({"where": "gpu"}, "where must be 'trial' or 'cpu', not 'gpu'"),
        ({"namespace": "a/b"}, "namespace"),
    ],
)
def test_what_is_wrong_is_a_sentence(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Runtime(**{"name": "own", "load": run, **fields})


def test_the_built_ins_come_through_the_same_door(catalog: Catalog) -> None:
    names = {"eager", "compile", "aotinductor", "torchscript", "onnx", "int8", "openvino", "openvino_int8"}
    assert names | {"executorch", "litert"} == {entry.display_name for entry in catalog.runtimes}
