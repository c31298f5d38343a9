"""The runtimes of this module conform."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize("name", ["onnx", "int8"])
def test_a_runtime_conforms(name: str, hold: Any) -> None:
    pytest.importorskip("onnxruntime", reason="the extra is not installed")
    passed = hold("runtimes", name)
    assert {"gives_the_logits", "takes_any_batch", "answers_repeatedly", "converts_again"} <= set(passed)
