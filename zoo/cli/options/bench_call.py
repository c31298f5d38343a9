"""The call: everything that a command line of ``zoo bench`` asks for, parsed and checked once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.options.output import split_commas
from zoo.cli.options.placing import remote_of, slots_of
from zoo.cli.options.selecting import Chosen, attempt, choose
from zoo.cli.options.table_choice import TableChoice
from zoo.cli.session import Session
from zoo.files.cache import data_root, require_writable_cache

if TYPE_CHECKING:
    from harness.bench.settings import BenchSettings
    from zoo.catalog import Catalog, Entry
    from zoo.errors import ZooError
    from zoo.listener import Listener


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchCall:
    """What a command line of ``zoo bench`` asks for."""

    chosen: Chosen
    """What to run."""
    table: TableChoice
    """How to show the results."""
    store: Path
    """Folder of records."""
    settings: BenchSettings
    """How to run the trials; the deadline is set when they start."""
    listeners: tuple[Entry[Listener], ...]
    """Listeners to open."""
    dry_run: bool
    """Whether to show the plan only."""
    quiet: bool
    """Whether to show the table only."""

    @classmethod
    def parse(cls, session: Session, params: dict[str, Any]) -> BenchCall:
        """Return the call that the parameters of click stand for.

        Raises:
            ZooError: With every mistake of the call at once.
        """
        from harness.bench.settings import BenchSettings, RunLimits
        from harness.data.settings import DataSettings
        from zoo.errors import ManyErrors

        errors: list[ZooError] = []
        timeout = attempt(lambda: _seconds(params["timeout"]), errors)
        cache_limit = attempt(lambda: _bytes(params["cache_limit"]), errors)
        slots = attempt(lambda: slots_of(params), errors)
        attempt(lambda: _check_store(Path(params["out"])), errors)
        if not params["dry_run"]:
            attempt(require_writable_cache, errors)
        # The rest is checked against the catalog, which a mistake so far does not stop from being loaded.
        catalog = attempt(session.catalog, errors)
        if catalog is None:
            raise ManyErrors.of(errors)
        chosen = choose(catalog, params, errors)
        table = attempt(lambda: _table(params, catalog), errors)
        remote = attempt(lambda: remote_of(params, catalog), errors)
        listeners = attempt(lambda: _listeners(params["listen"], catalog), errors)
        if chosen is None or slots is None or table is None or errors:
            raise ManyErrors.of(errors)
        return cls(
            chosen=chosen,
            table=table,
            store=Path(params["out"]),
            settings=BenchSettings(
                data=DataSettings(
                    data_root=data_root(params["data_root"]), download=not params["offline"], cache_limit=cache_limit
                ),
                limits=RunLimits(retry=params["retry"], timeout=timeout),
                slots=slots,
                remote=remote,
            ),
            listeners=tuple(listeners or ()),
            dry_run=params["dry_run"],
            quiet=params["quiet"],
        )


def _table(params: dict[str, Any], catalog: Catalog) -> TableChoice:
    table = TableChoice.from_params(params).declare(catalog)
    table.check()
    return table


def _seconds(text: str | None) -> float | None:
    from zoo.errors import UsageError
    from zoo.options import parse_value

    if text is None:
        return None
    value = parse_value(text)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
        raise UsageError(f"--timeout {text}: expected a number of seconds above 0")
    return float(value)


def _bytes(text: str | None) -> int | None:
    from zoo.files.sizes import parse_size

    return None if text is None else parse_size(text, what="--cache-limit")


def _listeners(given: Sequence[str], catalog: Catalog) -> list[Entry[Listener]]:
    from zoo.errors import ManyErrors

    found: dict[str, Entry[Listener]] = {}
    errors: list[ZooError] = []
    for name in split_commas(tuple(given)):
        entry = attempt(lambda name=name: catalog.listeners.get(name), errors)  # type: ignore[misc]
        if entry is not None:
            found[entry.full_name] = entry
    ManyErrors.raise_if(errors)
    return list(found.values())


def _check_store(store: Path) -> None:
    from zoo.errors import UsageError

    if store.exists() and not store.is_dir():
        raise UsageError(f"--out {store}: expected a folder, and this is a file")
