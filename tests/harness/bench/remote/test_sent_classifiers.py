"""The file of a classifier that a node is to test."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.bench.remote.sent_classifiers import classifier_file, place_classifier
from harness.planning.classifiers import GivenClassifier
from harness.records.spec import ArchitectureSpec, ClassifierSpec, ProviderSpec
from harness.trial.resolved_trial import ResolvedTrial
from zoo.errors import StoreError
from zoo.preparation import Preparation


def trial_of(path: str) -> Any:
    given = GivenClassifier(
        spec=ClassifierSpec(kind="file", source="file:a", files={"a": "0"}, num_classes=2),
        architecture=ArchitectureSpec(full_name="p/a", display_name="a", provider=ProviderSpec(plugin="p")),
        preparation=Preparation(),
        names=("a", "b"),
        path=path,
    )
    return ResolvedTrial.model_construct(classifier=given)


def test_a_file_arrives_with_its_content_at_a_place_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"weights")
    trial = trial_of(str(path))
    placed = place_classifier(trial, classifier_file(trial)).classifier
    assert placed is not None
    assert Path(placed.path) != path
    assert Path(placed.path).read_bytes() == b"weights"
    assert placed.model_copy(update={"path": str(path)}) == trial.classifier


def test_published_weights_and_trained_networks_send_nothing() -> None:
    none: Any = SimpleNamespace(classifier=None)
    for trial in (trial_of(""), none):
        assert classifier_file(trial) == {}
        assert place_classifier(trial, {}) is trial


def test_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        classifier_file(trial_of(str(tmp_path / "gone")))
