"""A resolved trial: its dataset is prepared, and every ``auto`` in its settings is resolved."""

from __future__ import annotations

from harness.data.images import PreparedData
from harness.planning.classifiers import GivenClassifier
from harness.records import store
from harness.records.spec import FrozenModel, TrialSpec


class ResolvedTrial(FrozenModel):
    """A trial that is ready to run."""

    spec: TrialSpec
    """The spec without any ``auto``."""
    result_key: str
    prepared: PreparedData
    classifier: GivenClassifier | None = None
    """The classifier to test as it is; None: the network is trained."""
    number: int = 1
    """Position in the plan, from 1."""
    stored_as: str = ""
    """Name of its folder, if it already has one under another name."""

    @property
    def trial_id(self) -> str:
        """Name of the trial's folder in a store."""
        return self.stored_as or store.trial_id(self.spec, self.result_key)
