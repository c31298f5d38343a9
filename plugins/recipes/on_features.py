"""Recipes on features: heads fitted to the outputs of a frozen backbone, which are computed once and cached.

Each takes seconds where training takes minutes, for any number of seeds. Those with a linear result fold the
standardisation of features into its weights, so that it becomes the network's own head.

Shape suffixes: N images, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from zoo import Recipe, hookimpl

if TYPE_CHECKING:
    from torch import nn

    from plugins.recipes.feature_settings import KnnHyperparameters, LdaHyperparameters, ProbeHyperparameters
    from zoo import FeatureHyperparameters, FeatureSet, Head


@hookimpl
def zoo_recipes() -> Iterable[Recipe]:
    yield Recipe(
        name="probe",
        hyperparameters=_probe_settings,
        summary="logistic regression on frozen features, solved exactly; its penalty chosen on validation images",
        source="https://arxiv.org/abs/1805.08974",
        space={"inverse_penalty": "log(1e-4, 1e3)"},
        fit_head=_fit_probe,
        preload=("sklearn.linear_model",),
        libraries=("scikit-learn",),
    )
    yield Recipe(
        name="knn",
        hyperparameters=_knn_settings,
        summary="nearest neighbours among frozen features; their number and weighting chosen on validation images",
        source="https://arxiv.org/abs/1805.01978",
        space={
            "neighbors": "logint(1, 64)",
            "weighting": "choice(auto, uniform, distance)",
            "distance": "choice(cosine, euclidean)",
        },
        fit_head=_fit_knn,
        empty_head=_empty_knn,
    )
    yield Recipe(
        name="ncm",
        hyperparameters=_ncm_settings,
        summary="nearest class mean of frozen, standardised features; nothing but the temperature to choose",
        source="https://doi.org/10.1109/TPAMI.2013.83",
        fit_head=_fit_ncm,
    )
    yield Recipe(
        name="lda",
        hyperparameters=_lda_settings,
        summary="linear discriminant analysis of frozen features; shrinkage chosen on validation images",
        source="https://doi.org/10.1016/S0047-259X(03)00096-4",
        space={"shrinkage": "uniform(0, 1)"},
        fit_head=_fit_lda,
        preload=("sklearn.discriminant_analysis",),
        libraries=("scikit-learn",),
    )


def _probe_settings() -> ProbeHyperparameters:
    from plugins.recipes.feature_settings import ProbeHyperparameters

    return ProbeHyperparameters()


def _knn_settings() -> KnnHyperparameters:
    from plugins.recipes.feature_settings import KnnHyperparameters

    return KnnHyperparameters()


def _ncm_settings() -> FeatureHyperparameters:
    from zoo import FeatureHyperparameters

    return FeatureHyperparameters()


def _lda_settings() -> LdaHyperparameters:
    from plugins.recipes.feature_settings import LdaHyperparameters

    return LdaHyperparameters()


def _fit_probe(features: FeatureSet, hp: ProbeHyperparameters) -> Head:
    from plugins.recipes.linear_heads import fit_probe

    return fit_probe(features, hp)


def _fit_ncm(features: FeatureSet, hp: FeatureHyperparameters) -> Head:
    from plugins.recipes.linear_heads import fit_ncm

    return fit_ncm(features)


def _fit_lda(features: FeatureSet, hp: LdaHyperparameters) -> Head:
    from plugins.recipes.linear_heads import fit_lda

    return fit_lda(features, hp)


def _fit_knn(features: FeatureSet, hp: KnnHyperparameters) -> Head:
    from plugins.recipes.neighbors import fit_knn

    return fit_knn(features, hp)


def _empty_knn(shapes: Mapping[str, tuple[int, ...]], hp: Any) -> nn.Module:
    from plugins.recipes.neighbors import Neighbors

    return Neighbors.empty(shapes)
