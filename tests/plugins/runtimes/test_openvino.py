"""The runtimes of this module conform."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from zoo import Catalog
from zoo.errors import UsageError


@pytest.mark.parametrize("name", ["openvino", "openvino_int8"])
def test_a_runtime_conforms(name: str, hold: Any) -> None:
    pytest.importorskip("openvino", reason="the extra is not installed")
    pytest.importorskip("nncf", reason="the extra is not installed")
    passed = hold("runtimes", name)
    assert {"gives_the_logits", "takes_any_batch", "answers_repeatedly", "converts_again"} <= set(passed)


def test_without_openvino_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, catalog: Catalog) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(UsageError, match=r"pip install 'zoobench\[openvino\]'"):
        catalog.runtimes.get("openvino").record.convert(None)
