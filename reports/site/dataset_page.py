"""Dataset pages: facts about the images of one table, from its records and predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.records.record import DataInfo
from reports.site.entries import BoardEntry
from reports.trials.evidence import Evidence, class_names
from zoo.text import one_line, plural


def dataset_facts(entries: Sequence[BoardEntry], evidence: Sequence[Evidence | str]) -> dict[str, Any]:
    """Return facts as pairs, and the classes with their number of test images."""
    spec = entries[0].example.spec.dataset
    provider = spec.provider
    origin = " ".join(filter(None, (provider.distribution or provider.plugin, provider.version)))
    facts: list[tuple[str, str]] = [("name", spec.full_name), ("argument", spec.argument), ("provided by", origin)]
    info = next((record.data for entry in entries for _, record in entry.done if record.data), None)
    model = next((record.model for entry in entries for _, record in entry.done if record.model), None)
    if info is not None:
        facts += [
            ("training images", "" if info.num_train is None else f"{info.num_train:,}"),
            ("validation images", "" if info.num_val is None else f"{info.num_val:,}"),
            ("test images", f"{info.num_test:,}"),
            ("classes", f"{len(info.classes):,}"),
            ("image size", _size(info)),
            ("fingerprint", info.fingerprint),
        ]
    if model is not None:
        facts += [
            ("mean", ", ".join(f"{value:.4f}" for value in model.mean)),
            ("standard deviation", ", ".join(f"{value:.4f}" for value in model.std)),
        ]
    read = next((found for found in evidence if not isinstance(found, str)), None)
    classes: list[dict[str, Any]] = []
    if read is not None:
        counts = np.bincount(read.labels_N, minlength=len(read.classes)).tolist()
        classes = [
            {"name": name, "count": f"{count:,}"} for name, count in zip(class_names(read.classes), counts, strict=True)
        ]
        fewest, most = min(counts), max(counts)
        facts.append(("test images per class", f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"))
    return {
        "facts": [(name, one_line(text)) for name, text in facts if one_line(text)],
        "classes": classes,
        "notes": [one_line(note) for note in info.notes] if info else [],
    }


def _size(info: DataInfo) -> str:
    if info.image_size is None or info.channels is None:
        return ""
    return f"{info.image_size} × {info.image_size} px, {plural(info.channels, 'channel')}"
