"""The security page of the site: ``SECURITY.md``, which lies outside the documentation, where GitHub looks for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

SOURCE = Path(__file__).parents[2] / "SECURITY.md"
PAGE = "security.md"
"""Its path on the site."""


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the page, with its links as they are from the folder of the documentation."""
    from mkdocs.structure.files import File

    content = SOURCE.read_text(encoding="utf-8").replace("](docs/", "](")
    files.append(File.generated(config, PAGE, content=content))
    return files
