"""A trial's job: what the bench asks of the process that runs it."""

from __future__ import annotations

from harness.records.spec import FrozenModel
from harness.trial.resolved_trial import ResolvedTrial


class Companion(FrozenModel):
    """Another trial that waits, and differs only in the seed."""

    trial: ResolvedTrial
    folder: str


class TrialJob(FrozenModel):
    """A trial to run, with the folder and devices to use."""

    trial: ResolvedTrial
    folder: str
    devices: tuple[str, ...] = ()
    """One device for each process, if it trains on several; empty: the spec's device and those after it."""
    node: str = ""
    """Name of the machine, if the bench uses several."""
    sharing: int = 1
    """How many trials of the bench may share the device."""
    cores_folder: str = ""
    """Where the trials of the bench take turns on the cores (see :mod:`harness.measuring.core_locks`); empty: they
    do not."""
    planned_ns: int | None = None
    """A time before the trial was planned, in nanoseconds since the epoch; None: not to check whether code was edited
    since."""
    keeps_features: bool = False
    """Whether to save the features of the test images, because a listener of the bench needs them."""
    companions: tuple[Companion, ...] = ()
    """Trials to train together with this one, if that is supported and pays off."""
    retry: bool = False
    """Whether to run it again if it failed."""
