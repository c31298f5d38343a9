"""Searches of toy recipes: their records, and how a function or a bench answers them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from harness.bench.bench import BenchSummary, Follow, run_bench
from harness.bench.settings import BenchSettings, RemoteRequest
from harness.bench.slots import SlotRequest
from harness.data.settings import DataSettings
from harness.planning.plan import Plan, make_plan
from harness.planning.request import BenchRequest
from harness.planning.selection import select
from harness.records.spec import TrialSpec
from harness.records.store import Store
from harness.search.combination import Combination
from harness.search.objective import Result
from harness.search.rows import SearchedRow, searched_rows
from harness.search.search import Search
from harness.search.searches import Searches
from zoo.catalog import Catalog
from zoo.events import Event
from zoo.executor import Executor, Workers
from zoo.loading import Sources, build_catalog
from zoo.options import Option

PLUGIN = Path(__file__).with_name("toys.py").read_text()


class ToySearch:
    """Makes searches of the toy recipes, and runs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plugin = folder / "toys.py"
        self.plugin.write_text(PLUGIN)
        self.store = Store(folder / "runs" / "search")
        self.said: list[str] = []
        self.events: list[Event] = []

    @property
    def sources(self) -> Sources:
        return Sources(files=(str(self.plugin),), builtin=False, entry_points=False, strict=True)

    @property
    def catalog(self) -> Catalog:
        return build_catalog(self.sources)

    def request(self, recipe: str = "planted", **changes: Any) -> BenchRequest:
        given = {"models": ["toy"], "data": ["bright"], "recipes": [recipe], "seeds": 2, "tune": 16, **changes}
        return BenchRequest.model_validate({"measure_seconds": 0, "device": "cpu", **given})

    def plan(self, request: BenchRequest) -> Plan:
        return make_plan(select(request, self.catalog))

    def combination(self, recipe: str = "planted", **changes: Any) -> Combination:
        plan = self.plan(self.request(recipe, **changes))
        return Combination.of(plan.trials[0], self.catalog)

    def rows(self, recipe: str = "planted", **changes: Any) -> list[SearchedRow]:
        request = self.request(recipe, **changes)
        rows, _ = searched_rows(self.plan(request), request, self.catalog)
        return rows

    def search(self, recipe: str = "planted", *, at_a_time: int = 1, **changes: Any) -> Search:
        """Return the search of one row."""
        ((search,),) = (row.searches for row in self.rows(recipe, **changes))
        search.at_a_time = at_a_time
        return search

    def run(self, follow: Follow, specs: Sequence[TrialSpec], *, jobs: int = 1) -> BenchSummary:
        """Run trials, and those that follow."""
        return self._run(follow, specs, SlotRequest(jobs=jobs), None)

    def bench(self, *searches: Search, jobs: int = 1, workers: Workers | None = None) -> BenchSummary:
        """Run searches as the bench does, on other machines if there are some."""
        self.store.create()
        follow = Searches(searches, self.store, self.said.append, open_width=workers is not None)
        remote = None
        if workers is not None:
            remote = RemoteRequest(executor=Executor(name="nodes", open=lambda _: nullcontext(workers)), options={})
        return self._run(follow, follow.first(), SlotRequest(jobs=jobs), remote)

    def _run(
        self, follow: Follow, specs: Sequence[TrialSpec], slots: SlotRequest, remote: RemoteRequest | None
    ) -> BenchSummary:
        return run_bench(
            Plan(trials=tuple(specs), preload=("torch",)),
            store=self.store,
            sources=self.sources,
            emit=self.events.append,
            settings=BenchSettings(
                data=DataSettings(data_root=self.folder / "data", cache=self.folder / "cache"),
                slots=slots,
                remote=remote,
            ),
            follow=follow,
        )


Surface = Callable[[Mapping[str, Option]], float]


def answer(search: Search, surface: Surface, *, most: int = 1000) -> list[dict[str, Any]]:
    """Answer the trials of a search by a function of their settings; return their values."""
    waiting = search.due()
    while waiting and len(search.tried) <= most:
        tried = waiting.pop(0)
        settings = {key: tried.values.get(key, search.combination.value(key)) for key in search.space.dimensions}
        search.take(tried.number, result(surface(settings), seconds=60), f"trial-{tried.number}")
        waiting += search.due()
    return [each.values for each in search.tried]


def result(value: float | None, *, seconds: float = 1.0, weights: str = "", loss: float = 0.0) -> Result:
    """Return the result of a trial that is done; None: it failed for another reason than its settings."""
    if value is None:
        return Result(outcome="failed", reason="killed", seconds=seconds)
    return Result(outcome="done", value=value, val_loss=loss, seconds=seconds, weights=weights)
