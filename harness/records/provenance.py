"""Provenance: the origin of the plugins that a trial uses, as stated in its spec and record."""

from __future__ import annotations

import time
from typing import Any

from harness.code.identity import code_identity, was_edited
from harness.records.spec import CodeSpec, ProviderSpec, stable_hash
from zoo.catalog import Entry
from zoo.errors import PluginError

LOADED_NS = time.time_ns()
"""When this process loaded this module, before it could state any provider; in nanoseconds since the epoch."""
MISSING = "(absent)"
"""Stands for what only the other of two records has."""


def provider_spec(entry: Entry[Any]) -> ProviderSpec:
    """Return the provider of a catalog entry, with the code, files and libraries that the entry depends on.

    Raises:
        PluginError: If it declares a data file that is not there, or a library is hidden by another copy.
    """
    provider, found = entry.provider, code_identity(entry)
    code = CodeSpec(
        modules=dict(found.modules), files=dict(found.files), libraries=dict(found.libraries), arguments=found.arguments
    )
    return ProviderSpec(
        plugin=provider.name,
        distribution=provider.distribution,
        version=provider.version,
        code_hash=stable_hash(code.model_dump()),
        code=code,
    )


def check_unchanged(entry: Entry[Any], planned: ProviderSpec, *, since_ns: int) -> None:
    """Check that the code of an entry is what a plan states, so that a record does not name other code than ran.

    Args:
        entry: The entry as this process has loaded it.
        planned: What the plan states.
        since_ns: A time before the plan was made, in nanoseconds since the epoch; only files that were written later
            are looked at closely.

    Raises:
        PluginError: If the code was edited.
    """
    if planned.code is None or not was_edited(
        entry.provider, planned.code.modules, planned.code.files, since_ns=since_ns
    ):
        return
    now = provider_spec(entry)
    if now.code_hash != planned.code_hash:
        changed = ", ".join(code_differences(planned, now))
        raise PluginError(
            f"the code of {entry.display_name} was edited while the bench ran ({changed}), so the record would name "
            "other code than ran: run the same command again, which plans with the code as it is now"
        )


def code_differences(one: ProviderSpec, other: ProviderSpec) -> dict[str, tuple[str, str]]:
    """Return what differs in the code of two records, such as ``library numpy``, with the version or digest of each.

    If one of the two was made by an earlier version, which kept a hash only, nothing can be named.
    """
    if one.code is None or other.code is None:
        return {}
    left, right = _parts(one.code), _parts(other.code)
    names = dict.fromkeys([*left, *right])
    found = {name: (left.get(name, MISSING), right.get(name, MISSING)) for name in names}
    return {name: pair for name, pair in found.items() if pair[0] != pair[1]}


def _parts(code: CodeSpec) -> dict[str, str]:
    kinds = (("module", code.modules), ("file", code.files), ("library", code.libraries))
    parts = {f"{kind} {name}": value for kind, values in kinds for name, value in values.items()}
    return {**parts, "arguments": code.arguments}
