"""Foreign files: what a file is that was given in place of another, told from its first bytes, with the remedy."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

from zoo.files.plain_files import PACK, open_plain

HEAD_BYTES = 1024
"""How much of a file tells what it is."""

_ARCHIVES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "is a zip archive; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive; unpack it first"),
    (b"Rar!", "is a RAR archive; unpack it first"),
)
_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "is a Git LFS pointer, not the file itself; fetch it with git lfs pull"),
    (b"\x1f\x8b", "is compressed; unpack it first"),
    (b"BZh", "is compressed; unpack it first"),
    (b"\xfd7zXZ\x00", "is compressed; unpack it first"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is a file of Microsoft Office, such as an Excel workbook; save it as CSV"),
    (b"PAR1", "is a Parquet file; parquet:PATH reads it"),
    (b"%PDF", "is a PDF document"),
)


def kind_of(path: Path, head: bytes | None = None) -> str:
    """Say what a file is that is of no use as it is, and what to do; an empty string if that cannot be told.

    Args:
        path: The file.
        head: Its first :data:`HEAD_BYTES`; None reads them.
    """
    head = _head(path) if head is None else head
    if head is None:
        return ""
    if not head:
        return "is empty; copy or download it again"
    for start, sentence in _KINDS:
        if head.startswith(start):
            return sentence
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")) or (
        text.startswith((b"<?xml", b"<!doctype")) and b"<html" in text
    ):
        return "is a web page; download the file itself (the raw or resolve link of the page)"
    if head[257:262] == b"ustar":
        return "is a tar file; unpack it first, or read images in it with tar:PATH"
    if head.startswith(b"PK\x03\x04") and _is_workbook(path):
        return "is an Excel workbook; save it as CSV (UTF-8)"
    return archive_kind(path, head)


def table_kind(head: bytes) -> str:
    """Say what a file is that was given in place of a Parquet file, and what to do, as :func:`kind_of` does.

    Args:
        head: Its first bytes.
    """
    if head.startswith((b"ARROW1", b"FEA1", b"\xff\xff\xff\xff")):
        return "is an Arrow or Feather file; save it as Parquet, such as with Dataset.to_parquet"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text or any(byte < 32 and byte not in b"\t\n\r\f" for byte in text):
        return ""
    if text.startswith((b"{", b"[")):
        return "is JSON text; save it as Parquet, or as CSV for csv:PATH"
    has_cells = any(mark in text.splitlines()[0] for mark in (b",", b";", b"\t", b"|"))
    return "is a text table such as CSV; csv:PATH reads it" if has_cells else ""


def archive_kind(path: Path, head: bytes | None = None) -> str:
    """Say what an archive is that must be unpacked, as :func:`kind_of` does; an empty string for all other files."""
    head = _head(path) if head is None else head
    return next((sentence for start, sentence in _ARCHIVES if (head or b"").startswith(start)), "")


def _head(path: Path) -> bytes | None:
    try:
        with open_plain(path, PACK) as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return None


def _is_workbook(path: Path) -> bool:
    try:
        with ZipFile(path) as archive:
            return any(name.startswith("xl/") for name in archive.namelist())
    except Exception:  # a damaged archive may raise anything
        return False
