"""Origins: where rows come from that were not trained here, such as published weights or predictions of others."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from harness.records.spec import FrozenModel, TrialSpec
from zoo.published import PublishedFigure


class OriginKind(StrEnum):
    """Kinds of origins."""

    TRAINED = "trained"
    """Trained here. Records of trained networks have no origin, so this kind only names them in tables and files."""
    EVALUATED = "evaluated"
    """Weights that existed, tested here."""
    PREDICTIONS = "predictions"
    """Predictions made elsewhere, scored here."""
    ENSEMBLE = "ensemble"
    """Mean probabilities of other rows."""


WORDS = {
    OriginKind.TRAINED: "trained",
    OriginKind.EVALUATED: "evaluated",
    OriginKind.PREDICTIONS: "predictions only",
    OriginKind.ENSEMBLE: "ensemble",
}
"""What tables call each kind."""


class Origin(FrozenModel):
    """Where the predictions of a record come from, if its network was not trained here."""

    kind: OriginKind
    """What it is instead of a network trained here."""
    source: str
    """What the user named: an identifier of weights, the name of a file without its folder, or the members."""
    files: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of each file that was read, by name; for an ensemble, of each member's predictions, by trial id."""
    has_scores: bool = True
    """Whether there are probabilities or logits. With classes alone, metrics of probabilities are left out."""
    mapping: str = ""
    """How the classes of the head became those of the dataset, in one sentence; empty if they are the same."""
    published: PublishedFigure | None = None
    """What was published for the weights."""

    @property
    def word(self) -> str:
        """What tables call it."""
        return WORDS[self.kind]

    @property
    def has_network(self) -> bool:
        """Whether there is a network that could be run: one that was trained or evaluated here."""
        return self.kind in (OriginKind.TRAINED, OriginKind.EVALUATED)

    @property
    def identity(self) -> dict[str, Any]:
        """The part that can change a prediction; the names of files cannot."""
        return {"kind": self.kind.value, "files": sorted(self.files.values()), "mapping": self.mapping}


def origin_of(spec: TrialSpec) -> Origin | None:
    """Return where the predictions of a trial come from, as far as its spec says; None if it trains its network."""
    classifier = spec.classifier
    if classifier is None:
        return None
    return Origin(
        kind=OriginKind.EVALUATED,
        source=classifier.source,
        files=classifier.files,
        mapping=classifier.mapping,
        published=classifier.published,
    )
