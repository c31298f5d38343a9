"""Sizes, as read and as typed."""

from __future__ import annotations

import pytest

from zoo.errors import UsageError
from zoo.files.sizes import parse_size, size_text


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [
        (0, "0 bytes"), (999, "999 bytes"), (1000, "1 kB"), (61_440, "61.4 kB"), (999_499, "999 kB"),
        (999_500, "1 MB"), (184_320_000, "184 MB"), (99_960_000, "100 MB"), (192_000_000_000, "192 GB"),
        (5 * 10**15, "5000 TB"),
    ],
)  # fmt: skip
def test_a_size_has_three_digits_and_a_unit(num_bytes, text):
    assert size_text(num_bytes) == text


@pytest.mark.parametrize(
    ("text", "num_bytes"),
    [("0", 0), ("20GB", 20 * 10**9), ("1.5 tb", 1_500_000_000_000), ("300m", 300_000_000), ("7 B", 7), ("2k", 2000)],
)
def test_a_typed_size_is_understood(text, num_bytes):
    assert parse_size(text, what="--x") == num_bytes


@pytest.mark.parametrize(
    "text", ["", "much", "-1", "1e9", "GB", "5 gigs", "0x10", "1GBB", "nan", "9" * 400, "9" * 300 + "TB"]
)
def test_an_invalid_size_gives_one_sentence(text):
    with pytest.raises(UsageError, match=r"--x .*expected a size, such as 20GB"):
        parse_size(text, what="--x")
