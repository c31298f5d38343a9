"""Settings: how a bench runs its trials, whatever they are."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from harness.bench.slots import SlotRequest
from harness.data.settings import DataSettings
from zoo.executor import Executor
from zoo.options import Option


@dataclass(frozen=True, kw_only=True, slots=True)
class RunLimits:
    """Which trials run again, for how long, and what they keep."""

    retry: bool = False
    """Whether to run failed trials again."""
    timeout: float | None = None
    """Maximum duration of one trial in seconds; None: unlimited."""
    keeps_features: bool = False
    """Whether trials save the features of the test images, because a listener of the bench needs them."""
    deadline: float | None = None
    """Moment of ``time.monotonic()`` after which no trial starts; None: none."""

    def is_over(self) -> bool:
        """Return whether the deadline has passed."""
        return self.deadline is not None and time.monotonic() >= self.deadline


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteRequest:
    """The other machines that trials should run on."""

    executor: Executor
    options: Mapping[str, Option]
    data_root: str | None = None
    """Folder of datasets on the nodes; None: as each node's own settings say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchSettings:
    """How a bench runs its trials."""

    data: DataSettings = field(default_factory=DataSettings)
    limits: RunLimits = RunLimits()
    slots: SlotRequest = SlotRequest()
    """How many trials run at a time, and on which devices of this machine."""
    remote: RemoteRequest | None = None
    """Which other machines run the trials; None: this one does."""

    grid: tuple[str, ...] = ()
    """Dotted keys of the settings that have several values, which titles show."""

    def with_deadline(self, deadline: float | None) -> BenchSettings:
        """Return the same settings with another deadline, a moment of ``time.monotonic()``."""
        return replace(self, limits=replace(self.limits, deadline=deadline))
