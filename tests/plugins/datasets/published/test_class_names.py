"""Class names that the files of a dataset do not hold."""

from __future__ import annotations

from plugins.datasets.published.class_names import FLOWERS, TRAFFIC_SIGNS


def test_each_set_has_as_many_distinct_names_as_classes() -> None:
    assert (len(FLOWERS), len(set(FLOWERS))) == (102, 102)
    assert (len(TRAFFIC_SIGNS), len(set(TRAFFIC_SIGNS))) == (43, 43)
