"""The errors a user can meet.

::

    ZooError                     anything zoo says in one sentence; the command line exits with 2
    ├── UsageError               what was asked for cannot be meant
    │   ├── UnknownNameError     no such model, dataset, recipe, metric …
    │   ├── AmbiguousNameError   a short name that two providers claim
    │   └── ManyErrors           several of these, reported together
    ├── PluginError              a plugin is broken, or something of a broken plugin was selected
    ├── DataError                a dataset cannot be had, or is not what it should be
    └── StoreError               a folder of records cannot be read or written

Each carries one sentence fit to be shown as it is. A traceback is shown to a user only when zoo
itself is at fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


class ZooError(Exception):
    """Base of all errors that are the user's, a plugin's or the machine's, never zoo's own."""


class UsageError(ZooError, ValueError):
    """What was asked for cannot be meant."""


class UnknownNameError(UsageError):
    """A name that nothing in the catalog has.

    Attributes:
        kind: What was looked for, in the singular: ``"model"``.
        name: What was given.
        near: Names like it, best first.
    """

    def __init__(self, kind: str, name: str, *, near: Sequence[str] = (), hint: str = "") -> None:
        self.kind, self.name, self.near = kind, name, tuple(near)
        message = f"no {kind} is called {name!r}"
        if near:
            message += f"; did you mean {' or '.join(repr(each) for each in near)}?"
        if hint:
            message += f"{'' if near or hint.startswith('(') else ';'} {hint}"
        super().__init__(message)


class AmbiguousNameError(UsageError):
    """A short name that two providers claim; the full names tell them apart."""

    def __init__(self, kind: str, name: str, *, owners: Mapping[str, str]) -> None:
        self.kind, self.name, self.full_names = kind, name, tuple(owners)
        meanings = [f"{full} ({owner})" if owner else full for full, owner in owners.items()]
        super().__init__(f"{kind} {name!r} could mean {' or '.join(meanings)}; give the full name")


class ManyErrors(UsageError):
    """Several mistakes in one call, so that a user can mend all of them at once."""

    def __init__(self, errors: Sequence[ZooError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in self.errors))

    @classmethod
    def of(cls, errors: Iterable[ZooError]) -> ZooError:
        """Return the only error, or all of them as one."""
        flat: list[ZooError] = []
        for error in errors:
            flat.extend(error.errors if isinstance(error, ManyErrors) else (error,))
        return flat[0] if len(flat) == 1 else cls(flat)

    @classmethod
    def raise_if(cls, errors: Iterable[ZooError]) -> None:
        """Raise the only error, or all of them as one; do nothing if there are none."""
        if given := tuple(errors):
            raise cls.of(given)


class PluginError(ZooError):
    """A plugin is broken, or something of a broken plugin was asked for."""


class DataError(ZooError):
    """A dataset cannot be had, or is not what it should be."""


class StoreError(ZooError):
    """A folder of records cannot be read or written."""
