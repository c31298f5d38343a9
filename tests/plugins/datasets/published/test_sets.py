"""The list of published datasets."""

from __future__ import annotations

import re

from plugins.datasets.published.sets import PUBLISHED


def test_names_are_distinct_and_every_set_has_a_summary_and_a_source() -> None:
    assert len({each.name for each in PUBLISHED}) == len(PUBLISHED)
    assert all(each.summary and each.source for each in PUBLISHED)


def test_resources_come_over_https_or_with_a_checksum() -> None:
    """Over plain http whoever is between could change what is downloaded."""
    for published in PUBLISHED:
        for resource in published.resources:
            assert resource.urls
            assert resource.filename
            assert resource.md5 == "" or re.fullmatch("[0-9a-f]{32}", resource.md5)
            assert resource.md5 or all(url.startswith("https://") for url in resource.urls)
