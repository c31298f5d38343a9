"""The runtime of this module conforms."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from zoo import Catalog
from zoo.errors import UsageError


@pytest.mark.slow
def test_a_runtime_conforms(hold: Any) -> None:
    pytest.importorskip("executorch", reason="the extra is not installed")
    passed = hold("runtimes", "executorch")
    assert {"gives_the_logits", "takes_any_batch", "answers_repeatedly", "converts_again"} <= set(passed)


def test_without_it_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, catalog: Catalog) -> None:
    # The module itself: the package alone would not be asked once its modules have been imported.
    monkeypatch.setitem(sys.modules, "executorch.backends.xnnpack.partition.xnnpack_partitioner", None)
    with pytest.raises(UsageError, match=r"pip install 'zoobench\[executorch\]'"):
        catalog.runtimes.get("executorch").record.convert(None)
