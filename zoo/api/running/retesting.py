"""``zoo bench --test-also``: tests trained weights on further sets, after the trials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoo.text import plural

if TYPE_CHECKING:
    from harness.bench.bench import BenchSummary
    from harness.bench.follow_up import FollowUpSummary
    from harness.bench.settings import RunLimits
    from harness.records.record import Record
    from harness.records.store import Store
    from harness.retesting.bench import DescribedSets, Retester
    from zoo.api.ordering import BenchOrder
    from zoo.events import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class Retesting:
    """The further tests of a bench."""

    store: Store
    note: Callable[[str], None]
    """Shows a sentence that does not belong to a trial."""
    retester: Retester | None = None
    """None: no further sets were requested."""
    described: DescribedSets | None = None

    @classmethod
    def of(
        cls, order: BenchOrder, store: Store, *, emit: Callable[[Event], None], note: Callable[[str], None]
    ) -> Retesting:
        """Return the further tests of an order, whose sets can be loaded and have classes that fit.

        Raises:
            ZooError: With a sentence for each set that cannot be used.
        """
        from harness.retesting.bench import Retester
        from harness.retesting.requested import requested_sets

        chosen = order.chosen
        sets = requested_sets(chosen.request, chosen.catalog)
        if not sets:
            return cls(store=store, note=note)
        retester = Retester(store, order.sources, order.settings.data, preload=chosen.plan.preload, emit=emit)
        note(f"further test sets: {plural(len(sets), 'set')}")
        described = retester.describe(sets, chosen.plan.datasets)
        return cls(store=store, note=note, retester=retester, described=described)

    def run(self, summary: BenchSummary, *, limits: RunLimits) -> FollowUpSummary | None:
        """Test every trial that is done on each set; return None if there is nothing to do."""
        if self.retester is None or self.described is None or summary.interrupted:
            return None
        return self.retester.test(
            summary.records,
            self.described,
            tell=lambda sentence: self.note(f"further test sets, {sentence}"),
            limits=limits,
        )

    def records(self, summary: BenchSummary) -> list[Record]:
        """Return the records of a bench as they are after its further tests."""
        if self.retester is None:
            return list(summary.records)
        return [self.store.read(record.trial_id) or record for record in summary.records]


def retest_shortfalls(summary: FollowUpSummary | None) -> list[str]:
    """Return a sentence for each requested result of a further test set that is missing; none if all are there."""
    if summary is None:
        return []
    return summary.shortfalls(f"{plural(summary.not_started, 'trial')} not tested on further sets")
