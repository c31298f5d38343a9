"""Trust: which installed plugins may be imported at all, as the variable ``ZOO_PLUGINS`` says.

It holds names with commas between, of plugins (their entry points) or of the distributions that bring them::

    ZOO_PLUGINS=zoo-medmnist,nets    these, and no other that is installed
    ZOO_PLUGINS=-zoo-medmnist        all but this one
    ZOO_PLUGINS=nets,-nets-extra     a block goes before an allowance

Unset or empty, all are loaded. The built-ins and files given with ``--plugin`` are not concerned. It is read where
plugins are looked for, from metadata and before any import, so that it also holds in scripts and in trials.
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
    """The only ones that may be loaded; empty: all."""
    blocked: tuple[str, ...] = ()
    """Those that may not."""

    @classmethod
    def parse(cls, text: str) -> Trust:
        """Read a list such as ``nets,-nets-extra``."""
        items = [item.strip() for item in text.split(",")]
        return cls(
            allowed=tuple(item for item in items if item and not item.startswith("-")),
            blocked=tuple(item[1:].strip() for item in items if item.startswith("-") and item[1:].strip()),
        )

    @classmethod
    def of_environment(cls) -> Trust:
        """Return what ``ZOO_PLUGINS`` says."""
        return cls.parse(os.environ.get(VARIABLE, ""))

    def refusal(self, plugin: str, distribution: str) -> str:
        """Say why a plugin may not be loaded; empty where it may."""
        own = {_normal(plugin), _normal(distribution)} - {""}
        for name in self.blocked:
            if _normal(name) in own:
                return f"{VARIABLE} blocks {name!r}"
        if self.allowed and not own & {_normal(name) for name in self.allowed}:
            return f"{VARIABLE} does not allow it"
        return ""

    def unmatched(self, names: Iterable[str]) -> list[str]:
        """Return what is listed and is none of *names*, the plugins and distributions that there are."""
        known = {_normal(name) for name in names}
        return [name for name in (*self.allowed, *self.blocked) if _normal(name) not in known]


def _normal(name: str) -> str:
    """Return a name such that two spellings of one distribution are equal, as PyPA's name normalisation says."""
    return re.sub(r"[-_.]+", "-", name).lower()
