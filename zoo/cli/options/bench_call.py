"""The call: everything that a command line of ``zoo bench`` asks for, parsed and checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.api.choosing import Chosen, attempt
from zoo.api.ordering import BenchOrder, OrderForm, as_option
from zoo.cli.options.output import split_commas
from zoo.cli.options.selecting import origin_of, raw_request
from zoo.cli.options.table_choice import TableChoice
from zoo.cli.session import Session

if TYPE_CHECKING:
    from zoo.catalog import Catalog
    from zoo.errors import ZooError


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchCall:
    """What a command line of ``zoo bench`` asks for."""

    order: BenchOrder
    """What to run, how, and where the records go."""
    table: TableChoice
    """How to show the results."""
    dry_run: bool
    """Whether to show the plan only."""
    quiet: bool
    """Whether to show the table only."""

    @property
    def chosen(self) -> Chosen:
        """What to run."""
        return self.order.chosen

    @property
    def store(self) -> Path:
        """Folder of records."""
        return self.order.store

    @classmethod
    def parse(cls, session: Session, params: dict[str, Any], *, fixed: Mapping[str, Any] | None = None) -> BenchCall:
        """Return the call that the parameters of click stand for.

        Args:
            session: The session of the command.
            params: The parameters as click gives them.
            fixed: Settings that the command itself decides.

        Raises:
            ZooError: With every mistake of the call at once.
        """
        errors: list[ZooError] = []
        raw = {**raw_request(params, errors), **(fixed or {})}
        form = OrderForm(
            raw=raw,
            run={**params, "listen": split_commas(params["listen"])},
            origin=origin_of(params),
            spell=as_option,
            is_dry=params["dry_run"],
        )
        catalog = attempt(session.catalog, errors)
        table = None
        if catalog is not None:
            table = attempt(lambda: _table(params, catalog, raw.get("test_also", ())), errors)
        order = form.read(catalog, session.sources(), errors=errors)
        assert table is not None, "a mistake in it was raised with the others"
        return cls(order=order, table=table, dry_run=params["dry_run"], quiet=params["quiet"])


def _table(params: dict[str, Any], catalog: Catalog, further: object) -> TableChoice:
    from reports.leaderboard.further_sets import requested_keys

    table = TableChoice.from_params(params).declare(catalog)
    words = split_commas((further,)) if isinstance(further, str) else further
    table.check(requested_keys([str(word) for word in words]) if isinstance(words, list | tuple) else ())
    return table
