"""Published heads: what the default weights of a model classify, and what was published for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.architecture import Architecture
    from zoo.catalog import Entry
    from zoo.published import PublishedFigure, PublishedHead


def published_head(entry: Entry[Architecture]) -> PublishedHead | None:
    """Return the head of a model's default weights; None if it has none, or does not say."""
    from zoo.calling.containment import head_of
    from zoo.errors import ZooError

    if not entry.record.has_pretrained:
        return None
    try:
        return head_of(entry.record, entry.display_name, entry.record.options)
    except ZooError:  # such as weights for features only
        return None


def published_accuracy(entry: Entry[Architecture]) -> PublishedFigure | None:
    """Return the first accuracy that was published for a model's default weights."""
    head = published_head(entry)
    return next((each for each in head.figures if each.metric == "accuracy"), None) if head else None
