"""Names: what may be one, how full and short names relate, near misses, and safe folder names."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable

MAX_NAME_LENGTH = 128
DEFAULT_RUNS = "runs"
"""The folder that benches write to, and that everything else reads from, unless another is named."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)
_GLOB = re.compile(r"[*?\[]")


def check_name(name: object, what: str = "name") -> str:
    """Return *name*, or raise ``ValueError`` saying what a name may hold.

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
    """Tell whether *text* is a shell-style pattern (``resnet*``) and not a plain name."""
    return bool(_GLOB.search(text))


def near_names(name: str, names: Iterable[str], count: int = 3) -> list[str]:
    """Return up to *count* of *names* that *name* may be a slip for, best first, whatever the case of either."""
    by_lower_case = {each.lower(): each for each in names}
    return [by_lower_case[each] for each in difflib.get_close_matches(name.lower(), by_lower_case, n=count, cutoff=0.6)]


def slug(text: str, max_length: int = 40) -> str:
    """Make a readable folder-name part from any text; not unique, so pair it with a hash."""
    plain = re.sub(r"[^a-z0-9._]+", "-", text.lower())
    plain = re.sub(r"[-.]{2,}", "-", plain).strip("-._")
    return plain[:max_length].rstrip("-._") or "x"


def short_hash(text: str, length: int = 12) -> str:
    """Return the first *length* hexadecimal digits of the SHA-256 of *text*."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def _shown(name: object) -> str:
    text = repr(name)
    return text if len(text) <= 60 else text[:57] + "…"
