"""The choice of plugins: what a call from Python loads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.catalog import Catalog
    from zoo.finding import Sources


PluginFiles = Sequence[str | os.PathLike[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class PluginChoice:
    """Which plugins a call loads, with the meaning of ``--plugin``, ``--strict-plugins`` and ``--no-plugins``."""

    files: PluginFiles = ()
    """Plugin files to load."""
    strict: bool = False
    """Whether a broken plugin is an error."""
    installed: bool = True
    """Whether installed plugins are loaded."""

    def sources(self) -> Sources:
        """Return where to look for plugins."""
        from zoo.finding import Sources

        return Sources(
            files=tuple(str(Path(file)) for file in self.files), entry_points=self.installed, strict=self.strict
        )

    def catalog(self, *, hooks: Sequence[str] | None = None) -> Catalog:
        """Load the plugins.

        Args:
            hooks: Hooks to call; None: all.

        Raises:
            UsageError: If a file does not exist.
            PluginError: If a plugin is broken, with *strict*.
        """
        from zoo.errors import ManyErrors, UsageError
        from zoo.loading import build_catalog

        missing = [file for file in self.files if not Path(file).is_file()]
        ManyErrors.raise_if(UsageError(f"plugins = {file}: no such file") for file in missing)
        return build_catalog(self.sources(), hooks=hooks)
