"""Embeddings: images that are alike are near each other, and the same features give the same points."""

from __future__ import annotations

import numpy as np
import pytest

from reports.pictures.embedding import embed, usual_method


def blobs(num_each: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels_N = np.repeat(np.arange(3), num_each)
    return (20 * np.eye(3, 60)[labels_N] + rng.normal(size=(len(labels_N), 60))).astype(np.float32), labels_N


def test_groups_of_features_are_groups_of_points() -> None:
    features_ND, labels_N = blobs(30)
    points_N2 = embed(features_ND, "t-SNE")
    assert points_N2.shape == (90, 2)
    assert points_N2.min() == 0
    assert points_N2.max() == pytest.approx(1)
    distances_NN = np.linalg.norm(points_N2[:, None] - points_N2[None], axis=-1)
    np.fill_diagonal(distances_NN, np.inf)
    assert (labels_N[distances_NN.argmin(axis=1)] == labels_N).all()


def test_the_same_features_give_the_same_points() -> None:
    features_ND, _ = blobs(8)
    assert (embed(features_ND, "t-SNE") == embed(features_ND, "t-SNE")).all()


def test_few_images_and_equal_features_are_no_trouble_and_too_few_are_one_sentence() -> None:
    assert np.isfinite(embed(np.random.default_rng(0).normal(size=(5, 3)), "t-SNE")).all()
    assert (embed(np.ones((6, 3)), "t-SNE") == 0.5).all()
    with pytest.raises(ValueError, match="at least 5 images, and there are 4"):
        embed(np.ones((4, 3)))


def test_umap_is_taken_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert usual_method() == "t-SNE"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    assert usual_method() == "UMAP"
