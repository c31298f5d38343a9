"""Names: what may be one, and what is made of text that may not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo import errors
from zoo.architecture import Architecture
from zoo.catalog import Entry, Provider, Registry
from zoo.names import (
    MAX_NAME_LENGTH,
    check_name,
    full_name,
    is_pattern,
    is_reserved,
    near_names,
    plain_name,
    short_hash,
    slug,
)

HOSTILE = [
    "../../x",
    "..",
    "/etc/x",
    "a/b",
    "a\\b",
    "C:x",
    "",
    " ",
    "nul\0byte",
    "new\nline",
    "line\n",
    "x" * 300,
    "-rf",
    ".hidden",
    "Model",
    "ﬁ",
    "é",
    "４",
    "[/red]",
    "\x1b[31m",
    "=cmd",
    None,
    7,
    b"bytes",
]


@pytest.mark.parametrize("name", HOSTILE, ids=[ascii(name)[:24] for name in HOSTILE])
def test_a_hostile_name_is_refused_in_one_printable_sentence(name: object) -> None:
    """Names that leave the store or shadow each other: mlflow path traversal (three times), ray#1463."""
    with pytest.raises(ValueError, match="must be 1 to 128 characters") as caught:
        check_name(name, "model name")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", ["resnet18", "vit_base_patch16_224.augreg_in1k", "3d", "a", "x" * MAX_NAME_LENGTH])
def test_a_name_of_the_field_is_accepted_unchanged(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["../../x", "Model", "-x"])
def test_a_record_cannot_be_made_under_a_hostile_name_or_namespace(name: str) -> None:
    with pytest.raises(ValueError, match="architecture name"):
        Architecture(name=name, build=lambda request: None)  # type: ignore[arg-type, return-value]
    with pytest.raises(ValueError, match="namespace"):
        Architecture(name="x", namespace=name, build=lambda request: None)  # type: ignore[arg-type, return-value]


@given(st.text(max_size=400))
def test_every_accepted_name_is_a_plain_folder_name(text: str) -> None:
    try:
        name = check_name(text)
    except ValueError:
        return
    assert re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,127}", name)


@given(st.text(max_size=400))
def test_a_slug_is_itself_a_short_name_whatever_the_text(text: str) -> None:
    assert check_name(slug(text)) == slug(text)
    assert len(slug(text)) <= 40
    assert ".." not in slug(text)
    assert not is_reserved(slug(text))


@given(st.text(), st.text())
def test_different_texts_have_different_hashes(one: str, other: str) -> None:
    assert (short_hash(one) == short_hash(other)) == (one == other)


def test_a_lone_surrogate_from_a_file_name_has_a_hash() -> None:
    assert len(short_hash("\udcff")) == 12


@pytest.mark.parametrize(("text", "expected"), [("resnet*", True), ("resnet1?", True), ("[rv]*", True), ("r18", False)])
def test_a_pattern_has_a_wildcard(text: str, expected: bool) -> None:
    assert is_pattern(text) is expected


def test_a_typo_has_near_names_regardless_of_case() -> None:
    assert near_names("ResNet_18", ["resnet18", "vgg11", "resnet50"])[0] == "resnet18"
    assert near_names("imagenet1k_v7", ["IMAGENET1K_V1", "other"]) == ["IMAGENET1K_V1"]
    assert near_names("completely-else", ["resnet18", "vgg11"]) == []


@given(st.text(max_size=300))
def test_looking_up_any_text_finds_it_or_says_in_one_line_that_it_is_not_there(text: str) -> None:
    record = Architecture(name="net", build=lambda request: None)  # type: ignore[arg-type, return-value]
    entry = Entry(
        record=record, full_name=full_name("p", "net"), provider=Provider(name="p", origin="file", module="p.py")
    )
    registry = Registry("model", {entry.full_name: entry}, lister="zoo list models")
    if text in ("net", "p/net"):
        assert registry.get(text) == entry
        return
    with pytest.raises(errors.UnknownNameError) as caught:
        registry.get(text)
    assert str(caught.value).isprintable()
    assert text not in registry


@pytest.mark.parametrize("name", ["honey bee", "Honey Bee", "honey_bee", "honey-bee", "HoneyBee", " honey  bee "])
def test_case_spaces_hyphens_and_underscores_do_not_count_in_names_of_classes(name: str) -> None:
    assert plain_name(name) == "honeybee"


@pytest.mark.parametrize(
    "name", ["con", "NUL", "aux.html", "prn.tar.gz", "com1", "COM9.x", "lpt0", "lpt¹", "conin$", "con .html", "nul:x"]
)
def test_a_device_of_windows_is_reserved_with_any_suffix(name: str) -> None:
    """Files that Windows can neither write nor remove; git refuses to check them out there (core.protectNTFS)."""
    assert is_reserved(name)
    assert not is_reserved(slug(name))


@pytest.mark.parametrize("name", ["con-1", "console", "com", "com10", "lpt", "null.html", "x.con", "_aux", "convnext"])
def test_other_names_are_not(name: str) -> None:
    assert not is_reserved(name)


def test_slugs_of_devices_keep_their_name_and_length() -> None:
    assert [slug(text) for text in ("con", "CON.v2", "convmixer")] == ["x-con", "x-con.v2", "convmixer"]
    assert slug("aux." + "y" * 60, 32) == "x-aux." + "y" * 26
