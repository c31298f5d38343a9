"""Nearest neighbours as the last layer of a network: the features and classes of all training images are its weights.

Shape suffixes: B batch, N training images, D features, K classes, M neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from plugins.recipes.feature_settings import KnnHyperparameters
from zoo import FeatureSet, Head

NUM_NEIGHBORS = (1, 3, 5, 10, 20, 50)
"""Candidates for the number of neighbours."""
_NEAREST = 1e-12
"""Distance that a smaller one counts as, so that an equal image outvotes all others."""


class Neighbors(nn.Module):
    """Maps features ``[B, D]`` to logits: logarithms of the neighbours' votes.

    One more neighbour, whose vote is spread evenly over the classes, keeps each probability above 0.

    Args:
        bank_ND: Features of the training images.
        classes_NK: Their classes, one-hot.
        num_neighbors: How many of them vote.
        by_distance: Whether votes are weighted by the inverse distance.
        cosine: Whether the angle between features is their distance.
    """

    rank_votes: Tensor
    exponent: Tensor
    cosine: Tensor

    def __init__(
        self, bank_ND: Tensor, classes_NK: Tensor, *, num_neighbors: int, by_distance: bool, cosine: bool
    ) -> None:
        super().__init__()
        # Parameters, since they count towards the size of the network; nothing trains them.
        bank_ND = functional.normalize(bank_ND) if cosine else bank_ND
        self.bank = nn.Parameter(bank_ND, requires_grad=False)
        self.classes = nn.Parameter(classes_NK, requires_grad=False)
        # As many as there are neighbours, so that the number is known from the tensors' shapes.
        self.register_buffer("rank_votes", torch.ones(num_neighbors))
        self.register_buffer("exponent", torch.tensor(1.0 if by_distance else 0.0))
        self.register_buffer("cosine", torch.tensor(1.0 if cosine else 0.0))

    @classmethod
    def empty(cls, shapes: Mapping[str, tuple[int, ...]]) -> Neighbors:
        """Return a layer whose tensors have these shapes, to be filled."""
        (num_neighbors,) = shapes["rank_votes"]
        return cls(
            torch.zeros(shapes["bank"]),
            torch.zeros(shapes["classes"]),
            num_neighbors=num_neighbors,
            by_distance=False,
            cosine=False,
        )

    def forward(self, features_BD: Tensor) -> Tensor:
        # In float32, rounding would decide between neighbours of nearly the same distance. Metal has no other.
        dtype = torch.float32 if features_BD.device.type == "mps" else torch.float64
        bank_ND, features_BD = self.bank.to(dtype), features_BD.to(dtype)
        length_B1 = features_BD.norm(dim=1, keepdim=True).clamp_min(_NEAREST)
        features_BD = features_BD / (1 + self.cosine * (length_B1 - 1))
        squared_BN = (
            features_BD.square().sum(dim=1, keepdim=True) - 2 * features_BD @ bank_ND.T + bank_ND.square().sum(dim=1)
        )
        num_neighbors = self.rank_votes.shape[0]
        nearest_BM, place_BM = squared_BN.topk(num_neighbors, dim=1, largest=False)
        # The cosine distance of unit vectors is half of their squared distance.
        distance_BM = nearest_BM.clamp_min(0) ** (0.5 + 0.5 * self.cosine)
        votes_BM = self.rank_votes * distance_BM.clamp_min(_NEAREST) ** -self.exponent
        votes_BM = num_neighbors * votes_BM / votes_BM.sum(dim=1, keepdim=True)
        votes_BK = (votes_BM[:, :, None] * self.classes[place_BM]).sum(dim=1)
        return (votes_BK + 1 / self.classes.shape[1]).log().float()


def fit_knn(features: FeatureSet, hp: KnnHyperparameters) -> Head:
    """Return neighbours with the number and weighting of the highest validation accuracy, the first of equals."""
    bank_ND = torch.from_numpy(np.ascontiguousarray(features.train_ND))
    classes_NK = functional.one_hot(torch.from_numpy(features.train_labels_N), features.num_classes).float()
    numbers = [hp.neighbors] if hp.neighbors else [each for each in NUM_NEIGHBORS if each <= len(bank_ND)]
    if numbers[0] > len(bank_ND):
        raise ValueError(
            f"neighbors = {numbers[0]}: expected at most {len(bank_ND)}, the number of training images, or 0 to choose"
        )
    weightings = ["uniform", "distance"] if hp.weighting == "auto" else [hp.weighting]
    if not len(features.val_labels_N):  # nothing to choose by
        numbers, weightings = numbers[:1], weightings[:1]

    def layer(number: int, weighting: str) -> Neighbors:
        return Neighbors(
            bank_ND,
            classes_NK,
            num_neighbors=number,
            by_distance=weighting == "distance",
            cosine=hp.distance == "cosine",
        ).eval()

    choices = list(product(numbers, weightings))
    number, weighting = max(choices, key=lambda each: _accuracy(layer(*each), features)) if choices[1:] else choices[0]
    return Head(module=layer(number, weighting), chosen={"neighbors": number, "weighting": weighting})


def _accuracy(layer: Neighbors, features: FeatureSet) -> float:
    with torch.inference_mode():
        found = [
            layer(torch.from_numpy(some_BD)).argmax(dim=1).numpy()
            for some_BD in np.array_split(features.val_ND, max(1, math.ceil(len(features.val_ND) / 1024)))
        ]
    return float((np.concatenate(found) == features.val_labels_N).mean())
