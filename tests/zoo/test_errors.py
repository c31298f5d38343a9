"""Errors: one sentence each, and several together."""

from __future__ import annotations

import pytest

from zoo.errors import AmbiguousNameError, DataError, ManyErrors, UnknownNameError, UsageError, ZooError


@pytest.mark.parametrize(
    ("near", "hint", "sentence"),
    [
        ((), "", "no model is called 'x'"),
        (("y",), "", "no model is called 'x'; did you mean 'y'?"),
        (("y", "z"), "(zoo list)", "no model is called 'x'; did you mean 'y' or 'z'? (zoo list)"),
        ((), "it has none", "no model is called 'x'; it has none"),
    ],
)
def test_an_unknown_name_is_one_sentence(near: tuple[str, ...], hint: str, sentence: str) -> None:
    assert str(UnknownNameError("model", "x", near=near, hint=hint)) == sentence


def test_input_is_shown_with_control_characters_escaped() -> None:
    assert str(UnknownNameError("model", "a\x1b[31m\n")).isprintable()


def test_no_error_raises_nothing() -> None:
    ManyErrors.raise_if([])


def test_one_error_is_raised_as_itself() -> None:
    with pytest.raises(AmbiguousNameError):
        ManyErrors.raise_if([AmbiguousNameError("model", "x", owners={"a/x": "zoo-a 1.0", "b/x": "zoo-b 2.0"})])


def test_several_errors_are_raised_as_one_flat_list_a_line_each() -> None:
    with pytest.raises(ManyErrors) as caught:
        ManyErrors.raise_if([ManyErrors([UsageError("one"), UsageError("two")]), UsageError("three")])
    assert str(caught.value) == "one\ntwo\nthree"
    assert isinstance(caught.value, ZooError)


def test_what_several_have_in_common_is_told_once() -> None:
    """Each fold of a dataset was refused with the same sentence."""
    same = [DataError("5 folds were requested, but there are only 2 groups of images") for _ in range(5)]
    assert str(ManyErrors.of(same)) == "5 folds were requested, but there are only 2 groups of images"
    assert str(ManyErrors.of([*same, DataError("x")])).count("5 folds") == 1
