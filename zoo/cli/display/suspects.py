"""Suspects of an audit as lines of text: likely wrong labels, near duplicates, and the table without them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from zoo.cli.display.text import TextColumn, table_lines
from zoo.text import clean, plural

if TYPE_CHECKING:
    from harness.data.audits.folder_copies import FolderCopies
    from reports.leaderboard.leaderboard import Leaderboard
    from zoo.api.suspects import Suspects

_LABELS = (
    TextColumn(title="image", shrink=2, least=16),
    TextColumn(title="split"),
    TextColumn(title="label", shrink=1, least=10),
    TextColumn(title="%", right=True),
    TextColumn(title="looks like", shrink=1, least=10),
    TextColumn(title="%", right=True),
    TextColumn(title="networks", right=True),
)
_PAIRS = (
    TextColumn(title="image", shrink=1, least=16),
    TextColumn(title="split"),
    TextColumn(title="label", shrink=1, least=10),
    TextColumn(title="looks like", shrink=1, least=16),
    TextColumn(title="split"),
    TextColumn(title="label", shrink=1, least=10),
    TextColumn(title="alike %", right=True),
)


_COPIES = (
    TextColumn(title="test image", shrink=1, least=16),
    TextColumn(title="looks like", shrink=1, least=16),
    TextColumn(title="alike %", right=True),
)


def suspect_lines(found: Suspects, board: Leaderboard | None, *, count: int, width: int | None) -> Iterator[str]:
    """Yield the lines of an audit, with up to *count* suspects of each kind."""
    from reports.render.terminal import terminal_text

    judged = (
        f"{found.num_judged:,} of {plural(found.num_images, 'image')} judged, by networks that agree with "
        f"{100 * found.agreement:.1f} % of their labels"
    )
    yield f"{clean(found.dataset)}: {plural(len(found.labels), 'likely wrong label')} ({judged})"
    rows = [
        (
            each.id,
            each.split,
            each.label,
            f"{100 * each.label_probability:.1f}",
            each.suggestion,
            f"{100 * each.suggestion_probability:.1f}",
            str(each.num_networks),
        )
        for each in found.labels[:count]
    ]
    yield from table_lines(_LABELS, rows, width=width) if rows else ()
    yield from _rest(len(found.labels), count)
    yield ""
    yield f"{clean(found.dataset)}: {plural(len(found.near_duplicates), 'pair')} of near duplicates"
    pairs = [
        (
            each.ids[0],
            each.splits[0],
            each.labels[0],
            each.ids[1],
            each.splits[1],
            each.labels[1],
            f"{100 * each.correlation:.1f}",
        )
        for each in found.near_duplicates[:count]
    ]
    yield from table_lines(_PAIRS, pairs, width=width) if pairs else ()
    yield from _rest(len(found.near_duplicates), count)
    if board is not None:
        yield ""
        yield (
            f"the table without {plural(len(found.excluded), 'suspicious test image')}, most of which these networks "
            "get wrong, so that accuracies rise; compare the order:"
        )
        yield ""
        yield terminal_text(board, width=width, brief=True).rstrip("\n")


def copy_lines(name: str, found: FolderCopies, *, count: int, width: int | None) -> Iterator[str]:
    """Yield the lines about test images that are in a folder as well, up to *count* of them."""
    unreadable = f", {found.num_unreadable:,} of which cannot be read" if found.num_unreadable else ""
    number = f"{len(found.copies):,} of {plural(found.num_test, 'test image')}"
    yield f"{clean(name)}: {number} look like one of {plural(found.num_files, 'file')}{unreadable}"
    rows = [(copy.id, copy.file, f"{100 * copy.correlation:.1f}") for copy in found.copies[:count]]
    yield from table_lines(_COPIES, rows, width=width) if rows else ()
    yield from _rest(len(found.copies), count)


def _rest(total: int, count: int) -> Iterator[str]:
    if total > count:
        yield f"… and {total - count:,} more (--count, --format json)"
