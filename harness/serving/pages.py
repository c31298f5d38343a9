"""Pages: a demo page and an API page, which load nothing from other hosts."""

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
"""Content types of all files."""


def read_page(name: str) -> bytes:
    """Return the content of *name*, a key of :data:`TYPES`."""
    return (files("harness.serving") / "assets" / name).read_bytes()
