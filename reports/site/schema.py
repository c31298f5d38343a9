"""The schema of ``leaderboard.json``: one JSON Schema, documented, against which files are held."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

FILE_NAME = "leaderboard.schema.json"


@cache
def schema_text() -> str:
    """Return the schema as it is published beside each leaderboard."""
    return (files("reports") / FILE_NAME).read_text(encoding="utf-8")
