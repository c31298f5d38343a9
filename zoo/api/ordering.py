"""Ordering: all that a bench is asked for, read from text or Python values and checked at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.api.choosing import Chosen, attempt, choose
from zoo.files.cache import data_root, require_writable_cache

if TYPE_CHECKING:
    from harness.bench.settings import BenchSettings, RemoteRequest
    from harness.bench.slots import SlotRequest
    from zoo.catalog import Catalog, Entry
    from zoo.errors import ZooError
    from zoo.finding import Sources
    from zoo.listener import Listener

Spell = Callable[[str], str]
"""Returns how the user gives a setting, for the beginning of a sentence about its value."""


def as_option(name: str) -> str:
    """Spell a setting as an option of the command line: ``--jobs-per-device``."""
    return f"--{name.replace('_', '-')}"


def as_argument(name: str) -> str:
    """Spell a setting as an argument of a call: ``jobs_per_device =``."""
    return f"{name} ="


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchOrder:
    """All that a bench is asked for."""

    chosen: Chosen
    """What to run."""
    store: Path
    """Folder of records."""
    settings: BenchSettings
    """How to run the trials; the deadline is set when they start."""
    listeners: tuple[Entry[Listener], ...]
    """Listeners to open."""
    sources: Sources
    """Plugins that the trials' processes load."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderForm:
    """The settings of a bench as they were given."""

    raw: dict[str, Any]
    """Fields of :class:`harness.planning.request.BenchRequest`."""
    run: Mapping[str, Any]
    """How to run: ``out``, ``timeout``, ``cache_limit``, ``jobs`` and the rest, None where nothing was given."""
    origin: str
    """What sentences call the place where *raw* was given."""
    spell: Spell
    """Spells the names of *run*."""
    is_dry: bool = False
    """Whether nothing is to be run, so that the cache need not be writable."""

    def read(self, catalog: Catalog | None, sources: Sources, *, errors: list[ZooError]) -> BenchOrder:
        """Return what the settings ask for.

        Args:
            catalog: The plugins; None: they cannot be loaded, and *errors* has the reason.
            sources: Where these come from.
            errors: Mistakes so far, which are raised with the others.

        Raises:
            ZooError: With every mistake at once.
        """
        from harness.bench.settings import BenchSettings, RunLimits
        from harness.data.settings import DataSettings
        from zoo.errors import ManyErrors

        run, spell = self.run, self.spell
        timeout = attempt(lambda: _seconds(run["timeout"], spell), errors)
        cache_limit = attempt(lambda: _bytes(run["cache_limit"], spell), errors)
        slots = attempt(lambda: slots_of(run, spell), errors)
        store = Path(run["out"])
        attempt(lambda: _check_store(store, spell), errors)
        if not self.is_dry:
            attempt(require_writable_cache, errors)
        if catalog is None:
            raise ManyErrors.of(errors)
        chosen = choose(self.raw, catalog, errors, origin=self.origin)
        if chosen is not None and chosen.request.is_tuned:
            from harness.search.rows import searched_rows

            attempt(lambda: searched_rows(chosen.plan, chosen.request, chosen.catalog), errors)
        remote = attempt(lambda: remote_of(run, catalog, spell), errors)
        listeners = attempt(lambda: _listeners(run["listen"], catalog), errors)
        if chosen is None or slots is None or errors:
            raise ManyErrors.of(errors)
        return BenchOrder(
            chosen=chosen,
            store=store,
            settings=BenchSettings(
                data=DataSettings(
                    data_root=data_root(run["data_root"]), download=not run["offline"], cache_limit=cache_limit
                ),
                limits=RunLimits(
                    retry=run["retry"],
                    timeout=timeout,
                    keeps_features=any("features" in each.record.needs for each in listeners or ()),
                ),
                slots=slots,
                remote=remote,
                grid=chosen.request.grid,
            ),
            listeners=tuple(listeners or ()),
            sources=sources,
        )


def slots_of(run: Mapping[str, Any], spell: Spell = as_option) -> SlotRequest:
    """Return how many trials run at a time, and on which devices.

    Raises:
        UsageError: With every invalid value.
    """
    from harness.bench.slots import SlotRequest
    from zoo.errors import ManyErrors

    errors: list[ZooError] = []
    jobs = attempt(lambda: _count("jobs", run["jobs"], spell), errors)
    jobs_per_device = attempt(lambda: _count("jobs_per_device", run["jobs_per_device"], spell), errors)
    devices = attempt(lambda: _devices(run["devices"], spell), errors)
    ManyErrors.raise_if(errors)
    return SlotRequest(jobs=jobs, devices=devices, jobs_per_device=jobs_per_device or 1)


