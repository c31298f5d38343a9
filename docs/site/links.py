"""Links out of the pages to source code: plain text on the site, because the code is not part of it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

_DOCS = Path(__file__).parent.parent
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!\w+:|#)([^)#\s]+)[^)]*\)")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Return a page without such links; one that leads nowhere stays, and fails the build."""
    folder = (_DOCS / page.file.src_uri).parent

    def unlink(found: re.Match[str]) -> str:
        target = (folder / found[2]).resolve()
        if target == _DOCS.parent.resolve() / "SECURITY.md":  # a page of the site, see security.py
            return f"[{found[1]}]({os.path.relpath(_DOCS / 'security.md', folder)})"
        leads_out = target.exists() and _DOCS.resolve() not in target.parents
        return found[1] if leads_out else found[0]

    return _LINK.sub(unlink, markdown)
