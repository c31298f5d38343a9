"""Given classifiers: networks that are tested as they are, with their own heads, as far as planning knows them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from harness.records.spec import ArchitectureSpec, ClassifierSpec, FrozenModel
from zoo.preparation import Preparation

PREFIXES = {"file": "file", "onnx": "ONNX file", "trial": "trial"}
"""Kinds of classifiers that are given by a path, as in ``file:r20.safetensors``, and what they are called."""


class GivenClassifier(FrozenModel):
    """A classifier that exists, as its card or its architecture describes it."""

    spec: ClassifierSpec
    architecture: ArchitectureSpec
    preparation: Preparation
    """How images are prepared for it."""
    names: tuple[str, ...]
    """Names of the head's classes, in the order of the logits."""
    ids: tuple[str, ...] = ()
    """Identifiers of the classes; empty if there are none."""
    channels: int | None = None
    """Number of channels of its images; None: any."""
    path: str = ""
    """File with the weights or the whole network on this machine; empty for published weights."""
    preload: tuple[str, ...] = ()
    """Modules that its trial imports."""
    card: dict[str, Any] = Field(default_factory=dict)
    """The card of the classifier; empty for published weights."""


def is_given(name: str) -> bool:
    """Return whether *name* is the path of a classifier, such as ``file:r20.safetensors``."""
    prefix, colon, _ = name.partition(":")
    return bool(colon) and prefix in PREFIXES
