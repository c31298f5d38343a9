"""Versions of metrics: which numbers of a leaderboard were computed by an outdated version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from harness.records.record import Record
from zoo.text import one_line, plural


def version_notes(records: Iterable[Record], declared: Mapping[str, int]) -> list[str]:
    """Return a sentence for each metric and version that is older than the newest.

    Args:
        records: Records of the trials that are shown.
        declared: Versions by display name, as a catalog has them. A metric that is not declared is compared with the
            newest version among the records, so that a mean over two versions always gets a note.
    """
    counts: Counter[tuple[str, int]] = Counter()
    newest = dict(declared)
    for record in records:
        for name, metric in record.metrics.items():
            counts[name, metric.version] += 1
            newest[name] = max(newest.get(name, metric.version), metric.version)
    return [
        f"{one_line(name)} of {plural(count, 'trial')} was computed by version {version} of the metric; "
        f"run zoo rescore to update {'it' if count == 1 else 'them'} to version {newest[name]}"
        for (name, version), count in sorted(counts.items())
        if version < newest[name]
    ]
