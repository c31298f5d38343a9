"""Retesting jobs: predict further test sets with the weights of a trial, in a process of its own.

Every set is opened for evaluation only, after training. Results are added to the trial's record one by one.
Shape suffixes: N images, K classes.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.classifiers.images import prepared_data
from harness.classifiers.predicting import Predictor
from harness.classifiers.trained import load_trained
from harness.data.cache_layout import using
from harness.data.corruptions.corruption import CORRUPTIONS, table_for
from harness.data.images import ImageSet, TrialImages
from harness.data.settings import DataSettings
from harness.faults.errors import TrialError
from harness.faults.failures import classify
from harness.records import store as files
from harness.records.predictions import FILE_NAME as PREDICTIONS_FILE
from harness.records.predictions import (
    SavedPredictions,
    further_file,
    load_predictions,
    save_predictions,
    with_validation,
)
from harness.records.record import FailureKind, Record, TestSetKind, TestSetResult
from harness.records.scoring import asked_by, score
from harness.records.spec import DatasetSpec, stable_hash
from harness.records.trial_lock import trial_lock
from harness.retesting.class_names import map_by_name
from harness.retesting.requested import DueSet, RequestedSet
from harness.retesting.sources import (
    corrupted_chunks,
    digest_of_slice,
    fingerprint_of,
    known_set,
    load_further,
    prepared_images,
    slices_of,
)
from harness.system.atomic_files import sha256_of
from harness.system.malloc import keep_freed_memory
from harness.training.evaluation import batch_size_for, predict_logits
from zoo.calling.interruption import INTERRUPTION
from zoo.catalog import Catalog
from zoo.errors import DataError, ManyErrors, UsageError, ZooError
from zoo.loading import Sources, build_catalog
from zoo.metric import Predictions
from zoo.preparation import USUAL

_CHUNK_IMAGES = 1024


def describe(
    sets: list[dict[str, Any]], data: list[dict[str, Any]], *, sources: dict[str, Any], settings: dict[str, Any]
) -> dict[str, Any]:
    """Return what is known of other datasets and of slices, after checking that their classes fit.

    Args:
        sets: The requested sets.
        data: Specs of the datasets that are trained on.
        sources: Arguments of :class:`zoo.loading.Sources`.
        settings: Arguments of :class:`harness.data.settings.DataSettings`.

    Returns:
        ``known``: for each further dataset, by name, the fields of a ``KnownSet``. ``slices``: for each dataset that is
        trained on, by display name, the digest of each slice.

    Raises:
        ManyErrors: With a sentence for each set that cannot be used.
    """
    catalog = build_catalog(Sources(**sources))
    places = _settings(settings)
    specs = [DatasetSpec.model_validate(each) for each in data]
    errors: list[ZooError] = []
    known: dict[str, Any] = {}
    slices: dict[str, dict[str, str]] = {}
    for requested in map(RequestedSet.model_validate, sets):
        try:
            if requested.kind is TestSetKind.SLICE:
                for spec in specs:
                    found = slices_of(spec, catalog, places)
                    slices[spec.display_name] = {name: digest_of_slice(members) for name, members in found.items()}
            elif requested.dataset is not None:
                images = load_further(requested.dataset, catalog, places)
                for spec in specs:
                    names = [(each.full_name, each.argument) for each in (spec, requested.dataset)]
                    if names[0] == names[1] and not images.is_test_split:
                        raise UsageError(
                            f"test set {requested.name}: {spec.display_name} has no test split, so the folds are made "
                            "of all its images, and none is left"
                        )
                    classes = load_further(spec, catalog, places).classes
                    title = f"test set {requested.name} ({requested.dataset.display_name})"
                    map_by_name(images.classes, classes, title=title, trained=spec.display_name)
                known[requested.name] = known_set(images).model_dump(mode="json")
        except ZooError as error:
            errors.append(error)
    ManyErrors.raise_if(errors)
    return {"known": known, "slices": slices}


def retest(
    folder: str,
    sets: list[dict[str, Any]],
    *,
    kept_in: str,
    sources: dict[str, Any],
    settings: dict[str, Any],
) -> dict[str, Any]:
    """Test the weights in a trial folder on *sets*, and add the results to its record.

    Args:
        folder: The trial folder.
        sets: The fields of a :class:`DueSet` each.
        kept_in: Folder for images that other trials of the bench use as well.
        sources: Arguments of :class:`zoo.loading.Sources`.
        settings: Arguments of :class:`harness.data.settings.DataSettings`.

    Returns:
        ``failures``: a sentence for each set that failed, by name; ``busy``: whether another process uses the trial
        and nothing was done.
    """
    keep_freed_memory()
    path = Path(folder)
    Path(kept_in).mkdir(parents=True, exist_ok=True)
    failures: dict[str, str] = {}
    with trial_lock(path) as is_ours:
        if not is_ours:
            return {"busy": True, "failures": {}}
        record = files.read_record(path / files.RECORD_FILE)
        tester = _Tester(path, record, build_catalog(Sources(**sources)), _settings(settings), Path(kept_in))
        with using(tester.images.prepared.folders):
            for due in map(DueSet.model_validate, sets):
                try:
                    tester.test(due)
                except Exception as error:  # of one set, which costs no other
                    if INTERRUPTION.count:
                        raise
                    failures[due.name] = classify(error, "test").message
    return {"busy": False, "failures": failures}


class _Tester:
    """Tests one network on one set at a time."""

    def __init__(self, folder: Path, record: Record, catalog: Catalog, settings: DataSettings, kept_in: Path) -> None:
        self.folder, self.record, self.catalog, self.settings, self.kept_in = folder, record, catalog, settings, kept_in
        assert record.data is not None, "the record of a finished trial describes its images"
        self.data = record.data
        # Those of the dataset come first; a published head may have more.
        own = load_predictions(folder, sha256=record.files.get(PREDICTIONS_FILE)).predictions
        self.classes, self.hierarchy = own.classes, own.hierarchy
        if threads := record.environment.get("threads"):
            torch.set_num_threads(threads)  # others give other bits
        self.predictor = Predictor(load_trained(folder, catalog), device=record.spec.execution.device)
        self.preparation = record.spec.preparation or dataclasses.replace(USUAL, size=record.data.image_size)
        prepared = next(prepared_data(record.data.fingerprint, self.preparation, settings.cache), None)
        if prepared is None:
            raise DataError(
                f"the images of {record.spec.dataset.display_name} that the trial used are no longer in the cache"
            )
        self.images = TrialImages(prepared)
        self.images.end_training()
        self._pixels = stable_hash([record.data.fingerprint, record.data.pixels, repr(self.preparation.view)])
        self._test: ImageSet | None = None
        self._slices: dict[str, NDArray[np.uint64]] | None = None

    @property
    def test_images(self) -> ImageSet:
        """The test images, opened once."""
        if self._test is None:
            self._test = self.images.open_test()
        return self._test

    def test(self, due: DueSet) -> None:
        kind = due.requested.kind
        saved, fields = (
            self._dataset(due)
            if kind is TestSetKind.DATASET
            else self._corrupted(due)
            if kind is TestSetKind.CORRUPTION
            else self._slice(due)
        )
        self._add(due, saved, {"kind": kind, **fields})

    def _dataset(self, due: DueSet) -> tuple[SavedPredictions, dict[str, Any]]:
        spec = due.requested.dataset
        assert spec is not None
        assert self.data.channels is not None, "a trained network has seen images"
        images, classes, facts = prepared_images(
            spec,
            self.catalog,
            self.settings,
            preparation=self.preparation,
            channels=self.data.channels,
            bit_depth=self.record.spec.dataset.bit_depth,
            kept_in=self.kept_in,
        )
        mapping = map_by_name(
            classes, self.data.classes, title=f"test set {due.name}", trained=self.record.spec.dataset.display_name
        )
        if mapping.columns is not None:
            images = dataclasses.replace(images, labels_N=np.array(mapping.columns, dtype=np.int64)[images.labels_N])
        predictions = Predictions(
            logits=self._logits(images),
            labels=images.labels_N,
            classes=self.classes,
            samples=images.samples_N,
            hierarchy=self.hierarchy,
            **facts,
        ).limited_to(asked_by(self.catalog.metrics))
        return SavedPredictions(predictions=predictions, samples=images.samples_N), {
            "source": spec.display_name,
            "fingerprint": due.fingerprint,
            "mapping": mapping.sentence,
        }

    def _corrupted(self, due: DueSet) -> tuple[SavedPredictions, dict[str, Any]]:
        corruption, severity = CORRUPTIONS[due.requested.corruption], due.requested.severity or 0
        images, side = self.test_images, self.data.image_size
        assert side is not None, "a trained network has seen images"
        batch = batch_size_for(side, side, self.predictor.device)
        pixels, parts = hashlib.sha256(), []
        # Whole batches, so that severity 0 gives the very logits of the trial.
        chunk = batch * max(1, _CHUNK_IMAGES // batch)
        kept_as = self.kept_in / f"{due.name}-{self._pixels[:20]}.npy"
        for some in corrupted_chunks(images, corruption, severity, chunk=chunk, kept_as=kept_as):
            assert isinstance(some.images_NHWC, np.ndarray)
            pixels.update(np.ascontiguousarray(some.images_NHWC).data)
            parts.append(self._logits(some))
        own = load_predictions(self.folder, sha256=self.record.files.get(PREDICTIONS_FILE))
        if not np.array_equal(own.samples, images.samples_N):
            raise TrialError(FailureKind.DATA, "the cached test images are not those that the trial was tested on")
        saved = dataclasses.replace(
            own, predictions=dataclasses.replace(own.predictions, logits=np.concatenate(parts), features=None)
        )
        return saved, {
            "source": f"{corruption.name}, severity {severity} of {table_for(side)}",
            "severity": severity,
            "fingerprint": fingerprint_of(pixels, images.labels_N, images.samples_N),
        }

    def _slice(self, due: DueSet) -> tuple[SavedPredictions, dict[str, Any]]:
        if self._slices is None:
            self._slices = slices_of(self.record.spec.dataset, self.catalog, self.settings)
        own = load_predictions(self.folder, sha256=self.record.files.get(PREDICTIONS_FILE))
        chosen_N = np.isin(own.samples, self._slices[due.slice_name])
        if not chosen_N.any():
            raise TrialError(FailureKind.DATA, f"none of the test images is in the slice {due.slice_name!r}")
        some, samples_N = own.predictions.select(chosen_N), own.samples[chosen_N]
        return SavedPredictions(predictions=some, samples=samples_N), {
            "source": due.slice_name,
            "fingerprint": digest_of_slice(samples_N),
        }

    def _logits(self, images: ImageSet) -> NDArray[np.float32]:
        logits_NK: NDArray[np.float32] = predict_logits(
            self.predictor.classifier.model,
            images,
            self.predictor.settings,
            predict=self.predictor.classifier.predict,
            num_classes=len(self.classes),
        ).numpy()
        return logits_NK

    def _add(self, due: DueSet, saved: SavedPredictions, fields: dict[str, Any]) -> None:
        """Write predictions, then a record that has them."""
        path = save_predictions(self.folder, saved, name=further_file(due.name))
        # Classes by themselves and matrices would make a record of many sets as large as its predictions.
        scalar = [entry for entry in self.catalog.metrics if entry.record.kind == "scalar"]
        before = self.record.test_sets.get(due.name)
        result = TestSetResult(
            key=due.key,
            num_images=len(saved.samples),
            metrics=score(with_validation(saved.predictions, self.folder, self.record.files), scalar).values,
            openings=1 if before is None else before.openings + 1,
            **fields,
        )
        self.record = self.record.model_copy(
            update={
                "test_sets": {**self.record.test_sets, due.name: result},
                "files": {**self.record.files, path.name: sha256_of(path)},
            }
        )
        files.write_record(self.folder, self.record)


def _settings(fields: dict[str, Any]) -> DataSettings:
    return DataSettings(data_root=Path(fields["data_root"]), cache=Path(fields["cache"]), download=fields["download"])
