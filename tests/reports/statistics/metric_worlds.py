"""Predictions with known expected values of any metric, and how often intervals and tests are right about them.

Scores have crossed effects of seeds and images, as in ``worlds``: how easy an image is, how good a seed is, how far a
seed leans towards some classes, and a rest. The truth is the mean over very many seeds and images.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from plugins.metrics.classification import zoo_metrics
from reports.statistics.influence import influence_of, unseen_variance
from reports.statistics.intervals import metric_interval
from reports.statistics.paired_tests import pairwise_p_values
from reports.statistics.sample import Sample
from zoo.metric import Predictions

METRICS = {metric.name: metric for metric in zoo_metrics()}


@dataclass(frozen=True)
class Scores:
    """A world of models with one expected value of each metric."""

    counts: tuple[int, ...]
    """Expected number of test images of each class."""
    level: float
    """How far the score of the label lies above the others."""
    seed_sd: float = 0.1
    lean_sd: float = 0.1
    """How much seeds differ in the score of each class."""
    image_sd: float = 1.5
    shared: float = 0.7
    """Share of the variance between images that models have in common."""
    scale: float = 2.0
    """Factor on all scores: confidence."""

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(f"class{k}" for k in range(len(self.counts)))

    def images(self, rng, factor: int = 1):
        """Return labels, and how easy images are for every model."""
        labels_N = rng.choice(len(self.counts), sum(self.counts) * factor, p=np.array(self.counts) / sum(self.counts))
        return labels_N, rng.normal(0, self.image_sd * self.shared**0.5, len(labels_N))

    def model(self, rng, images, num_seeds: int, lift: float = 0.0) -> list[Predictions]:
        """Return predictions of the seeds of a new model."""
        labels_N, shared_N = images
        own_N = rng.normal(0, self.image_sd * (1 - self.shared) ** 0.5, len(labels_N))
        return [self.seed(rng, labels_N, self.level + lift + shared_N + own_N) for _ in range(num_seeds)]

    def seed(self, rng, labels_N, level_N) -> Predictions:
        num_classes = len(self.counts)
        logits_NK = rng.normal(0, 1, (len(labels_N), num_classes)) + rng.normal(0, self.lean_sd, num_classes)
        logits_NK[np.arange(len(labels_N)), labels_N] += level_N + rng.normal(0, self.seed_sd)
        return Predictions(logits=(self.scale * logits_NK).astype(np.float32), labels=labels_N, classes=self.classes)


@cache
def truth(world: Scores, compute) -> float:
    """Return the expected value of a metric, over seeds and images."""
    rng = np.random.default_rng(1)
    factor = max(1, 60_000 // sum(world.counts))
    values = []
    for _ in range(60):
        images = world.images(rng, factor)
        values += [compute(each) for each in world.model(rng, images, 1)]
    return float(np.mean(values))


@dataclass(frozen=True)
class Calibration:
    """How often a method was right."""

    coverage: float
    """Share of repeats in which the interval of a row contains the truth."""
    separated: float
    """Share of repeats in which two rows of one truth have a p-value below 0.05."""


def calibration(world: Scores, names, *, num_seeds: int, repeats: int, seed: int = 3) -> dict[str, Calibration]:
    """Draw two equal models *repeats* times, and return how often intervals and tests are right, for each metric.

    With one seed, networks are compared and not architectures, so the world has no effects of seeds.
    """
    if num_seeds == 1:
        world = replace(world, seed_sd=0.0, lean_sd=0.0)
    rng = np.random.default_rng(seed)
    covered, separated = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for _ in range(repeats):
        images = world.images(rng)
        models = [world.model(rng, images, num_seeds) for _ in range(2)]
        for name in names:
            metric = METRICS[name]
            found = [np.stack([influence_of(metric, each) for each in model]) for model in models]
            samples = [Sample.of(influence_SN) for influence_SN in found]
            unseen = unseen_variance(metric, models[0][0], found[0])
            interval = metric_interval(samples[0], metric.bounds, unseen=unseen)
            covered[name] += interval.low <= truth(world, metric.compute) <= interval.high
            separated[name] += pairwise_p_values(samples)[0, 1] < 0.05
    return {name: Calibration(covered[name] / repeats, separated[name] / repeats) for name in names}


BALANCED = Scores(counts=(60,) * 10, level=3.2)
RARE = Scores(counts=(1500, 30), level=4.5, scale=1.5)
SKEWED = Scores(counts=(600, 300, 150, 80, 30), level=3.0)
