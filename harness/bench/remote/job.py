"""A remote job: what the payload of a task asks of a node."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from harness.data.image_shape import Wanted
from harness.records.spec import DatasetSpec, FrozenModel
from harness.trial.resolved_trial import ResolvedTrial

FUNCTION = "harness.bench.remote.node:work"
"""The function of every task (:data:`zoo.executor.TaskFunction`)."""
PLUGIN_PREFIX = "plugin/"
"""Prefix of the names of plugin files among a task's files."""


class RemoteJob(FrozenModel):
    """What a node is to do, and what it may use."""

    kind: Literal["probe", "prepare", "trial"]
    bench: str
    """Identifies the store that the bench fills; names the node's folder for it."""
    sources: dict[str, Any]
    """Fields of :class:`zoo.loading.Sources`, with the names of its files in place of their paths."""
    preload: tuple[str, ...] = ()
    data_root: str | None = None
    """Folder of datasets on the node; None: ``$ZOO_DATA`` there, or a folder in its cache."""
    download: bool = True
    cache_limit: int | None = None
    values: dict[str, Any] = Field(default_factory=dict)
    """Arguments of a probe: device, precision, threads."""
    dataset: DatasetSpec | None = None
    wanted: Wanted | None = None
    """How the dataset's images are to be prepared; None: as its spec asks."""
    trial: ResolvedTrial | None = None
    """With the dataset as prepared for the bench: the node prepares its own, which must have the same fingerprint."""
    sharing: int = 1
    """How many trials of the bench share a device."""
    keeps_features: bool = False
    """Whether it saves the features of the test images."""
    retry: bool = False
    timeout: float | None = None