def remote_of(run: Mapping[str, Any], catalog: Catalog, spell: Spell = as_option) -> RemoteRequest | None:
    """Return the executor that runs the trials, with its options; None: this machine runs them.

    Raises:
        UsageError: With every mistake in the options.
    """
    from harness.bench.settings import RemoteRequest
    from zoo.dependencies import require_libraries
    from zoo.errors import ManyErrors, UsageError
    from zoo.options import parse_value, resolve_options

    given: dict[str, Any] = {}
    errors: list[ZooError] = []
    options = run["executor_options"]
    if isinstance(options, Mapping):
        given.update(options)
        options = ()
    for text in options:
        key, equals, value = text.partition("=")
        if equals and key.strip():
            given[key.strip()] = parse_value(value)
        else:
            errors.append(UsageError(f"--executor-option {text}: expected NAME=VALUE, such as {_EXAMPLE}"))
    if run["address"] is not None:
        given["address"] = run["address"]
    if run["executor"] is None:
        if given:
            named = ", ".join(given)
            needed = spell("executor").removesuffix(" =")
            errors.append(UsageError(f"{named}: an option of an executor needs {needed} (zoo list executors)"))
        ManyErrors.raise_if(errors)
        return None
    entry = attempt(lambda: catalog.executors.get(run["executor"]), errors)
    resolved = None
    if entry is not None:
        owner = f"executor {entry.display_name}"
        resolved = attempt(lambda: resolve_options(entry.record.options, given, owner=owner), errors)
        attempt(lambda: require_libraries(entry.record.libraries, f"executor {entry.display_name!r}"), errors)
    ManyErrors.raise_if(errors)
    assert entry is not None  # else there were errors
    return RemoteRequest(executor=entry.record, options=resolved or {}, data_root=run["data_root"])


_EXAMPLE = "--executor-option address=auto"


def _count(name: str, value: object, spell: Spell) -> int | None:
    from zoo.errors import UsageError

    if value is None or (value == "auto" and name == "jobs"):
        return None
    text = str(value)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1024:
        raise UsageError(
            f"{spell(name)} {text}: expected {'auto or ' if name == 'jobs' else ''}a whole number from 1 to 1024"
        )
    return int(text)


def _devices(value: object, spell: Spell) -> tuple[int, ...] | None:
    from zoo.errors import UsageError

    if value is None:
        return None
    text = (
        value
        if isinstance(value, str)
        else ",".join(map(str, value))
        if isinstance(value, list | tuple)
        else f"{value}"
    )
    if text.strip() == "all":
        return ()
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise UsageError(f"{spell('devices')} {text}: expected comma-separated numbers, such as 0,1,3, or all")
    indices = [int(part) for part in parts]
    if len(set(indices)) < len(indices):
        raise UsageError(f"{spell('devices')} {text}: a device is given twice")
    return tuple(indices)


def _seconds(given: object, spell: Spell) -> float | None:
    from zoo.errors import UsageError
    from zoo.options import parse_value

    if given is None:
        return None
    value = parse_value(given) if isinstance(given, str) else given
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
        raise UsageError(f"{spell('timeout')} {given}: expected a number of seconds above 0")
    return float(value)


def _bytes(given: object, spell: Spell) -> int | None:
    from zoo.files.sizes import parse_size

    return None if given is None else parse_size(str(given), what=spell("cache_limit"))


def _listeners(names: list[str], catalog: Catalog) -> list[Entry[Listener]]:
    from zoo.dependencies import require_libraries
    from zoo.errors import ManyErrors

    found: dict[str, Entry[Listener]] = {}
    errors: list[ZooError] = []
    for name in names:
        entry = attempt(lambda name=name: catalog.listeners.get(name), errors)  # type: ignore[misc]
        if entry is not None:
            found[entry.full_name] = entry
    for entry in found.values():
        owner = f"listener {entry.display_name!r}"
        attempt(partial(require_libraries, entry.record.libraries, owner), errors)
    ManyErrors.raise_if(errors)
    return list(found.values())


def _check_store(store: Path, spell: Spell) -> None:
    from zoo.errors import UsageError

    if store.exists() and not store.is_dir():
        raise UsageError(f"{spell('out')} {store}: expected a folder, and this is a file")
