"""``zoo bench --runtimes``: the trained weights of finished trials under other runtimes, after the trials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from zoo.cli.session import complain
from zoo.text import plural

if TYPE_CHECKING:
    from harness.bench.bench import BenchSummary
    from harness.planning.request import BenchRequest
    from harness.records.store import Store
    from harness.runtimes.bench import RuntimeSummary
    from reports.trials.reading import Trial
    from zoo.loading import Sources


def run_asked_runtimes(
    request: BenchRequest,
    summary: BenchSummary,
    *,
    store: Store,
    sources: Sources,
    tell: Callable[[str], None],
    preload: Sequence[str],
    retry: bool,
    timeout: float | None,
    deadline: float | None,
) -> RuntimeSummary | None:
    """Run the bench's trials under the runtimes that were asked for; None where there is nothing to do."""
    from harness.runtimes.bench import run_runtimes
    from zoo.cache import decoded_root

    if summary.interrupted or set(request.runtimes) <= {"eager"}:
        return None
    return run_runtimes(
        summary.records,
        request.runtimes,
        store=store,
        sources=sources,
        cache=decoded_root(),
        tell=lambda sentence: tell(f"runtimes, {sentence}"),
        preload=preload,
        retry=retry,
        timeout=timeout,
        deadline=deadline,
    )


def with_asked_runtimes(request: BenchRequest, trials: Sequence[Trial]) -> list[Trial]:
    """Return *trials* with what is there of the runtimes that were asked for; damaged ones are told of."""
    from harness.records.runtime_result import runtime_name
    from reports.leaderboard.runtime_rows import with_runtimes

    found, damaged = with_runtimes(trials)
    for problem in damaged:
        complain(problem)
    return [trial for trial in found if runtime_name(trial[1]) in ("", *request.runtimes)]


def tell_of_runtimes(summary: RuntimeSummary | None, *, quiet: bool) -> bool:
    """Say what went wrong with runtimes, and tell whether all that was asked for is there."""
    if summary is None:
        return True
    for sentence in (*summary.notes, *summary.failures):
        complain(sentence)
    if summary.not_started:
        complain(f"{plural(summary.not_started, 'runtime')} not started, for the budget is spent")
    if summary.interrupted:
        complain("interrupted; the same command again continues where it stopped")
    elif summary.failures and not quiet:
        complain(f"{plural(len(summary.failures), 'runtime')} failed; --retry runs them again")
    return not (summary.failures or summary.not_started or summary.interrupted)
