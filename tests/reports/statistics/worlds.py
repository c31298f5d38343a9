"""Predictions with known truth, and how often a method is right about them."""

from __future__ import annotations

import copy

import numpy as np
from scipy import stats

from reports.statistics.intervals import mean_interval
from reports.statistics.ranks import separated
from reports.statistics.sample import Sample


class World:
    """Predictions of models of one expected accuracy: crossed effects of seeds and images behind a threshold."""

    def __init__(self, rng, *, num_images, level, seed_sd, image_sd=1.5, shared=0.9):
        self.rng, self.num_images, self.level, self.seed_sd, self.image_sd = rng, num_images, level, seed_sd, image_sd
        self.shared_N = rng.normal(0, image_sd * shared**0.5, num_images)
        self.own_sd = image_sd * (1 - shared) ** 0.5

    @property
    def accuracy(self) -> float:
        return float(stats.norm.cdf(self.level / (1 + self.seed_sd**2 + self.image_sd**2) ** 0.5))

    def at_seed_sd(self, seed_sd: float) -> World:
        """Return a model of the same accuracy on the same images whose seeds vary otherwise."""
        spread = (1 + self.seed_sd**2 + self.image_sd**2) ** 0.5
        other = copy.copy(self)
        other.level = self.level / spread * (1 + seed_sd**2 + self.image_sd**2) ** 0.5
        other.seed_sd = seed_sd
        return other

    def draw(self, num_seeds: int) -> Sample:
        own_N = self.rng.normal(0, self.own_sd, self.num_images)
        seed_S1 = self.rng.normal(0, self.seed_sd, (num_seeds, 1))
        rest_SN = self.rng.normal(0, 1, (num_seeds, self.num_images))
        return Sample.of((self.level + seed_S1 + self.shared_N + own_N + rest_SN > 0).astype(float))


DIGITS = {"num_images": 360, "level": 3.6, "seed_sd": 0.15}  # 97.7 %; seeds vary by 0.4, images by 0.8 points


NOISY = {"num_images": 360, "level": 3.6, "seed_sd": 0.3}  # seeds vary more than images do


LARGE = {"num_images": 2000, "level": 2.0, "seed_sd": 0.1}  # 86.6 %; seeds vary three times as much as images


STEADY = {"num_images": 2000, "level": 2.0, "seed_sd": 0.01}


def coverage(settings: dict, num_seeds: int, repeats: int) -> float:
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(repeats):
        world = World(rng, **settings)
        interval = mean_interval(world.draw(num_seeds))
        hits += interval.low <= world.accuracy <= interval.high
    return hits / repeats


def false_separations(settings: dict, seeds: tuple[int, ...], repeats: int) -> float:
    rng = np.random.default_rng(6)
    wrong = 0
    for _ in range(repeats):
        world = World(rng, **settings)
        wrong += separated([world.draw(num_seeds) for num_seeds in seeds]).any()
    return wrong / repeats
