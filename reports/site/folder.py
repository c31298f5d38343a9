"""The site's folder: which files an earlier publication wrote there, and writing the new ones over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import StoreError

SUMS_FILE = "SHA256SUMS"


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteSummary:
    """The number of pages and files written."""

    num_pages: int
    num_files: int
    num_removed: int
    """Number of files of an earlier publication that were removed."""


def write_site(files: Mapping[str, bytes], folder: Path) -> SiteSummary:
    """Write *files* into *folder*, and remove files of an earlier publication that are no longer part of the site.

    Other files stay. If nothing was published in the folder before, no file in it is overwritten.

    Raises:
        StoreError: If a file cannot be written, or would overwrite one that no publication wrote.
    """
    earlier = published_files(folder)
    foreign = [name for name in files if name not in earlier and (folder / name).exists() and name != SUMS_FILE]
    # A publication that was interrupted has no checksums yet; files of equal content are harmless.
    foreign = [name for name in foreign if not _holds(folder / name, files[name])]
    if foreign and not (folder / SUMS_FILE).is_file():
        raise StoreError(
            f"{folder / foreign[0]} exists and is not part of a site: choose another folder with -o, or move it away"
        )
    path = folder
    try:
        for name, content in files.items():
            path = folder / name
            if name == SUMS_FILE or _holds(path, content):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        stale = [name for name in earlier if name not in files and (folder / name).is_file()]
        for name in stale:
            path = folder / name
            path.unlink()
        # Last, so that checksums never exist without their files.
        path = folder / SUMS_FILE
        path.write_bytes(files[SUMS_FILE])
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
    return SiteSummary(
        num_pages=sum(name.endswith(".html") for name in files), num_files=len(files), num_removed=len(stale)
    )


def published_files(folder: Path) -> dict[str, str]:
    """Return the checksums of the files that were published in *folder*, by path; empty if there are none.

    Paths that lead out of the folder are left out.
    """
    try:
        lines = (folder / SUMS_FILE).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    found = {}
    for line in lines:
        digest, _, name = line.partition("  ")
        parts = Path(name).parts
        if len(digest) == 64 and parts and ".." not in parts and not Path(name).is_absolute():
            found[name] = digest
    return found


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False
