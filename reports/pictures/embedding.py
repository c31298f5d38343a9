"""Embeddings: features of images as points in the plane, so that near points are images that a network finds alike.

By UMAP (McInnes, Healy and Melville 2018, arXiv:1802.03426) if umap-learn is installed, else by t-SNE (van der Maaten
and Hinton, JMLR 2008). Distances between far groups, and the sizes of groups, mean nothing in either.

Shape suffixes: N images, D features.
"""

from __future__ import annotations

import importlib.util
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Method = Literal["UMAP", "t-SNE"]

_SEED = 0
_COMPONENTS = 50
"""Principal components that features are reduced to first, as is usual: it removes noise and takes less time."""
_PERPLEXITY = 30
"""Number of neighbours that an image is placed by, roughly; at most a third of the images."""


def usual_method() -> Method:
    """Return UMAP if it is installed, else t-SNE."""
    return "UMAP" if importlib.util.find_spec("umap") else "t-SNE"


def embed(features_ND: NDArray[np.floating[Any]], method: Method | None = None) -> NDArray[np.float64]:
    """Return a point in the plane for each image, ``[N, 2]`` in [0, 1]; the same for the same features.

    Args:
        features_ND: Finite features of at least 5 images.
        method: How; None: see :func:`usual_method`.

    Raises:
        ValueError: If there are fewer images.
    """
    from sklearn.decomposition import PCA

    num_images = len(features_ND)
    if num_images < 5:
        raise ValueError(f"an embedding needs at least 5 images, and there are {num_images}")
    centred_ND = np.asarray(features_ND, dtype=np.float64)
    centred_ND = centred_ND - centred_ND.mean(axis=0)
    spread = float(np.abs(centred_ND).max())
    if spread <= 1e-12:  # all images are alike
        return np.full((num_images, 2), 0.5)
    scaled_ND = centred_ND / spread
    if min(scaled_ND.shape) > _COMPONENTS:
        scaled_ND = PCA(_COMPONENTS, random_state=_SEED).fit_transform(scaled_ND)
    if (method or usual_method()) == "UMAP":
        import umap  # type: ignore[import-not-found,unused-ignore]  # an extra

        neighbours = min(15, num_images - 1)
        # A seed allows one thread only, and asking for more would be warned about.
        reducer = umap.UMAP(n_components=2, n_neighbors=neighbours, random_state=_SEED, n_jobs=1)
        points_N2 = reducer.fit_transform(scaled_ND)
    else:
        from sklearn.manifold import TSNE

        perplexity = min(_PERPLEXITY, (num_images - 1) / 3)
        points_N2 = TSNE(2, perplexity=perplexity, init="pca", random_state=_SEED).fit_transform(scaled_ND)
    low_2, high_2 = points_N2.min(axis=0), points_N2.max(axis=0)
    placed: NDArray[np.float64] = (points_N2.astype(np.float64) - low_2) / np.maximum(high_2 - low_2, 1e-12)
    return placed
