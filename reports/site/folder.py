"""The site's folder: which files an earlier publication wrote there, and putting the new ones in their place."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.system.inner_files import make_parents, read_inner
from harness.system.staging import staging
from reports.site.paths import SUMS_FILE, is_site_path
from zoo.errors import StoreError
from zoo.files.plain_files import SITE_FILE, SUMS


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteSummary:
    """The number of pages and files written."""

    num_pages: int
    num_files: int
    num_removed: int
    """Number of files of an earlier publication that were removed."""
    kept: tuple[str, ...] = ()
    """Files of an earlier publication that are no longer part of the site, but have been changed since."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """What changes where a site is published."""

    written: tuple[str, ...]
    """Files to write; those that are there already are left out."""
    removed: tuple[str, ...]
    kept: tuple[str, ...]


def write_site(files: Mapping[str, bytes], folder: Path) -> SiteSummary:
    """Write *files* into *folder*, and remove files of an earlier publication that are no longer part of the site.

    Other files stay. If nothing was published in the folder before, no file in it is overwritten. All files are
    complete before the first one takes its place. If that is interrupted, writing the site again finishes it.

    Raises:
        StoreError: If a file cannot be written, would overwrite one that no publication wrote, or lies behind a link.
    """
    path = folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        listed = published_files(folder)
        revision = revise(files, listed, lambda name: read_inner(folder, name, SITE_FILE), place=str(folder))
        with staging(folder, "site") as made:
            sums = {SUMS_FILE: files[SUMS_FILE], f"{SUMS_FILE}.both": _both(files[SUMS_FILE], listed)}
            staged = {name: made / str(number) for number, name in enumerate((*revision.written, *sums))}
            for name, path in staged.items():
                path.write_bytes(sums.get(name) or files[name])
            # From here on, the checksums list old and new files, so that the next publication knows all of them.
            os.replace(staged[f"{SUMS_FILE}.both"], folder / SUMS_FILE)
            for name in revision.written:
                path = make_parents(folder, name)
                os.replace(staged[name], path)
            for name in revision.removed:
                path = folder / name
                path.unlink()
            path = folder / SUMS_FILE
            os.replace(staged[SUMS_FILE], path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
    return SiteSummary(
        num_pages=sum(name.endswith(".html") for name in files),
        num_files=len(files),
        num_removed=len(revision.removed),
        kept=revision.kept,
    )


def revise(
    files: Mapping[str, bytes], listed: Mapping[str, str], find: Callable[[str], bytes | None], *, place: str
) -> Revision:
    """Return what must change where a site is published.

    Args:
        files: The new site.
        listed: Checksums of the files that were published there before.
        find: Returns the content of a file there; None if there is none.
        place: Name of the place, for errors.

    Raises:
        StoreError: If a file is not one that sites have, or would overwrite one that no publication wrote.
    """
    odd = next((name for name in files if not is_site_path(name)), None)
    if odd is not None:
        raise StoreError(f"{odd!r} is not a file of a site")
    found = {name: find(name) for name in (*files, *(name for name in listed if name not in files))}
    if found[SUMS_FILE] is None:
        # A publication that was interrupted has no checksums yet; files of equal content are harmless.
        foreign = next((name for name in files if found[name] not in (None, files[name])), None)
        if foreign is not None:
            raise StoreError(
                f"{place}/{foreign} exists and is not part of a site: choose another folder with -o, or move it away"
            )
    written = tuple(name for name in files if name != SUMS_FILE and found[name] != files[name])
    stale = [name for name in listed if name not in files and found[name] is not None]
    removed = tuple(name for name in stale if _sha256(found[name] or b"") == listed[name])
    return Revision(written=written, removed=removed, kept=tuple(name for name in stale if name not in removed))


def published_files(folder: Path) -> dict[str, str]:
    """Return the checksums of the files that were published in *folder*, by path; empty if there are none.

    Paths that no site has are left out.

    Raises:
        StoreError: If the checksums lie behind a link, or cannot be read: what they list would be forgotten.
    """
    try:
        content = read_inner(folder, SUMS_FILE, SUMS)
    except OSError as error:
        raise StoreError(f"{folder / SUMS_FILE} cannot be read: {error.strerror or error}") from error
    return {name: digest for name, digest in parse_sums(content or b"").items() if is_site_path(name)}


def parse_sums(content: bytes) -> dict[str, str]:
    """Return the checksums in the content of a file of checksums, by whatever path it names."""
    found = {}
    for line in content.decode("utf-8", "replace").split("\n"):
        digest, _, name = line.partition("  ")
        if len(digest) == 64 and name:
            found[name] = digest
    return found


def _both(new: bytes, listed: Mapping[str, str]) -> bytes:
    both = {**listed, **parse_sums(new)}
    return "".join(f"{both[name]}  {name}\n" for name in sorted(both)).encode("utf-8")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
