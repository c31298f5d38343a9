"""Re-rendering: are the files of a published site those that its records give, byte for byte?

A page can be edited and its checksum redone. The same records give the same bytes, so a site that is written again from
them shows every edit. What the site was written with follows from the site itself: its title, whether it is a single
file, and whether it has pictures.
"""

from __future__ import annotations

import base64
import html
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.system.inner_files import read_inner
from reports.site.folder import published_files
from reports.site.paths import ASSET_FILES, CHANGELOG_FILE, SUMS_FILE
from reports.site.statuses import LEVELS, RowVerdict
from zoo._version import __version__
from zoo.files.foreign_json import parse_json
from zoo.files.plain_files import SITE_FILE
from zoo.text import one_line, plural

INDEX = "index.html"
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
_VERSION = re.compile(r"<code>zoo report</code>, zoobench ([^\s<]+?)\.?\s")
_NOT_COMPARED = frozenset({SUMS_FILE, CHANGELOG_FILE})
"""Files that depend on more than the records: on earlier publications."""
_MOST_NAMED = 10
_CHUNK = re.compile(rb">([A-Za-z0-9_=-]{40,})<")
_BOARD = 'data-block="board">'


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenWith:
    """What a site was written with, as far as it shows."""

    title: str
    single_file: bool
    has_pictures: bool
    version: str
    """Version of zoobench."""
    verdicts: Mapping[str, RowVerdict]
    """How far it says that each row has been verified, by the id of the row."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenAgain:
    """A site that was written again from its records, with the verdicts that it states."""

    files: Mapping[str, bytes]
    verdicts: Mapping[str, RowVerdict]
    """How far each row has been verified, as zoo verify saved it beside the runs, by the id of the row."""


def written_with(folder: Path) -> WrittenWith | None:
    """Return what the site in *folder* was written with; None if it has no index page that says so.

    Raises:
        OSError: If the page cannot be read.
        StoreError: If it lies behind a link.
    """
    content = read_inner(folder, INDEX, SITE_FILE)
    text = "" if content is None else content.decode("utf-8", "replace")
    title, version = _TITLE.search(text), _VERSION.search(text)
    if title is None or version is None:
        return None
    names = published_files(folder)
    single_file = not any(name in names for name in ASSET_FILES)
    pictures = "<body data-pictures>" in text if single_file else any(name.startswith("images/") for name in names)
    return WrittenWith(
        title=html.unescape(title.group(1)),
        single_file=single_file,
        has_pictures=pictures,
        version=version.group(1),
        verdicts=_verdicts(text),
    )


def page_problems(
    folder: Path, written: WrittenWith, render: Callable[[WrittenWith], WrittenAgain]
) -> tuple[list[str], str]:
    """Return a sentence for each file that is not what the records give, and a note if files were not compared.

    Args:
        folder: The folder of the site.
        written: What it was written with.
        render: Writes the site again.
    """
    if written.version != __version__:
        # The page itself says so, and may be edited: what was not compared has not passed.
        return [
            f"its pages cannot be compared with the records: zoobench {one_line(written.version, max_length=40)} wrote "
            f"them, and this is {__version__}; verify them with that version"
        ], ""
    again = render(written)
    files = again.files
    names = [name for name in published_files(folder) if name not in _NOT_COMPARED]
    # Without the decoded images, the pages that show them cannot be made again.
    blind = written.has_pictures and not _has_pictures(files)
    skipped = [name for name in names if blind and _may_show_pictures(name, written)]
    problems = _claims(written.verdicts, again.verdicts)
    for name in names:
        if name in skipped:
            continue
        content = read_inner(folder, name, SITE_FILE)
        if name not in files:
            problems.append(f"{one_line(name)} is published, but the records give no such file")
        elif content is not None and content != files[name] and _unpacked(content) != _unpacked(files[name]):
            problems.append(f"{one_line(name)} is not what the records give{_first_difference(content, files[name])}")
    problems += [
        f"{one_line(name)} follows from the records, but is not published"
        for name in files
        if name not in names and name not in _NOT_COMPARED
    ]
    more = len(problems) - _MOST_NAMED
    if more > 0:
        problems = [*problems[:_MOST_NAMED], f"and {plural(more, 'more file')} of the site"]
    note = (
        f"{plural(len(skipped), 'file')} with test images not compared: the cache does not hold the decoded images"
        if skipped
        else ""
    )
    return problems, note


def _verdicts(text: str) -> dict[str, RowVerdict]:
    """Return how far the board of an index page says that each row has been verified; empty if it cannot be read."""
    start = text.find(_BOARD)
    try:
        rows = parse_json(text[start + len(_BOARD) : text.index("</script>", start)].encode())["rows"]
        columns = {key: _decoded(rows[key]) for key in ("id", "status", "signer") if key in rows}
        signers = columns.get("signer") or [""] * len(columns["id"])
        found = zip(columns["id"], columns["status"], signers, strict=True)
        return {
            str(row): RowVerdict(status=status if status in LEVELS else LEVELS[0], signer=str(signer))
            for row, status, signer in found
        }
    except (ValueError, KeyError, TypeError, IndexError):
        return {}


def _decoded(values: Any) -> list[Any]:
    """Return the values of a column of the board (``zoo.decode`` in the page's scripts)."""
    return values if isinstance(values, list) else [values["words"][place] for place in values["places"]]


def _claims(stated: Mapping[str, RowVerdict], known: Mapping[str, RowVerdict]) -> list[str]:
    """Return a sentence for each row that a site calls verified further than it was, or signed by somebody else."""
    problems = []
    for row, verdict in stated.items():
        found = known.get(row)
        if found is None:
            continue
        if LEVELS.index(verdict.status) > LEVELS.index(found.status):
            problems.append(f"{one_line(row)} is published as {verdict.status}, but it is {found.status}")
        if verdict.signer and verdict.signer != found.signer:
            problems.append(
                f"{one_line(row)} is published as signed by {one_line(verdict.signer, max_length=80)}, but "
                f"{found.signer or 'nobody known'} signed it"
            )
    return problems


def _has_pictures(files: Mapping[str, bytes]) -> bool:
    return any(name.startswith("images/") for name in files) or b"<body data-pictures>" in files.get(INDEX, b"")


def _unpacked(content: bytes) -> bytes:
    """Return a page with its compressed pages as they are: versions of zlib differ in how they compress."""

    def unpack(found: re.Match[bytes]) -> bytes:
        try:
            packed = base64.urlsafe_b64decode(found.group(1))
            return b">" + zlib.decompressobj().decompress(packed, SITE_FILE.max_bytes) + b"<"
        except (ValueError, zlib.error):
            return found.group()

    return _CHUNK.sub(unpack, content)


def _may_show_pictures(name: str, written: WrittenWith) -> bool:
    return name.startswith(("images/", "rows/", "compare/")) or (written.single_file and name == INDEX)


def _first_difference(published: bytes, rebuilt: bytes) -> str:
    """Return where two texts first differ, for the end of a sentence; empty if they are no texts."""
    try:
        one, other = published.decode("utf-8").split("\n"), rebuilt.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        return ""
    for number, (line, wanted) in enumerate(zip(one, other, strict=False), start=1):
        if line != wanted:
            start = next((place for place, pair in enumerate(zip(line, wanted, strict=False)) if pair[0] != pair[1]), 0)
            start = max(start - 20, 0)
            found, expected = (one_line(text[start : start + 60]) for text in (line, wanted))
            return f": line {number} has {found!r} instead of {expected!r}"
    return f": it has {len(one):,} lines instead of {len(other):,}"
