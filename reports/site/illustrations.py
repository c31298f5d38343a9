"""Illustrations: the pictures of test images that a site shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from reports.pictures.thumbnails import Thumbnails, data_uri, find_thumbnails


@dataclass(kw_only=True)
class Illustrations:
    """Pictures of test images, each written once."""

    cache: Path | None
    inline: bool
    files: dict[str, bytes] = field(default_factory=dict)
    _found: dict[str, Thumbnails | None] = field(default_factory=dict)

    def of(self, fingerprint: str, sample: int) -> str | None:
        """Return the address of the picture of a test image, which is made if needed; None if the image is unknown."""
        if fingerprint not in self._found:
            self._found[fingerprint] = find_thumbnails(self.cache, fingerprint)
        thumbnails = self._found[fingerprint]
        path = f"images/{fingerprint[:12]}-{sample:016x}.png"
        if path not in self.files:
            png = thumbnails.png(sample) if thumbnails else None
            if png is None:
                return None
            self.files[path] = png
        return data_uri(self.files[path]) if self.inline else path

    def made(self, fingerprint: str, sample: int) -> str | None:
        """Return the address of the picture of a test image if it has been made."""
        path = f"images/{fingerprint[:12]}-{sample:016x}.png"
        return self.of(fingerprint, sample) if path in self.files else None
