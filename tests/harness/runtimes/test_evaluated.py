"""Evaluated classifiers: the network that was tested, whose logits are those of its record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import zoo
from harness.classifiers.given import read_given
from harness.data.images import TrialImages
from harness.faults.errors import TrialError
from harness.records.predictions import load_predictions
from harness.runtimes.evaluated import evaluated_classifier
from harness.runtimes.job import _prepared
from zoo.files.cache import decoded_root


def test_it_gives_the_logits_of_its_record_and_its_weights_may_not_change(
    folder: Path, catalog: zoo.Catalog, tmp_path: Path
) -> None:
    import shutil

    from harness.records.store import read_record

    data = read_record(folder / "record.json").spec.dataset.display_name
    copy = shutil.copytree(folder, tmp_path / "trial")
    result = zoo.evaluate(
        f"trial:{copy}", data, carve_test=True, out=tmp_path / "runs", show="nothing", measure_seconds=0, device="cpu"
    )
    (record,) = result.records
    given = read_given(f"trial:{copy}", catalog)
    prepared = _prepared(record, decoded_root())
    classifier = evaluated_classifier(record, given, prepared, catalog)
    assert not any(module.training for module in classifier.model.modules())
    assert classifier.card.classes == prepared.classes
    images = TrialImages(prepared)
    images.end_training()
    pixels_NCHW = torch.from_numpy(np.asarray(images.open_test().images_NHWC)).permute(0, 3, 1, 2) / 255
    mean, std = (torch.tensor(each).view(1, -1, 1, 1) for each in (classifier.card.mean, classifier.card.std))
    with torch.inference_mode():
        logits_NK = classifier.model((pixels_NCHW - mean) / std)
    saved = load_predictions(tmp_path / "runs" / record.trial_id).predictions
    np.testing.assert_allclose(logits_NK.numpy(), saved.logits, atol=1e-4)
    (copy / "checkpoint.safetensors").write_bytes(b"others")
    with pytest.raises(TrialError, match="has changed since the bench started"):
        evaluated_classifier(record, given, prepared, catalog)
