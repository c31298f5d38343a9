"""The plugin index: which packages of plugins there are, as JSON in a file or at a URL. zoo installs none of them.

::

    {
      "schema_version": 1,
      "plugins": [
        {
          "distribution": "zoo-medmnist",
          "version": "0.1.0",
          "summary": "MedMNIST for zoo",
          "keywords": ["medical"],
          "homepage": "https://…",
          "plugins": ["medmnist"]
        }
      ]
    }

``distribution`` is what pip installs, and ``plugins`` are the names of its entry points in the group ``zoo``. All other
fields may be missing. Unknown fields are ignored, so that an index may say more.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from zoo.errors import DataError, UsageError
from zoo.files.foreign_json import parse_json
from zoo.files.plain_files import LIST, read_bytes

SCHEMA_VERSION = 1
VARIABLE = "ZOO_PLUGIN_INDEX"
"""Names the index to search; zoo brings none along, since it vouches for no package."""
_SECONDS = 20.0
"""Time limit for fetching an index."""
_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexedPlugin:
    """A package of plugins in an index."""

    distribution: str
    """What pip installs."""
    version: str = ""
    """Its newest version when the index was written."""
    summary: str = ""
    """One line on what it is."""
    keywords: tuple[str, ...] = ()
    """Words that it can be found by, beside those of its name and summary."""
    homepage: str = ""
    """URL of its page."""
    plugins: tuple[str, ...] = ()
    """Names of its entry points in the group ``zoo``."""

    @property
    def install_command(self) -> str:
        """The command that installs it."""
        return f"pip install {self.distribution}"

    def matches(self, words: Iterable[str]) -> bool:
        """Tell whether each word is part of what the index says about it, regardless of case."""
        text = " ".join([self.distribution, self.summary, *self.keywords, *self.plugins]).casefold()
        return all(word.casefold() in text for word in words)


def read_index(where: str | Path) -> list[IndexedPlugin]:
    """Read an index.

    Args:
        where: A file, or an ``https://`` URL; ``http://`` is for a server on this machine only.

    Raises:
        UsageError: If the URL is not of that kind.
        DataError: If it cannot be read, or is no index.
    """
    try:
        content = _fetched(str(where)) if "://" in str(where) else read_bytes(Path(where), LIST)
    except OSError as error:
        raise DataError(f"the plugin index {where} cannot be read: {error.strerror or error}") from error
    try:
        data = parse_json(content)
    except ValueError as error:
        raise DataError(f"the plugin index {where} is not JSON: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("plugins"), list):
        raise DataError(f"the plugin index {where} has no list of plugins")
    if data.get("schema_version") != SCHEMA_VERSION:
        raise DataError(
            f"the plugin index {where} has schema version {data.get('schema_version')!r}; "
            f"this zoo reads {SCHEMA_VERSION}"
        )
    where = f"the plugin index {where}"
    return [_entry(each, f"entry {number} of {where}") for number, each in enumerate(data["plugins"], 1)]


def search(words: Iterable[str], where: str | Path) -> list[IndexedPlugin]:
    """Return the packages of an index that match all *words*, by name; raises like :func:`read_index`."""
    given = list(words)
    return sorted((each for each in read_index(where) if each.matches(given)), key=lambda each: each.distribution)


def installed_index(distributions: Iterable[importlib.metadata.Distribution] | None = None) -> str:
    """Return an index of the installed packages of plugins as JSON, from their metadata; none is imported."""
    found = importlib.metadata.distributions() if distributions is None else distributions
    entries = {each.distribution: each for each in _installed(found)}
    listed = [asdict(entries[name]) for name in sorted(entries)]
    return json.dumps({"schema_version": SCHEMA_VERSION, "plugins": listed}, indent=2, ensure_ascii=False) + "\n"


def _installed(distributions: Iterable[importlib.metadata.Distribution]) -> Iterator[IndexedPlugin]:
    for distribution in distributions:
        points = [point for point in distribution.entry_points if point.group == "zoo"]
        if not points:
            continue
        metadata: Any = distribution.metadata
        urls = [url.partition(",")[2].strip() for url in metadata.get_all("Project-URL") or ()]
        yield IndexedPlugin(
            distribution=metadata["Name"],
            version=metadata["Version"] or "",
            summary=metadata["Summary"] or "",
            keywords=tuple(word.strip() for word in re.split(r"[,\s]+", metadata["Keywords"] or "") if word.strip()),
            homepage=metadata["Home-page"] or next(iter(urls), ""),
            plugins=tuple(sorted(point.name for point in points)),
        )


def _fetched(url: str) -> bytes:
    import http.client
    import urllib.error
    import urllib.request

    if not _is_secure(url):
        raise UsageError(f"the plugin index {url}: expected a file or a URL that begins with https://")
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # urllib's errors are OSErrors
            if not _is_secure(answer.url):
                raise OSError(f"it leads to {answer.url}, which is not encrypted")
            content: bytes = answer.read(LIST.max_bytes + 1)
    except urllib.error.HTTPError as error:
        with error:  # it holds the connection
            raise OSError(f"the server answered {error.code} {error.reason}") from None
    except http.client.HTTPException as error:
        raise OSError(f"the server broke off: {type(error).__name__}: {error}") from error
    if len(content) > LIST.max_bytes:
        raise OSError(f"it is larger than {LIST.max_bytes:,} bytes")
    return content


def _is_secure(url: str) -> bool:
    """Return whether nobody on the way can change what is at a URL: it is encrypted, or of this machine, as for pip."""
    import ipaddress
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    try:
        is_own = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_own = False
    return parts.scheme == "http" and is_own


def _entry(value: Any, where: str) -> IndexedPlugin:
    if not isinstance(value, dict) or not isinstance(value.get("distribution"), str):
        raise DataError(f"{where} names no distribution")
    # It becomes part of a command that people copy.
    if not _DISTRIBUTION.fullmatch(value["distribution"]):
        raise DataError(f"{where} has the distribution {value['distribution']!r}, which is no name of a package")
    texts = {name: value.get(name, "") for name in ("version", "summary", "homepage")}
    lists = {name: value.get(name, []) for name in ("keywords", "plugins")}
    if not all(isinstance(text, str) for text in texts.values()) or not all(
        isinstance(each, list) and all(isinstance(item, str) for item in each) for each in lists.values()
    ):
        raise DataError(f"{where} has a field of the wrong type: texts and lists of texts are expected")
    return IndexedPlugin(
        distribution=value["distribution"],
        version=texts["version"],
        summary=texts["summary"],
        homepage=texts["homepage"],
        keywords=tuple(lists["keywords"]),
        plugins=tuple(lists["plugins"]),
    )
