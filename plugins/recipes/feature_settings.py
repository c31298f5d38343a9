"""Hyperparameters of the recipes on features, in their own module so that listing recipes does not import pydantic."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from zoo import FeatureHyperparameters


class ProbeHyperparameters(FeatureHyperparameters):
    """Hyperparameters of the recipe ``probe``."""

    inverse_penalty: float = Field(
        default=0.0, ge=0, description="inverse of the L2 penalty, scikit-learn's C; 0: chosen on the validation images"
    )
    max_iterations: int = Field(default=1000, ge=1, description="maximum number of iterations of the solver, L-BFGS")


class KnnHyperparameters(FeatureHyperparameters):
    """Hyperparameters of the recipe ``knn``."""

    neighbors: int = Field(default=0, ge=0, description="number of neighbours; 0: chosen on the validation images")
    weighting: Literal["auto", "uniform", "distance"] = Field(
        default="auto",
        description="votes of neighbours: equal, or by inverse distance; auto: chosen on validation images",
    )
    distance: Literal["cosine", "euclidean"] = Field(
        default="cosine", description="distance between features; cosine compares directions only"
    )


class LdaHyperparameters(FeatureHyperparameters):
    """Hyperparameters of the recipe ``lda``."""

    shrinkage: float = Field(
        default=-1.0,
        ge=-1,
        le=1,
        description="shrinkage of the covariance towards the identity; -1: chosen on the validation images",
    )
