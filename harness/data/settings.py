"""Data settings: where datasets come from, and where they are kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from harness.records.spec import DatasetSpec
from zoo.dataset import DataRequest
from zoo.files.cache import data_root, decoded_root
from zoo.files.sizes import size_text

Report = Callable[[str, float | None], None]
"""Called with the step in progress, and the share done in [0, 1] where known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSettings:
    """Where datasets come from, and where they are kept."""

    data_root: Path = field(default_factory=data_root)
    """Folder that datasets are read from or downloaded to."""
    cache: Path = field(default_factory=decoded_root)
    """Folder of prepared datasets."""
    download: bool = True
    """Whether the network may be used."""
    cache_limit: int | None = None
    """Maximum size in bytes of a dataset's decoded images in the cache; None: the free space. Larger datasets are
    decoded again in each epoch, which changes no batch and no fingerprint."""

    def why_not_kept(self, num_bytes: int) -> str:
        """Return why decoded images of this size are not kept in the cache, or an empty string if they are."""
        if self.cache_limit is not None and num_bytes > self.cache_limit:
            return f"decoded they take {size_text(num_bytes)}, more than the limit of {size_text(self.cache_limit)}"
        free = shutil.disk_usage(self.cache).free
        if num_bytes > free:
            return f"decoded they take {size_text(num_bytes)}, but only {size_text(free)} are free in {self.cache}"
        return ""

    def request_for(self, spec: DatasetSpec, report: Report) -> DataRequest:
        """Return the request that the dataset of *spec* is loaded with."""
        return DataRequest(
            root=self.data_root,
            argument=spec.argument,
            options=dict(spec.options),
            download=self.download,
            report=report,
        )
