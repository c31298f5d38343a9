"""Uploads: an image that is too large or empty has a problem of its own."""

from __future__ import annotations

from harness.serving.limits import Limits
from harness.serving.uploads import UploadedImage


def test_the_size_decides_what_is_kept() -> None:
    limits = Limits(image_bytes=10)
    assert UploadedImage.of_size("a", bytes(10), 10, limits) == UploadedImage(name="a", content=bytes(10))
    too_large = UploadedImage.of_size("a", bytes(10), 11, limits)
    assert (too_large.content, too_large.status, too_large.problem) == (b"", 413, "it is larger than 10 bytes")
    assert UploadedImage.of_size("a", b"", 0, limits).status == 422
