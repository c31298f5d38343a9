"""Detection: which differences a bench will be able to show, judged by earlier records on the same images."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records.spec import DatasetSpec
from reports.leaderboard.ranking_evidence import evidence_of, most_common_images
from reports.statistics.power import MOST_SEEDS, Variation
from reports.trials.grouping import by_table, group_trials
from reports.trials.reading import Trial
from zoo.text import one_line, plural


def detection_notes(
    trials: Sequence[Trial],
    datasets: Sequence[DatasetSpec],
    *,
    difference: float,
    num_rows: int,
    num_seeds: int,
) -> list[str]:
    """Return a sentence for each dataset: how many seeds and images would show a difference between two rows.

    Args:
        trials: Earlier trials, from which the variances come.
        datasets: Datasets of a plan.
        difference: Difference of accuracies, in (0, 1).
        num_rows: Number of rows per dataset in the plan, whose pairs share the level of the tests.
        num_seeds: Number of seeds in the plan.
    """
    variations = _variations(trials)
    num_pairs = max(num_rows * (num_rows - 1) // 2, 1)
    notes = []
    for dataset in {_key(each): each for each in datasets}.values():
        name = one_line(dataset.display_name)
        found = variations.get(_key(dataset))
        if found is None:
            notes.append(f"{name}: unknown; the records have no two rows on it, one of which has several seeds")
            continue
        variation, num_images, rows = found
        notes.append(f"{name}: {_sentence(variation, num_images, difference, num_pairs, num_seeds)} (from {rows} rows)")
    return notes


def _sentence(variation: Variation, num_images: int, difference: float, num_pairs: int, num_seeds: int) -> str:
    shown = 100 * variation.detectable(num_seeds, num_images, num_pairs=num_pairs)
    planned = f"{plural(num_seeds, 'seed')} on {plural(num_images, 'test image')} would show {shown:.1f} points"
    seeds = variation.seeds_needed(difference, num_images, num_pairs=num_pairs)
    wanted = f"{100 * difference:g} {'point' if difference == 0.01 else 'points'}"
    if seeds is not None:
        return f"{planned}; {wanted} would take {plural(seeds, 'seed')}"
    images = variation.images_needed(difference, max(num_seeds, 2), num_pairs=num_pairs)
    if images is None:
        images = variation.images_needed(difference, MOST_SEEDS, num_pairs=num_pairs)
        more = f"{planned}; {wanted} would take more than {MOST_SEEDS} seeds"
        if images is None:
            return f"{more} on any number of images: they vary too much"
        return f"{more}, or {MOST_SEEDS} on {images:,} images"
    return f"{planned}; {wanted} would take {images:,} test images with {plural(max(num_seeds, 2), 'seed')}"


def _variations(trials: Sequence[Trial]) -> dict[tuple[str, str], tuple[Variation, int, int]]:
    """Return variation, test images and rows of each dataset; of several contents, that with the most rows."""
    found: dict[tuple[str, str], tuple[Variation, int, int]] = {}
    for groups in by_table(group_trials(trials)):
        evidence = [evidence_of([group.done[seed] for seed in sorted(group.done)]) for group in groups if group.done]
        common = most_common_images(basis.images for basis in evidence if basis.sample is not None)
        samples = [basis.sample for basis in evidence if basis.sample is not None and basis.images == common]
        key = _key(groups[0].example.spec.dataset)
        if len(samples) < 2 or all(sample.num_seeds < 2 for sample in samples):
            continue
        if key not in found or found[key][2] < len(samples):
            found[key] = (Variation.of(samples), len(samples[0].image_means_N), len(samples))
    return found


def _key(dataset: DatasetSpec) -> tuple[str, str]:
    return (dataset.full_name, dataset.argument)
