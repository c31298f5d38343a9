"""Optimizers: the update rules that a recipe can name, its own and those of timm's factory."""

from __future__ import annotations

import importlib.metadata
from typing import Any

from zoo.files.cache import cached_json
from zoo.names import near_names

OWN = ("sgd", "adam", "adamw", "rmsprop")
"""Optimizers that call torch's classes directly."""

TIMM = "timm/"
"""Prefix of those that ``timm.optim.create_optimizer_v2`` makes."""

_LISTING = 1  # incremented whenever the cached facts change
_NEEDS_MORE = ("apex", "bnb", "fused")
"""First part of the names of those that need another package."""


def check_optimizer(name: str) -> None:
    """Check the name of an optimizer.

    Raises:
        ValueError: If there is none with that name.
    """
    if name in OWN:
        return
    if not name.startswith(TIMM):
        near = near_names(name, OWN)
        hint = f", did you mean {near[0]}" if near else ""
        raise ValueError(f"input should be 'sgd', 'adam', 'adamw', 'rmsprop' or 'timm/name'{hint}")
    known = timm_optimizers()
    if name not in known:
        near = near_names(name, known) or known
        raise ValueError(f"timm has no such optimizer, or it needs another package; near: {', '.join(near)}")


def timm_optimizers() -> list[str]:
    """Return the names of timm's optimizers, ``timm/lamb`` and the like, from the cache if possible."""
    version = importlib.metadata.version("timm")
    found: list[str] = cached_json(f"timm-{version}-models-optimizers-{_LISTING}", _list)["names"]
    return found


def _list() -> dict[str, Any]:
    from timm.optim import get_optimizer_info, list_optimizers  # type: ignore[attr-defined]  # timm exports them

    names = [
        name
        for name in map(str, list_optimizers())
        if not name.startswith(_NEEDS_MORE) and not get_optimizer_info(name).second_order
    ]
    return {"names": [TIMM + name for name in names]}
