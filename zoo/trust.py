"""Trust: which installed plugins may be imported, as set by the variable ``ZOO_PLUGINS``.

It is a comma-separated list of plugins (names of entry points) or of their distributions::

    ZOO_PLUGINS=zoo-medmnist,nets    load only these
    ZOO_PLUGINS=-zoo-medmnist        load all but this one
    ZOO_PLUGINS=nets,-nets-extra     a blocked name overrides an allowed one

If it is unset or empty, all plugins are loaded. Built-ins and files given with ``--plugin`` are not affected. Names are
compared with metadata before any import, in scripts and in trials too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

VARIABLE = "ZOO_PLUGINS"


@dataclass(frozen=True, kw_only=True, slots=True)
class Trust:
    """An allow list and a block list."""

    allowed: tuple[str, ...] = ()
    """Names that may be loaded; empty: all."""
    blocked: tuple[str, ...] = ()
    """Names that must not be loaded."""

    @classmethod
    def parse(cls, text: str) -> Trust:
        """Parse a list such as ``nets,-nets-extra``."""
        items = [item.strip() for item in text.split(",")]
        return cls(
            allowed=tuple(item for item in items if item and not item.startswith("-")),
            blocked=tuple(item[1:].strip() for item in items if item.startswith("-") and item[1:].strip()),
        )

    @classmethod
    def of_environment(cls) -> Trust:
        """Return the lists in ``ZOO_PLUGINS``."""
        return cls.parse(os.environ.get(VARIABLE, ""))

    def refusal(self, plugin: str, distribution: str) -> str:
        """Return why a plugin must not be loaded, or ``""`` if it may be."""
        own = {_normal(plugin), _normal(distribution)} - {""}
        for name in self.blocked:
            if _normal(name) in own:
                return f"{VARIABLE} blocks {name!r}"
        if self.allowed and not own & {_normal(name) for name in self.allowed}:
            return f"{VARIABLE} does not allow it"
        return ""

    def unmatched(self, names: Iterable[str]) -> list[str]:
        """Return the listed names that are not in *names*, the installed plugins and distributions."""
        known = {_normal(name) for name in names}
        return [name for name in (*self.allowed, *self.blocked) if _normal(name) not in known]


def _normal(name: str) -> str:
    """Return a name normalised as PyPA specifies, so that all spellings of a distribution are equal."""
    return re.sub(r"[-_.]+", "-", name).lower()
