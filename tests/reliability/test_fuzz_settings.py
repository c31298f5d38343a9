"""Fuzzing of what people type or write into suites: settings, ranges, conditions, sizes, classes, names of columns.

Each reader returns, or raises an error with one sentence. The examples are few in the ordinary tests; ``tox -e fuzz``
tries many more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.classifiers.rejecting import rejection_of
from harness.classifiers.tensor_names import Rename
from harness.planning.class_mapping import read_class_map
from harness.planning.request import BenchRequest
from zoo import Catalog
from zoo.api.choosing import choose
from zoo.cli.commands.bench import command as bench
from zoo.cli.display.model_columns import Condition
from zoo.cli.options.class_names import classes_of
from zoo.cli.options.selecting import choose_from, parse_overrides, parse_spaces
from zoo.errors import ZooError
from zoo.files.sizes import parse_size
from zoo.options import parse_value, resolve_options
from zoo.space import Dimension, parse_dimension
from zoo.trust import Trust

from .fuzzing import FUZZ, JSON, ODD, only_zoo_errors

DIGITS = st.sampled_from(["0", "1", "7", "²", "٣", "e", "E", ".", "-", "+", "_", "inf", "nan", "9" * 400, "9" * 5000])
NUMBERS = st.lists(DIGITS, min_size=1, max_size=4).map("".join)
PARTS = st.sampled_from([
    "log", "uniform", "int", "logint", "choice", "off", "(", ")", ",", " ", " if ", " and ", "=", "|", "lr", "recipe.",
    "sgd", "true", "none", "params", "macs", "published", "px", "<", "<=", ">", "5M", "k", "G", "%", "GB", "T", "h",
    "m", "s", "\n", "\0", "\ud800", "/", "..", "*", "[", "]", "{", "?", "a{9999999999}", "((", "all", "auto", "index",
    ":", "folder:", "corrupt:", "slices", "timm/", "\u202e", "é", "e\u0301", "~", "$HOME",
])  # fmt: skip
TYPED = st.lists(PARTS | NUMBERS, max_size=8).map("".join) | st.text(max_size=30) | NUMBERS
"""Text as somebody types it: parts of the notations in any order, with numbers of any size."""

READERS: dict[str, tuple[st.SearchStrategy[str], Callable[[str], Any]]] = {
    "where": (
        st.tuples(st.sampled_from(["params", "px", "published"]), st.sampled_from("<>="), TYPED).map("".join),
        lambda text: Condition.parse(text).holds({"params": 5, "px": None, "macs": 1.5, "published": 75.0}),
    ),
    "size": (
        st.tuples(NUMBERS, st.sampled_from(["", "GB", " T", "²"])).map("".join),
        lambda text: parse_size(text, what="--size"),
    ),
    "classes": (NUMBERS, classes_of),
    "class map": (NUMBERS, read_class_map),
    "range": (TYPED.map(lambda text: f"choice({text}) if a={text}"), parse_dimension),
    "value": (NUMBERS, parse_value),
    "rename": (
        TYPED.map(lambda text: f"{text}=x")
        | TYPED.map(lambda text: f"(l).*={text}")
        | st.just("(" * 9999 + ")" * 9999 + "=x"),
        lambda text: Rename.parse(text).apply("layer1.0.conv1.weight"),
    ),
    "rejection": (NUMBERS.map(lambda text: f"{text}"), lambda text: rejection_of(text, None)),
    "trust": (TYPED, lambda text: Trust.parse(text).refusal("nets", "zoo-nets")),
}
"""Readers of text, each with text that looks like what it expects."""


@pytest.mark.parametrize("reader", READERS)
@FUZZ
@given(data=st.data())
def test_text_that_is_typed(reader: str, data: st.DataObject) -> None:
    near, read = READERS[reader]
    text = data.draw(TYPED | near)
    only_zoo_errors(lambda: read(text))


@FUZZ
@given(kind=st.sampled_from(["log", "uniform", "int", "logint"]), low=NUMBERS, high=NUMBERS)
def test_a_range_holds_its_ends_whatever_its_numbers(kind: str, low: str, high: str) -> None:
    found = only_zoo_errors(lambda: parse_dimension(f"{kind}({low}, {high})"))
    if found is not None:
        assert isinstance(found, Dimension)
        assert math.isfinite(found.high - found.low) or not found.is_whole
        assert found.contains(int(found.low) if found.is_whole else found.low)
        assert parse_dimension(str(found)).kind == kind


@FUZZ
@given(default=st.sampled_from([True, 1, 1.5, "text", None]), value=ODD | NUMBERS.map(parse_value))
def test_an_option_takes_the_type_of_its_default_or_is_refused(default: Any, value: Any) -> None:
    found = only_zoo_errors(lambda: resolve_options({"name": default}, {"name": value}, owner="model 'net'"))
    if found is not None and default is not None:
        assert type(found["name"]) is type(default)


@FUZZ
@given(texts=st.lists(TYPED, max_size=3))
def test_lists_of_settings_and_ranges(texts: list[str]) -> None:
    errors: list[ZooError] = []
    settings, spaces = parse_overrides(texts, errors), parse_spaces(texts, errors)
    assert len(settings) + len(spaces) + len(errors) >= len(set(texts))
    assert all(str(error).strip() for error in errors)


SELECTED = {"models": ["resnet18"], "data": ["digits"], "recipes": ["sgd_basic"]}
FIELDS = st.sampled_from(sorted(BenchRequest.model_fields))
KEYS = st.sampled_from([
    "recipe.lr", "recipe.optimizer", "recipe.epochs", "recipe.nosuch", "model.width", "data.image_size", "data.fit",
    "data.bit_depth", "then.lr", "", ".", "recipe.", "lr", "a.b.c", "recipe.mixup_alpha", "\0",
])  # fmt: skip


def chosen(raw: dict[str, Any], catalog: Catalog) -> None:
    """Choose what settings select; every mistake must have a sentence."""
    errors: list[ZooError] = []
    found = choose(raw, catalog, errors, origin="suite.toml")
    assert (found is None) == bool(errors)
    assert all(str(error).strip() for error in errors)


@FUZZ
@given(values=st.dictionaries(FIELDS, JSON | TYPED | st.lists(TYPED, max_size=2), max_size=2))
def test_settings_of_a_suite(catalog: Catalog, values: dict[str, Any]) -> None:
    chosen(SELECTED | values, catalog)


@FUZZ
@given(values=st.dictionaries(KEYS | TYPED, JSON | TYPED, max_size=2), ranges=st.dictionaries(KEYS, TYPED, max_size=2))
def test_overrides_and_ranges_of_a_suite(catalog: Catalog, values: dict[str, Any], ranges: dict[str, str]) -> None:
    chosen({**SELECTED, "set": values, "space": ranges, "tune": 2}, catalog)


OPTIONS = [option.opts[0] for option in bench.params if isinstance(option, click.Option) and not option.is_flag]


@FUZZ
@given(options=st.lists(st.tuples(st.sampled_from(OPTIONS), TYPED | NUMBERS), max_size=2))
def test_options_of_a_bench(catalog: Catalog, options: list[tuple[str, str]]) -> None:
    given_options = ["--models", SELECTED["models"][0], "--data", "digits", "--recipes", "sgd_basic"]
    given_options += [f"{name}={text}" for name, text in options]
    errors: list[ZooError] = []
    with suppress(click.UsageError):
        choose_from(catalog, bench.make_context("bench", given_options).params, errors)
    assert all(str(error).strip() for error in errors)
