"""``zoo bench --runtimes``: evaluates and times trained weights under other runtimes, after the trials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from zoo.names import is_pattern
from zoo.text import plural

if TYPE_CHECKING:
    from harness.bench.bench import BenchSummary
    from harness.bench.follow_up import FollowUpSummary
    from harness.bench.settings import RunLimits
    from harness.planning.plan import Plan
    from harness.planning.request import BenchRequest
    from harness.records.store import Store
    from reports.trials.reading import Trial
    from zoo.catalog import Catalog, Entry
    from zoo.loading import Sources
    from zoo.runtime import Runtime


def run_requested_runtimes(
    request: BenchRequest,
    summary: BenchSummary,
    *,
    catalog: Catalog,
    store: Store,
    sources: Sources,
    note: Callable[[str], None],
    plan: Plan,
    limits: RunLimits,
) -> FollowUpSummary | None:
    """Run the trained or evaluated weights under the requested runtimes; return None if there is nothing to do."""
    from harness.planning.request import OWN_RUNTIME
    from harness.runtimes.bench import run_runtimes

    entries = requested_runtimes(request, catalog)
    if summary.interrupted or {entry.display_name for entry in entries} <= {OWN_RUNTIME}:
        return None
    networks = [record for record in summary.records if record.origin is None or record.origin.has_network]
    kinds = [record.spec.classifier.kind if record.spec.classifier else "trained" for record in networks]
    of_torch = [record for record, kind in zip(networks, kinds, strict=True) if kind != "onnx"]
    if left_out := len(networks) - len(of_torch):
        note(f"runtimes: {plural(left_out, 'row')} of ONNX files left out, since only onnxruntime runs these")
    return run_runtimes(
        of_torch,
        entries,
        store=store,
        sources=sources,
        tell=lambda sentence: note(f"runtimes, {sentence}"),
        preload=plan.preload,
        limits=limits,
        given=plan.classifiers,
    )


def requested_runtimes(request: BenchRequest, catalog: Catalog) -> list[Entry[Runtime]]:
    """Return the runtimes that a request names, by names and patterns; planning has checked them."""
    from harness.planning.request import OWN_RUNTIME

    found = [
        entry
        for name in request.runtimes
        if name != OWN_RUNTIME or name in catalog.runtimes
        for entry in (catalog.runtimes.match(name) if is_pattern(name) else [catalog.runtimes.get(name)])
    ]
    return list({entry.full_name: entry for entry in found}.values())


def with_requested_runtimes(runtimes: Sequence[str], trials: Sequence[Trial]) -> tuple[list[Trial], list[str]]:
    """Return *trials* with the results of the requested runtimes, and a sentence for each damaged result."""
    from harness.records.runtime_result import runtime_name
    from reports.trials.reading import with_runtimes

    found, damaged = with_runtimes(trials)
    return [trial for trial in found if runtime_name(trial[1]) in ("", *runtimes)], damaged


def runtime_shortfalls(summary: FollowUpSummary | None) -> list[str]:
    """Return a sentence for each requested result of a runtime that is missing; none if all are there."""
    if summary is None:
        return []
    sentences = summary.shortfalls(f"{plural(summary.not_started, 'runtime')} not started")
    if summary.failures and not summary.interrupted:
        sentences.append(f"{plural(len(summary.failures), 'runtime')} failed; --retry runs them again")
    return sentences
