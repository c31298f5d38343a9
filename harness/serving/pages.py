"""Pages: one to try a classifier with, one of its API. Nothing in them is fetched from elsewhere."""

from __future__ import annotations

from importlib.resources import files

TYPES = {
    "api.html": "text/html; charset=utf-8",
    "api.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "page.css": "text/css; charset=utf-8",
    "try.html": "text/html; charset=utf-8",
    "try.js": "text/javascript; charset=utf-8",
}
"""All files there are, with their types."""


def read_page(name: str) -> bytes:
    """Return the content of a file in :data:`TYPES`."""
    return (files("harness.serving") / "assets" / name).read_bytes()
