"""Provenance: the origin of the plugins that a trial uses, as stated in its spec and record."""

from __future__ import annotations

from typing import Any

from harness.records.spec import ProviderSpec
from zoo.catalog import Entry
from zoo.loading import code_hash


def provider_spec(entry: Entry[Any]) -> ProviderSpec:
    """Return the provider of a catalog entry, with the hash of the provider's code."""
    provider = entry.provider
    return ProviderSpec(
        plugin=provider.name,
        distribution=provider.distribution,
        version=provider.version,
        code_hash=code_hash(provider),
    )
