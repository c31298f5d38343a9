"""Label noise: where the known errors of a test set exceed the difference between neighbours that tests separate.

A test separates two rows on the labels as they are. If more of these are known to be wrong than the rows differ in, the
order could be that of how well each row agrees with the errors (Northcutt, Athalye and Mueller, "Pervasive label errors
in test sets destabilize machine learning benchmarks", NeurIPS 2021).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from reports.leaderboard.remarks.notes import names_text
from reports.leaderboard.table import Row, row_names


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownNoise:
    """What is known about a published test set."""

    num_test: int
    """Images of the whole test set; nothing is said about a part of it."""
    errors: int
    """Labels that people have found to be wrong."""
    duplicates: float
    """Share of test images with a duplicate or a near one among the training images."""
    source: str


KNOWN_NOISE = {
    "zoo/cifar10": KnownNoise(
        num_test=10_000,
        errors=54,
        duplicates=0.033,
        source="Northcutt et al. 2021, arXiv:2103.14749; Barz and Denzler 2020, arXiv:1902.00423",
    ),
}
"""Known label noise, by the full name of the dataset."""


def label_noise_note(full_name: str, num_test: int | None, rows: Sequence[Row]) -> str:
    """Return a sentence on neighbours whose difference could be label noise; empty if there are none.

    Args:
        full_name: Full name of the dataset.
        num_test: Number of its test images.
        rows: Ranked rows in order.
    """
    known = KNOWN_NOISE.get(full_name)
    if known is None or num_test != known.num_test:
        return ""
    share = known.errors / known.num_test
    names = row_names(rows)
    pairs = []
    for place, (better, worse) in enumerate(itertools.pairwise(rows)):
        if better.rank_high is None or worse.rank_low is None or better.rank_high >= worse.rank_low:
            continue  # a tie needs no further reason for doubt
        means = [row.metrics["accuracy"].mean for row in (better, worse) if "accuracy" in row.metrics]
        if len(means) == 2 and abs(means[0] - means[1]) < share:
            pairs.append(f"{names[place]} / {names[place + 1]}")
    if not pairs:
        return ""
    return (
        f"could be label noise: {known.errors} of the {known.num_test:,} labels are known to be wrong, and "
        f"{100 * known.duplicates:g} % of the images have near duplicates in the training set ({known.source}), which "
        f"is more than the rows differ by: {names_text(pairs)}"
    )
