"""Foreign JSON: whatever is wrong with it is a ValueError, and all that is right is what ``json`` returns."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.files.foreign_json import parse_json, parse_object

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(_VALUES)
def test_json_is_read_as_it_was_written(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(json.dumps(value, indent=1, ensure_ascii=False).encode("utf-8")) == value


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"NaN",
        b'{"x": Infinity}',
        b"[-Infinity]",
        b"1e999",
        b'{"x":-1e400}',
        b"[1,1E+309]",
        str(10**400).encode(),
        str(-(10**400)).encode(),
        b"[" + b"9" * 100_000 + b"]",
        str(2**64 + 1).encode(),
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"id": 1, "id": 2}',
        b'[{"a": {"b": 1, "c": [], "b": 1}}]',
        b'{"\\u0061": 1, "a": 2}',
        '"'.encode("utf-16"),
    ],
    ids=lambda content: repr(content[:12]),
)
def test_anything_else_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(content)


def test_a_key_that_an_object_has_twice_is_named() -> None:
    """Python keeps the last value, and other readers the first."""
    with pytest.raises(ValueError, match="it has the key 'id' twice in one object"):
        parse_json(b'{"rows": [{"id": "a", "label": 1, "id": "b"}]}')


def test_a_number_of_a_million_digits_is_a_short_sentence() -> None:
    with pytest.raises(ValueError, match=r"^it holds a number of thousands of digits$"):
        parse_json(b'{"seed": ' + b"9" * 10**6 + b"}", numbers_are_checked=True)


def test_numbers_are_looked_for_in_numbers_only() -> None:
    assert parse_json(b'{"sha256": "1e999", "12345678901234567890123": 1.0}') == {
        "sha256": "1e999",
        "12345678901234567890123": 1.0,
    }


def test_an_object_is_asked_for() -> None:
    assert parse_object(b'{"a": 1}') == {"a": 1}
    with pytest.raises(ValueError, match="not a JSON object"):
        parse_object(b"[1]")
