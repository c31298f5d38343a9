"""The list of published datasets."""

from __future__ import annotations

import csv
import hashlib
import re
from pathlib import Path

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


def test_the_published_order_of_cifar10_is_that_of_its_published_labels(data_root: Path) -> None:
    (cifar10,) = [each for each in PUBLISHED if each.name == "cifar10"]
    with (data_root / "predictions" / "labels.csv").open(encoding="utf-8") as file:
        labels = bytes(int(row["label"]) for row in csv.DictReader(file))
    assert hashlib.sha256(labels).hexdigest() == cifar10.test_labels
