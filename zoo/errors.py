"""The errors a user can meet.

::

    ZooError                     base class; the command line exits with 2
    ├── UsageError               invalid arguments, options or settings
    │   ├── UnknownNameError     an unknown model, dataset, recipe, metric …
    │   ├── AmbiguousNameError   a short name that two providers claim
    │   └── ManyErrors           several errors, reported together
    ├── PluginError              a broken plugin, or a selected record of one
    │   └── UnavailableWeightsError   published weights that cannot be loaded
    ├── DataError                a dataset that is missing or invalid
    └── StoreError               a folder that cannot be read or written

Each message is one sentence that can be shown to a user as it is. Users see a traceback only if zoo itself is at fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


class ZooError(Exception):
    """Base class of errors caused by the user, a plugin or the machine, and not by zoo itself."""


class UsageError(ZooError, ValueError):
    """An argument, option or setting is invalid."""


class UnknownNameError(UsageError):
    """A name that is not in the catalog.

    Attributes:
        kind: Kind of record, in the singular: ``"model"``.
        name: The unknown name.
        near: Similar names, best first.
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
    """A short name that several providers claim; their full names differ."""

    def __init__(self, kind: str, name: str, *, owners: Mapping[str, str]) -> None:
        self.kind, self.name, self.full_names = kind, name, tuple(owners)
        meanings = [f"{full} ({owner})" if owner else full for full, owner in owners.items()]
        super().__init__(f"{kind} {name!r} is ambiguous: use the full name, {' or '.join(meanings)}")


class ManyErrors(UsageError):
    """Several mistakes of one call, reported together so that all can be fixed at once."""

    def __init__(self, errors: Sequence[ZooError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in self.errors))

    @classmethod
    def of(cls, errors: Iterable[ZooError]) -> ZooError:
        """Return the only error, or all of them as one; what several have in common is told once."""
        told: dict[str, ZooError] = {}
        for error in errors:
            for each in error.errors if isinstance(error, ManyErrors) else (error,):
                told.setdefault(str(each), each)
        flat = list(told.values())
        return flat[0] if len(flat) == 1 else cls(flat)

    @classmethod
    def raise_if(cls, errors: Iterable[ZooError]) -> None:
        """Raise the only error, or all of them as one; do nothing if there are none."""
        if given := tuple(errors):
            raise cls.of(given)


class PluginError(ZooError):
    """A plugin is broken, or a record of a broken plugin was selected."""


class UnavailableWeightsError(PluginError):
    """Published weights that a network was to start from cannot be loaded, such as without a network.

    Attributes:
        cause: Why, without the name of the network: ``there is no connection to https://huggingface.co``.
    """

    def __init__(self, message: str, *, cause: str) -> None:
        self.cause = cause
        super().__init__(message)


class DataError(ZooError):
    """A dataset is missing or invalid."""


class StoreError(ZooError):
    """A folder or file cannot be read or written."""
