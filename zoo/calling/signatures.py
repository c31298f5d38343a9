"""Signatures: which of the things that are offered to a plugin's function it takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any


def accepted(function: Callable[..., Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of *offered* that *function* takes as keywords, by name or as ``**kwargs``.

    A function whose signature cannot be found, as some written in C, takes none.
    """
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        return dict(offered)
    by_keyword = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    taken = {name for name, each in parameters.items() if each.kind in by_keyword}
    return {name: value for name, value in offered.items() if name in taken}
