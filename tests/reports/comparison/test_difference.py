"""Differences between two sets of records, cell by cell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.records.predictions import FILE_NAME, SavedPredictions, load_predictions, save_predictions
from harness.records.record import FailureKind, Outcome
from harness.records.store import write_record
from harness.system.atomic_files import sha256_of
from reports.comparison.difference import CellVerdict, Difference, compare
from reports.render.difference import render_difference

OLD = {"torch": "2.11.0+cpu", "device_name": "a cpu", "driver": "", "threads": 2}


def only(difference: Difference):
    (cell,) = difference.cells
    return cell


def flip(folder: Path) -> None:
    """Make one image that was right wrong, as another version of torch may."""
    saved = load_predictions(folder)
    logits = saved.predictions.logits.copy()
    place = int(np.flatnonzero(logits.argmax(axis=1) == saved.predictions.labels)[0])
    logits[place] = np.roll(logits[place], 1)
    predictions = saved.predictions.__class__(
        logits=logits, labels=saved.predictions.labels, classes=saved.predictions.classes
    )
    save_predictions(folder, SavedPredictions(predictions=predictions, samples=saved.samples))


def test_the_same_predictions_are_equivalent_and_differences_in_the_environment_are_reported(side):
    difference = compare(side("a"), side("b"))
    accuracy = only(difference).accuracy
    assert accuracy.verdict is CellVerdict.EQUIVALENT
    assert (accuracy.change, accuracy.p, accuracy.num_changed) == (0.0, 1.0, 0)
    assert [(each.field, each.first, each.second) for each in difference.environment] == [
        ("torch", ("2.11.0+cpu",), ("2.12.0+cpu",))
    ]
    assert difference.fields == difference.alarms == difference.notes == ()


def test_repeated_folds_widen_the_interval_of_a_change(side):
    def dealt(trials):
        found = []
        for folder, record in trials:
            saved = load_predictions(folder)
            deal_N = np.random.default_rng(record.spec.seed).permutation(np.arange(len(saved.samples)) % 5)
            path = save_predictions(folder, replace(saved, folds=deal_N[np.argsort(np.argsort(saved.samples))]))
            found.append((folder, record.model_copy(update={"files": {path.name: sha256_of(path)}})))
        return found

    before, after = side("a", accuracy=0.95), side("b", accuracy=0.92)
    plain = only(compare(before, after)).accuracy
    folds = only(compare(dealt(before), dealt(after))).accuracy
    assert folds.change == pytest.approx(plain.change)
    assert folds.high - folds.low > 1.1 * (plain.high - plain.low)


def test_a_real_drop_is_found_and_is_an_alarm_only_past_the_limit(side):
    before, after = side("a", accuracy=0.95), side("b", accuracy=0.92)
    difference = compare(before, after, max_accuracy_drop=0.01)
    accuracy = only(difference).accuracy
    assert accuracy.verdict is CellVerdict.REGRESSION
    assert accuracy.change == pytest.approx(-0.03)
    assert accuracy.high < -0.01
    assert "fell by 3.0 points, significantly more than 1 point" in difference.alarms[0]
    assert compare(before, after, max_accuracy_drop=0.03).alarms == ()
    assert compare(before, after).alarms == ()
    assert only(compare(after, before)).accuracy.verdict is CellVerdict.IMPROVEMENT
    assert compare(after, before, max_accuracy_drop=0).alarms == ()


def test_one_of_many_equal_cells_that_fell_is_the_one_that_is_found(side):
    before = [trial for place in range(8) for trial in side("a", f"net{place}")]
    after = [trial for place in range(7) for trial in side("b", f"net{place}")] + side("b", "net7", accuracy=0.86)
    verdicts = {cell.model: cell.accuracy.verdict.value for cell in compare(before, after).cells}
    assert verdicts.pop("net7") == "regression"
    assert set(verdicts.values()) == {"equivalent"}


def test_a_single_image_that_is_no_longer_correct_is_reported(side):
    before, after = side("a"), side("b", environment=OLD)
    assert only(compare(before, after)).accuracy.num_identical == 3
    flip(after[1][0])
    accuracy = only(compare(before, after)).accuracy
    assert (accuracy.num_identical, accuracy.num_changed) == (2, 1)
    assert accuracy.change == pytest.approx(-1 / 3000)
    assert accuracy.verdict is CellVerdict.EQUIVALENT
    assert "1 image classified correctly on one side only" in render_difference(compare(before, after), "table")


def test_one_flipped_bit_on_the_disk_is_reported_and_never_compared(side):
    before, after = side("a"), side("b")
    folder, record = after[2]
    record = record.model_copy(update={"files": {FILE_NAME: sha256_of(folder / FILE_NAME)}})
    write_record(folder, record)
    content = bytearray((folder / FILE_NAME).read_bytes())
    content[-1] ^= 1
    (folder / FILE_NAME).write_bytes(content)
    difference = compare(before, [*after[:2], (folder, record)], max_accuracy_drop=5)
    assert only(difference).accuracy is None
    assert only(difference).problem == (
        "seed 2 of the second run: its predictions.safetensors does not match the checksum in its record"
    )
    assert "unknown whether" in difference.alarms[0]


def test_a_cell_that_fails_now_is_an_alarm_for_its_accuracy_is_not_known(side):
    failed = side("b", seeds=1, outcome=Outcome.FAILED, failure=(FailureKind.DIVERGED, "the loss was not finite"))
    difference = compare(side("a"), failed, max_accuracy_drop=5)
    assert (
        "no seed of the second run has finished (failed: diverged: the loss was not finite)" in only(difference).problem
    )
    assert len(difference.alarms) == 1
    assert compare(failed, side("b"), max_accuracy_drop=5).alarms == ()
