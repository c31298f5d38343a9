"""Paths: the names of all files of a site. Nothing else is written, published, overwritten or removed.

The checksums of a site come from whoever wrote it. A path that they list is used only if it is one of these.
"""

from __future__ import annotations

import re

from reports.site import pages
from zoo.names import is_reserved

SUMS_FILE = "SHA256SUMS"
CHANGELOG_FILE = "CHANGELOG.md"
DATA_FILE = "leaderboard.json"
PUBLICATIONS_FILE = "publications.json"
CARD_FILE = "MODEL_CARD.md"

TEXT_FILES = (
    "leaderboard.csv",
    DATA_FILE,
    "leaderboard.schema.json",
    "leaderboard.md",
    "leaderboard.tex",
    "badge.svg",
    CHANGELOG_FILE,
    PUBLICATIONS_FILE,
    CARD_FILE,
)
"""Files that are neither pages nor parts of them; the last one is optional."""
ASSET_FILES = tuple(f"assets/{name}" for name in (*pages.STYLES, *pages.SCRIPTS, "icon.svg"))
PAGE_FOLDERS = ("compare", "data", "models", "rows")

_FIXED = frozenset({"index.html", SUMS_FILE, *TEXT_FILES, *ASSET_FILES})
_PAGE = re.compile(rf"(?:{'|'.join(PAGE_FOLDERS)})/[a-z0-9][a-z0-9._-]{{0,250}}\.html", re.ASCII)
"""Pages are named by slugs (see :func:`zoo.names.slug`) and hashes."""
_PICTURE = re.compile(r"images/[0-9a-f]{12}-[0-9a-f]{16}\.png", re.ASCII)


def is_site_path(name: str) -> bool:
    """Return whether a site may have a file at this path: one that is written, and that every system can store."""
    if name in _FIXED or _PICTURE.fullmatch(name):
        return True
    return bool(_PAGE.fullmatch(name)) and not is_reserved(name.rpartition("/")[2])
