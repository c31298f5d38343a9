"""Names: valid names, full and short names, near matches, and safe folder names."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable

MAX_NAME_LENGTH = 128
DEFAULT_RUNS = "runs"
"""Default folder of records, for reading and writing."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)
_GLOB = re.compile(r"[*?\[]")
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:[.:].*)?", re.IGNORECASE | re.DOTALL
)


def check_name(name: object, what: str = "name") -> str:
    """Return *name* if it is valid, else raise a ``ValueError``.

    Names become folder names, cells of tables and words of a shell, so they are lower-case ASCII
    letters, digits, dots, underscores and hyphens, starting with a letter or digit.
    """
    if not isinstance(name, str) or len(name) > MAX_NAME_LENGTH or not _NAME.fullmatch(name):
        raise ValueError(
            f"{what} {_shown(name)} must be 1 to {MAX_NAME_LENGTH} characters of a-z, 0-9, '.', '_' "
            "and '-', and start with a letter or digit"
        )
    return name


def full_name(namespace: str, name: str) -> str:
    """Join a provider's namespace and a name: ``timm/resnet18``."""
    return f"{namespace}/{name}"


def is_pattern(text: str) -> bool:
    """Return whether *text* is a shell-style pattern such as ``resnet*``."""
    return bool(_GLOB.search(text))


def near_names(name: str, names: Iterable[str], count: int = 3) -> list[str]:
    """Return up to *count* of *names* that are similar to *name*, best first, ignoring case."""
    by_lower_case = {each.lower(): each for each in names}
    return [by_lower_case[each] for each in difflib.get_close_matches(name.lower(), by_lower_case, n=count, cutoff=0.6)]


def slug(text: str, max_length: int = 40) -> str:
    """Return a readable part of a folder name for any text; not unique, so combine it with a hash."""
    plain = re.sub(r"[^a-z0-9._]+", "-", text.lower())
    plain = re.sub(r"[-.]{2,}", "-", plain).strip("-._")
    plain = plain[:max_length].rstrip("-._") or "x"
    return f"x-{plain}"[:max_length].rstrip("-._") if is_reserved(plain) else plain


def is_reserved(name: str) -> bool:
    """Return whether Windows keeps a file name for a device, with any suffix: ``con``, ``NUL.html``, ``com1.x``.

    The names are those of *Naming Files, Paths, and Namespaces* in Microsoft's documentation.
    """
    return bool(_RESERVED.fullmatch(name))


def short_hash(text: str, length: int = 12) -> str:
    """Return the first *length* hexadecimal digits of the SHA-256 of *text*."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def _shown(name: object) -> str:
    text = repr(name)
    return text if len(text) <= 60 else text[:57] + "…"


def plain_name(name: str) -> str:
    """Return the name of a class without what does not count in comparisons: case, spaces, hyphens and underscores."""
    return re.sub(r"[\s_-]+", "", name).casefold()
