"""Suspects: images that are likely labelled wrongly, or nearly the same as others, by the trials on a dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from harness.data.images import PreparedData
    from harness.data.settings import DataSettings
    from harness.records.spec import DatasetSpec
    from reports.leaderboard.leaderboard import Leaderboard
    from reports.trials.reading import Trial
    from zoo.api.tables import MetricDeclarations
    from zoo.catalog import Entry
    from zoo.dataset import Dataset
    from zoo.metric import Metric

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspect:
    """An image whose label is likely wrong."""

    id: str
    split: str
    label: str
    suggestion: str
    """The class that the networks find most probable."""
    label_probability: float
    """Mean probability of its label."""
    suggestion_probability: float
    num_networks: int
    """Number of networks that judged it without having been trained on it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NearDuplicate:
    """Two images that look alike."""

    ids: tuple[str, str]
    splits: tuple[str, str]
    labels: tuple[str, str]
    correlation: float
    """Correlation of small grey copies; 1 if these are equal up to brightness and contrast."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspects:
    """What an audit with trials found."""

    dataset: str
    num_images: int
    num_judged: int
    """Number of images with out-of-sample predictions."""
    agreement: float
    """Share of these whose label is the most probable class: what the networks know limits what they can find."""
    labels: tuple[Suspect, ...]
    """Ranked, the least likely label first."""
    near_duplicates: tuple[NearDuplicate, ...]
    """Ranked, the most alike first."""
    excluded: tuple[str, ...]
    """Ids of the test images that the second table leaves out."""
    problems: tuple[str, ...]
    """A sentence for each file of predictions that could not be read."""
    images: _Images
    trials: tuple[Trial, ...]
    """The trials on the dataset."""

    def as_data(self) -> dict[str, Any]:
        """Return the findings as plain data."""
        return {
            "dataset": self.dataset,
            "num_images": self.num_images,
            "num_judged": self.num_judged,
            "agreement": self.agreement,
            "labels": [asdict(each) for each in self.labels],
            "near_duplicates": [asdict(each) for each in self.near_duplicates],
            "excluded": list(self.excluded),
            "problems": list(self.problems),
        }

    def sheet(self, *, count: int) -> Image:
        """Draw up to *count* suspects of each kind."""
        from reports.pictures.sheet import Band, SheetCell, draw_sheet

        wrong = [
            SheetCell(
                image_HWC=self.images.pixels(each.id),
                lines=(
                    f"{each.label} {100 * each.label_probability:.0f} %",
                    f"or {each.suggestion} {100 * each.suggestion_probability:.0f} %",
                    each.id,
                ),
                mark="wrong",
            )
            for each in self.labels[:count]
        ]
        alike = [
            SheetCell(image_HWC=self.images.pixels(name), lines=(label, split, name))
            for each in self.near_duplicates[: count // 2]
            for name, label, split in zip(each.ids, each.labels, each.splits, strict=True)
        ]
        bands = [Band(title="likely wrong labels", cells=wrong), Band(title="near duplicates, in pairs", cells=alike)]
        shown = [band for band in bands if band.cells]
        return draw_sheet(shown, title=f"{self.dataset}: suspects", side=128, columns=8)

    def leaderboard_without(self, metrics: Sequence[Entry[Metric]], declared: MetricDeclarations) -> Leaderboard | None:
        """Return the table without the excluded test images; None if there is nothing to exclude or to rank."""
        from harness.data.splitting import hash_ids
        from harness.records.derived.without_samples import write_without
        from harness.system.staging import scratch_folder
        from reports.leaderboard.building import build_leaderboard

        if not self.excluded:
            return None
        with scratch_folder() as folder:
            copies = write_without(self.trials, hash_ids(self.excluded), folder, metrics)
            return build_leaderboard(copies, declared=declared.columns, versions=declared.versions) if copies else None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Images:
    """The prepared images of all splits, by id."""

    ids: tuple[str, ...]
    splits: tuple[str, ...]
    labels_N: NDArray[np.int64]
    samples_N: NDArray[np.uint64]
    places: dict[str, int]
    """Index over all splits, by id."""
    starts: dict[str, int]
    """Index of the first image of each split."""
    prepared: PreparedData

    def pixels(self, name: str) -> NDArray[np.uint8]:
        import numpy as np

        place = self.places[name]
        split = self.splits[place]
        images = self.prepared.load(split)  # type: ignore[arg-type]
        return np.asarray(images.images_NHWC[place - self.starts[split]])


def find_suspects(
    dataset: Dataset,
    spec: DatasetSpec,
    settings: DataSettings,
    trials: Sequence[Trial],
    *,
    report: Callable[[str, float | None], None],
) -> Suspects:
    """Look for likely wrong labels and near duplicates in a dataset.

    Labels are judged by networks that were not trained on the image: by test and validation predictions, and by folds.

    Args:
        dataset: The dataset.
        spec: How it is prepared.
        settings: Where its images are.
        trials: Trials; those on other datasets are left out.
        report: Called with the step in progress.

    Raises:
        UsageError: If cleanlab is not installed.
        DataError: If no trial has out-of-sample predictions for this dataset, or it cannot be loaded.
    """
    import numpy as np

    from harness.data.audits.label_errors import likely_errors
    from harness.data.audits.near_duplicates import grey_copies, near_pairs
    from harness.data.prepare import load_splits, prepare_splits
    from harness.records.derived.out_of_sample import out_of_sample
    from zoo.errors import DataError

    splits = load_splits(dataset, spec, settings.request_for(spec, report))
    prepared = prepare_splits(dataset, spec, splits, settings, report=report)
    images = _images_of(prepared, splits, spec)
    own = [
        trial
        for trial in trials
        if (trial[1].spec.dataset.full_name, trial[1].spec.dataset.argument) == (spec.full_name, spec.argument)
    ]
    found = out_of_sample(own, splits.classes)
    judged_N = np.flatnonzero(np.isin(images.samples_N, found.samples_N))
    if not len(judged_N):
        raise DataError(
            f"{spec.display_name}: none of the {len(trials):,} trials has out-of-sample predictions with scores for "
            "its images; run zoo bench on it first (with --folds, every image is judged)"
        )
    place_N = np.searchsorted(found.samples_N, images.samples_N[judged_N])
    probabilities_NK = found.probabilities_NK[place_N]
    report(f"{spec.display_name}: judging {len(judged_N):,} labels", None)
    errors = likely_errors(images.labels_N[judged_N], probabilities_NK)
    suspects = []
    for index in errors.tolist():
        place, probabilities_K = int(judged_N[index]), probabilities_NK[index]
        best, label = int(probabilities_K.argmax()), int(images.labels_N[place])
        suspects.append(
            Suspect(
                id=images.ids[place],
                split=images.splits[place],
                label=splits.classes[label],
                suggestion=splits.classes[best],
                label_probability=float(probabilities_K[label]),
                suggestion_probability=float(probabilities_K[best]),
                num_networks=int(found.counts_N[place_N[index]]),
            )
        )
    report(f"{spec.display_name}: looking for near duplicates", None)
    copies = grey_copies(np.asarray(image) for split in SPLITS for image in _each(prepared, split))
    pairs = near_pairs(copies)
    alike = tuple(
        NearDuplicate(
            ids=(images.ids[pair.first], images.ids[pair.second]),
            splits=(images.splits[pair.first], images.splits[pair.second]),
            labels=(splits.classes[images.labels_N[pair.first]], splits.classes[images.labels_N[pair.second]]),
            correlation=pair.correlation,
        )
        for pair in pairs
    )
    # The second image of a pair is the later one: splits are in the order train, val, test.
    excluded = {each.id for each in suspects if each.split == "test"}
    excluded |= {each.ids[1] for each in alike if each.splits[1] == "test"}
    return Suspects(
        dataset=spec.display_name,
        num_images=len(images.ids),
        num_judged=len(judged_N),
        agreement=float((probabilities_NK.argmax(axis=1) == images.labels_N[judged_N]).mean()),
        labels=tuple(suspects),
        near_duplicates=alike,
        excluded=tuple(sorted(excluded)),
        problems=found.problems,
        images=images,
        trials=tuple(own),
    )


def _each(prepared: PreparedData, split: str) -> Any:
    images = prepared.load(split).images_NHWC  # type: ignore[arg-type]
    return (images[index] for index in range(len(images)))


def _images_of(prepared: PreparedData, splits: Any, spec: DatasetSpec) -> _Images:
    import numpy as np

    from harness.data.splitting import make_parts

    parts, _ = make_parts(
        splits, val_fraction=spec.val_fraction, limit_train=spec.limit_train, limit_test=spec.limit_test
    )
    ids: list[str] = []
    names: list[str] = []
    labels, samples, starts = [], [], {}
    for split in SPLITS:
        part, images = parts[split], prepared.load(split)  # type: ignore[arg-type]
        kept = part.indices[np.isin(part.hashes_N[part.indices], images.samples_N)]
        starts[split] = len(ids)
        ids += [part.ids[index] for index in kept.tolist()]
        names += [split] * len(kept)
        labels.append(images.labels_N)
        samples.append(images.samples_N)
    return _Images(
        ids=tuple(ids),
        splits=tuple(names),
        labels_N=np.concatenate(labels),
        samples_N=np.concatenate(samples),
        places={name: place for place, name in enumerate(ids)},
        starts=starts,
        prepared=prepared,
    )
