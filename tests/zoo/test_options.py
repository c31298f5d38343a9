"""Options: scalars by name, each of its default's type."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.errors import ManyErrors, UnknownNameError, UsageError
from zoo.options import Option, check_options, parse_value, resolve_options

DEFAULTS: dict[str, Option] = {"depth": 3, "width": 1.5, "norm": True, "act": "relu", "any": None}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("none", None),
        ("null", None),
        ("3", 3),
        ("-3", -3),
        ("0.05", 0.05),
        ("1e-3", 0.001),
        ("nan", "nan"),
        ("inf", "inf"),
        ("1e999", "1e999"),
        ("1_0", "1_0"),
        ("relu", "relu"),
        ("", ""),
        ("9" * 400, int("9" * 400)),
    ],
)
def test_a_value_on_the_command_line_is_read_as_what_it_looks_like(text: str, value: Option) -> None:
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


@given(st.text())
def test_any_text_can_be_read_and_survives_json(text: str) -> None:
    value = parse_value(text)
    assert json.loads(json.dumps(value, allow_nan=False)) == value


@pytest.mark.parametrize(
    ("name", "given_value", "resolved"),
    [
        ("depth", 5, 5),
        ("depth", 1e3, 1000),
        ("width", 2, 2.0),
        ("norm", False, False),
        ("act", "gelu", "gelu"),
        ("act", None, "none"),
        ("act", True, "true"),
        ("act", 7, "7"),
        ("any", "x", "x"),
        ("any", 1, 1),
    ],
)
def test_a_value_becomes_its_defaults_type(name: str, given_value: Option, resolved: Option) -> None:
    value = resolve_options(DEFAULTS, {name: given_value}, owner="model x")[name]
    assert value == resolved
    assert type(value) is type(resolved)


@pytest.mark.parametrize(
    ("name", "value"),
    [("depth", 1.5), ("depth", True), ("depth", None), ("depth", "3"), ("norm", 1), ("norm", "yes"), ("width", "x"),
     ("width", True), ("width", 10**400), ("depth", float("inf")), ("depth", float("nan"))],
)  # fmt: skip
def test_a_value_of_another_type_is_refused(name: str, value: Option) -> None:
    with pytest.raises(UsageError, match=f"option '{name}' of model x: expected"):
        resolve_options(DEFAULTS, {name: value}, owner="model x")


def test_options_that_are_not_given_keep_their_defaults() -> None:
    defaults = dict(DEFAULTS)
    assert resolve_options(defaults, {"depth": 9}, owner="x") == {**DEFAULTS, "depth": 9}
    assert defaults == DEFAULTS


def test_all_mistakes_are_reported_together_with_near_names() -> None:
    with pytest.raises(ManyErrors) as caught:
        resolve_options(DEFAULTS, {"dept": 1, "norm": 3, "zzz": 0}, owner="model x")
    unknown, wrong, far = caught.value.errors
    assert isinstance(unknown, UnknownNameError)
    assert unknown.near == ("depth",)
    assert "expected bool, got 3" in str(wrong)
    assert "act, any, depth, norm, width" in str(far)


def test_an_owner_without_options_is_reported_as_such() -> None:
    with pytest.raises(UnknownNameError, match="it has none"):
        resolve_options({}, {"x": 1}, owner="model x")


@pytest.mark.parametrize("options", [{"a-b": 1}, {"": 1}, {3: 1}, {"a": [1]}, {"a": {}}, {"a": b"x"}])
def test_an_option_is_an_identifier_with_a_scalar_default(options: dict[str, Option]) -> None:
    with pytest.raises(ValueError, match="option"):
        check_options(options, "model x")
