"""Weights at hand: which networks of a bench have published weights on this machine, or can download them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoo.calling.containment import reported
from zoo.errors import UnavailableWeightsError, ZooError
from zoo.loading import Sources, build_catalog


def causes_of_absence(sources: Mapping[str, Any], networks: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return for each network why its published weights cannot be loaded; empty: they can, or it does not say.

    Args:
        sources: Fields of :class:`zoo.loading.Sources`.
        networks: The full name of the ``architecture`` and all of its ``options`` for each.
    """
    catalog = build_catalog(Sources(**sources))
    return [
        _cause(catalog.architectures.get(each["architecture"]).record.check_weights, each["options"])
        for each in networks
    ]


def _cause(check: Any, options: Mapping[str, Any]) -> str:
    if check is None:
        return ""
    try:
        with reported("asking whether published weights can be loaded", "the check of published weights failed"):
            check(options)
    except UnavailableWeightsError as error:
        return error.cause
    except ZooError:  # a mistake in an option or in a plugin, which the trial reports
        return ""
    return ""
