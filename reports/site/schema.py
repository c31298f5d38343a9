"""The JSON Schema of ``leaderboard.json``, which files are validated against."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

FILE_NAME = "leaderboard.schema.json"


@cache
def schema_text() -> str:
    """Return the schema that is published with each leaderboard."""
    return (files("reports") / FILE_NAME).read_text(encoding="utf-8")
