"""Coverage: which sources of variance the intervals and tests of a row cover.

What differs between its seeds is covered; what all of them share is not (Bouthillier and others, "Accounting for
variance in machine learning benchmarks", MLSys 2021).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.records.origin import origin_of
from harness.records.record import Record
from reports.leaderboard.ranking_evidence import RankingEvidence


def covered_by(records: Sequence[Record], evidence: RankingEvidence) -> tuple[str, ...]:
    """Return the sources of variance that the intervals of a row cover; empty if it has none.

    Args:
        records: Its finished trials, one for each seed.
        evidence: What its accuracy is ranked on.
    """
    sample = evidence.sample
    if sample is None:
        return ()
    found = []
    if len(records) > 1 and (records[0].origin or origin_of(records[0].spec)) is None:
        found += ["weights", "order"]
        if any(record.spec.search is not None and record.spec.search.repeats > 1 for record in records):
            found.append("search")
        if len({record.spec.dataset.resplit for record in records}) > 1:
            found.append("validation split")
        if sample.fold_scores is not None:
            found += ["folds", "training images"]
    return (*found, "test images")


def coverage_text(rows: Sequence[tuple[str, ...]]) -> str:
    """Return what the intervals of rows cover, with the number of rows where they differ."""
    kinds = Counter(each for each in rows if each)
    if len(kinds) == 1:
        return ", ".join(next(iter(kinds)))
    listed = [f"{', '.join(kind)} ({count} row{'' if count == 1 else 's'})" for kind, count in kinds.most_common()]
    return " or ".join(listed)
