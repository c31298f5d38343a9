"""Fuzzing: damaged and odd inputs for readers of foreign bytes, and how many of them are tried."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from zoo.errors import ZooError

NUM_EXAMPLES = int(os.environ.get("ZOO_FUZZ_EXAMPLES", "40"))
FUZZ = hypothesis_settings(
    max_examples=NUM_EXAMPLES,
    deadline=None,
    derandomize="ZOO_FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
ODD = st.sampled_from([
    None, True, False, 0, -1, 1, 2**63, 10**400, -(10**400), 1e308, -1e308, 5e-324, float("inf"), float("nan"), "",
    "\u202e\x1b[31m", "<script>", "../../x", "a" * 3000, "\ud800", "²", [], {}, [[]], [None], {"a": None}, [1, "x"],
])  # fmt: skip
JSON = st.recursive(
    ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """Return bytes made from *content*: cut, changed in places, doubled, or others altogether."""
    places = st.integers(0, len(content))
    changed = st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), min_size=1, max_size=8)

    def change(each: list[tuple[int, int]]) -> bytes:
        damaged = bytearray(content)
        for place, value in each:
            damaged[place] = value
        return bytes(damaged)

    return st.one_of(
        places.map(lambda place: content[:place]),
        places.map(lambda place: content[place:]),
        changed.map(change),
        st.tuples(places, st.binary(max_size=40)).map(lambda each: content[: each[0]] + each[1] + content[each[0] :]),
        st.binary(max_size=300),
    )


def paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in JSON."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield (*above, key)
        yield from paths(each, (*above, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    copy = json.loads(json.dumps(value))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return copy


def only_zoo_errors(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except ZooError as error:
        return None if str(error).strip() else pytest.fail(f"{error!r} has no sentence")


def saved(save: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    save(file)
    return file.getvalue()
