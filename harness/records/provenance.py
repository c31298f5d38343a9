"""Provenance: where what a trial used comes from, as its spec and its record state it."""

from __future__ import annotations

from typing import Any

from harness.records.spec import ProviderSpec
from zoo.catalog import Entry
from zoo.loading import code_hash


def provider_spec(entry: Entry[Any]) -> ProviderSpec:
    """Return where a record comes from, with the hash of the code that provides it."""
    provider = entry.provider
    return ProviderSpec(
        plugin=provider.name,
        distribution=provider.distribution,
        version=provider.version,
        code_hash=code_hash(provider),
    )
