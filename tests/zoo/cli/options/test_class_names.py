"""Class names: from a file, a number or a list."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo.cli.options.class_names import classes_of
from zoo.errors import UsageError


def test_class_names_come_from_a_file_a_number_or_a_list(tmp_path: Path) -> None:
    file = tmp_path / "classes.txt"
    file.write_text("cat\n\n dog \n", encoding="utf-8")
    assert classes_of(str(file)) == classes_of("cat, dog") == ("cat", "dog")
    assert classes_of("3") == ("0", "1", "2")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("cat", "expected a file, a number, or comma-separated names"),
        ("cat,cat", "expected at least two classes with distinct names"),
        ("1", "expected at least two classes"),
        ("10000000", "expected up to 1,000,000 classes"),
    ],
)
def test_anything_else_is_one_sentence(given: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=f"--classes {given}: {sentence}"):
        classes_of(given)


def test_a_file_that_is_not_text_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "classes"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="cannot be read"):
        classes_of(str(file))


def test_a_number_of_thousands_of_digits_is_one_short_sentence() -> None:
    """Python converts no such number."""
    with pytest.raises(UsageError, match="expected up to 1,000,000 classes") as caught:
        classes_of("9" * 5000)
    assert len(str(caught.value)) < 100
