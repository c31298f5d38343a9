"""Citation: a sentence and a BibTeX entry for a row, with a digest that no other results have."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from reports.site.entries import BoardEntry
from zoo.text import one_line, plural

_SPECIAL = re.compile(r"([&%$#_{}])")


@dataclass(frozen=True, kw_only=True, slots=True)
class Citation:
    """How to cite a row."""

    sentence: str
    bibtex: str
    digest: str
    """SHA-256 over the fingerprint of the images and the result keys of all seeds."""


def citation_of(entry: BoardEntry, title: str) -> Citation | None:
    """Return how to cite a row of the board called *title*; None if it has no result."""
    accuracy = entry.row.metrics.get("accuracy")
    if not entry.done or accuracy is None:
        return None
    keys = sorted(record.result_key for _, record in entry.done)
    digest = hashlib.sha256("\n".join([entry.table.fingerprint, *keys]).encode()).hexdigest()
    interval = (
        f", 95 % interval {100 * accuracy.low:.1f} to {100 * accuracy.high:.1f} %"
        if accuracy.low is not None and accuracy.high is not None
        else ""
    )
    dates = [record.started_at[:10] for _, record in entry.done if record.started_at]
    day = max(dates, default="")
    what = one_line(f"{entry.row.model} ({entry.row.recipe}) on {entry.row.data}", max_length=300)
    result = f"{100 * accuracy.mean:.1f} % accuracy over {plural(accuracy.n, 'seed')}{interval}"
    board = one_line(title, max_length=120)
    sentence = f"{what}: {result}. {board}, {f'{day}, ' if day else ''}results {digest[:16]}."
    fields = {"title": what, "howpublished": board, "year": day[:4], "note": f"{result}; results {digest}"}
    lines = [f"  {name} = {{{_escaped(text)}}}" for name, text in fields.items() if text]
    return Citation(sentence=sentence, bibtex=f"@misc{{zoo-{digest[:12]},\n" + ",\n".join(lines) + "\n}", digest=digest)


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text.replace("\\", "").replace("~", " ").replace("^", " "))
