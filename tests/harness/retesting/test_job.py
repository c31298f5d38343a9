"""Retesting jobs: what a further set adds to a record, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest
from filelock import FileLock

from harness.data.corruptions.corruption import CORRUPTIONS
from harness.records.predictions import FILE_NAME, further_file, load_predictions
from harness.records.record import TestSetKind
from harness.records.store import read_record
from harness.retesting.job import describe, retest
from harness.retesting.requested import DueSet
from harness.system.atomic_files import sha256_of
from zoo.errors import ZooError


@pytest.fixture
def run(folder, places, tmp_path):
    """Test the trial on requested sets, in this process."""

    def test(*sets, **more):
        due = [DueSet(requested=each, name=each.name, key="k", **more).model_dump(mode="json") for each in sets]
        return retest(str(folder), due, kept_in=str(tmp_path / "kept"), **places)

    return test


def test_severity_0_gives_the_very_predictions_of_the_trial(folder, run, request_sets) -> None:
    assert run(*request_sets("corrupt:all@0"))["failures"] == {}
    own = load_predictions(folder)
    for name in CORRUPTIONS:
        again = load_predictions(folder, name=further_file(f"{name}-0"))
        assert again.predictions.logits.tobytes() == own.predictions.logits.tobytes()
        assert np.array_equal(again.samples, own.samples)
    results = read_record(folder / "record.json").test_sets
    assert len({each.fingerprint for each in results.values()}) == 1


def test_corrupted_images_are_predicted_and_scored_and_everything_else_stays(folder, run, request_sets) -> None:
    before = read_record(folder / "record.json")
    assert run(*request_sets("corrupt:gaussian_noise@5", "corrupt:brightness@1"))["failures"] == {}
    after = read_record(folder / "record.json")
    assert after.model_copy(update={"test_sets": {}, "files": before.files}) == before
    assert after.files.items() > before.files.items()
    result = after.test_sets["gaussian_noise-5"]
    assert (result.kind, result.severity, result.num_images) == (TestSetKind.CORRUPTION, 5, 27)
    assert result.source == "gaussian_noise, severity 5 of CIFAR-10-C"
    name = further_file("gaussian_noise-5")
    saved = load_predictions(folder, sha256=after.files[name], name=name)
    assert result.metrics["accuracy"].value == (saved.predictions.logits.argmax(1) == saved.predictions.labels).mean()
    assert "confusion" not in result.metrics
    assert not np.array_equal(saved.predictions.logits, load_predictions(folder).predictions.logits)
    assert after.test_sets["brightness-1"].fingerprint != result.fingerprint


def test_the_same_corruption_gives_the_same_bits_again(folder, run, request_sets) -> None:
    (wanted,) = request_sets("corrupt:glass_blur@2")
    run(wanted)
    first = sha256_of(folder / further_file(wanted.name))
    run(wanted)
    assert sha256_of(folder / further_file(wanted.name)) == first
    assert read_record(folder / "record.json").test_sets[wanted.name].openings == 2


def test_another_dataset_is_mapped_by_class_names(folder, run, request_sets, other_site) -> None:
    """The site has the pictures of the test split, so the predictions are those of the trial."""
    (wanted,) = request_sets(f"site=folder:{other_site}")
    assert run(wanted, fingerprint="f" * 64)["failures"] == {}
    record = read_record(folder / "record.json")
    result = record.test_sets["site"]
    assert result.mapping.startswith("classes read 'BIRCH' as 'birch'")
    assert (result.fingerprint, result.num_images) == ("f" * 64, 27)
    assert result.metrics["accuracy"] == record.metrics["accuracy"]
    own, other = (load_predictions(folder, name=name).predictions for name in (FILE_NAME, further_file("site")))
    assert np.array_equal(np.sort(own.logits, axis=0), np.sort(other.logits, axis=0))


def test_one_set_that_fails_costs_no_other(folder, run, request_sets, tmp_path) -> None:
    lost, fog = request_sets(f"lost=folder:{tmp_path / 'nowhere'}", "corrupt:fog@1")
    failures = run(lost, fog)["failures"]
    assert list(failures) == ["lost"]
    assert "nowhere" in failures["lost"]
    assert list(read_record(folder / "record.json").test_sets) == ["fog-1"]


def test_a_trial_in_use_is_left_alone(folder, run, request_sets) -> None:
    with FileLock(folder / ".lock"):
        assert run(*request_sets("corrupt:fog@1"))["busy"]
    assert read_record(folder / "record.json").test_sets == {}


def test_sets_are_described_and_classes_checked_before_anything_is_trained(
    folder, request_sets, places, other_site
) -> None:
    data = [read_record(folder / "record.json").spec.dataset.model_dump(mode="json")]

    def known(*words: str):
        return describe([each.model_dump(mode="json") for each in request_sets(*words)], data, **places)["known"]

    assert known("corrupt:fog") == {}
    assert known(f"site=folder:{other_site}")["site"]["num_images"] == 27
    (other_site / "MAPLE").rename(other_site / "oak")
    with pytest.raises(ZooError, match=r"test set site .*: 1 class not among the 3 of .*: 'oak'"):
        known(f"site=folder:{other_site}")
