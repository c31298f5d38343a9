"""Uploads: images as clients send them, each with its problem if it is too large or empty."""

from __future__ import annotations

from dataclasses import dataclass

from harness.serving.limits import Limits
from zoo.files.sizes import size_text


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadedImage:
    """An image in a request."""

    name: str
    """Name that the client gave it; untrusted text."""
    content: bytes
    problem: str = ""
    """One sentence if there is no content."""
    status: int = 200
    """The status of a response about this image alone."""

    @classmethod
    def of_size(cls, name: str, content: bytes, num_bytes: int, limits: Limits) -> UploadedImage:
        """Return an image of *num_bytes*; *content* is dropped, and may be incomplete, if that exceeds the limit."""
        if num_bytes > limits.image_bytes:
            problem = f"it is larger than {size_text(limits.image_bytes)}"
            return cls(name=name, content=b"", problem=problem, status=413)
        if not num_bytes:
            return cls(name=name, content=b"", problem="it is empty", status=422)
        return cls(name=name, content=content)
