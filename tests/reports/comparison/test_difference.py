"""Differences on cases with known answers, and the calibration of their tests on predictions with known truth."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from harness.records.predictions import FILE_NAME, SavedPredictions, load_predictions, save_predictions
from harness.records.record import FailureKind, Outcome, Rate
from harness.records.store import write_record
from harness.system.atomic_files import sha256_of
from reports.comparison.difference import CellVerdict, Difference, compare
from reports.comparison.speeds import speed_changes
from reports.comparison.statistics import Contrast
from reports.render.difference import FORMATS, difference_data, render_difference
from reports.statistics.accuracy import holm

OLD, NEW = (
    {"torch": f"{minor}.0+cpu", "device_name": "a cpu", "driver": "", "threads": 2} for minor in ("2.11", "2.12")
)


class Versions:
    """Correctness of one network on two versions: crossed effects of seeds and images, shared to a chosen degree."""

    def __init__(self, rng, *, num_images, level, seed_sd, image_sd=1.5):
        self.rng, self.num_images, self.level, self.seed_sd, self.image_sd = rng, num_images, level, seed_sd, image_sd

    def draw(self, num_seeds: int, *, own: float, drop: float = 0.0, more_seeds: int = 0):
        """Return two ``[S, N]``; *own* is the share of seeds' and images' variance that each version has of its own."""
        spread = (1 + self.seed_sd**2 + self.image_sd**2) ** 0.5
        lower = stats.norm.ppf(stats.norm.cdf(self.level / spread) - drop) * spread
        image_N = self.rng.normal(0, self.image_sd, self.num_images)
        seed_S1, rest_SN = self._effects(num_seeds)
        correct = []
        for level, num_own in ((self.level, num_seeds), (lower, num_seeds + more_seeds)):
            own_seed_S1, own_rest_SN = self._effects(num_own)
            if more_seeds == 0:
                own_seed_S1 = (1 - own) ** 0.5 * seed_S1 + own**0.5 * own_seed_S1
                own_rest_SN = (1 - own) ** 0.5 * rest_SN + own**0.5 * own_rest_SN
            correct.append((level + image_N + own_seed_S1 + own_rest_SN > 0).astype(float))
        return correct

    def _effects(self, num_seeds):
        return (
            self.rng.normal(0, self.seed_sd, (num_seeds, 1)),
            self.rng.normal(0, 1, (num_seeds, self.num_images)),
        )


SETTINGS = {
    "digits": {"num_images": 900, "level": 3.6, "seed_sd": 0.15},
    "large": {"num_images": 2000, "level": 2.0, "seed_sd": 0.1},  # seeds vary three times as much as images
    "steady": {"num_images": 2000, "level": 2.0, "seed_sd": 0.01},
}
OWN = {"unlike": 1.0, "alike": 0.1, "nearly the same": 0.001}


def false_findings(settings: dict[str, Any], repeats: int, *, drop: float = 0.0, **draw: Any) -> float:
    """Return in which share of sets of five cells a test finds what is not there: a change, or equivalence."""
    rng = np.random.default_rng(11)
    if draw["num_seeds"] == 1:  # one seed speaks of two networks, and those have no seeds
        settings = {**settings, "seed_sd": 0.0}
    wrong = 0
    for _ in range(repeats):
        p_values = []
        for _ in range(5):
            arrays = Versions(rng, **settings).draw(drop=drop, **draw)
            is_paired = draw["num_seeds"] > 1 and not draw.get("more_seeds")
            contrast = Contrast.of(*arrays, is_paired_by_seed=is_paired)
            p_values.append(contrast.p_not_equivalent(drop) if drop else contrast.p_value())
        wrong += holm(np.array(p_values)).min() < 0.05
    return wrong / repeats


@pytest.mark.parametrize(("own", "num_seeds"), [("unlike", 3), ("alike", 2), ("nearly the same", 1)])
def test_of_five_equal_cells_hardly_ever_one_is_called_different(own, num_seeds):
    assert false_findings(SETTINGS["large"], 100, num_seeds=num_seeds, own=OWN[own]) <= 0.05


def test_cells_that_lost_a_whole_margin_are_hardly_ever_called_equivalent():
    assert false_findings(SETTINGS["steady"], 100, drop=0.01, num_seeds=3, own=OWN["nearly the same"]) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [1, 2, 3, 5])
@pytest.mark.parametrize("own", OWN.values(), ids=OWN)
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_of_five_equal_cells_one_is_called_different_in_at_most_5_of_100_sets(settings, own, num_seeds):
    # 600 sets leave a standard error of 0.9 points.
    assert false_findings(settings, 600, num_seeds=num_seeds, own=own) <= 0.05 + 0.009


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [1, 2, 3, 5])
@pytest.mark.parametrize("own", OWN.values(), ids=OWN)
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_of_five_cells_that_lost_the_margin_one_is_called_equivalent_in_at_most_5_of_100_sets(settings, own, num_seeds):
    assert false_findings(settings, 600, drop=0.01, num_seeds=num_seeds, own=own) <= 0.05 + 0.009


@pytest.mark.slow
@pytest.mark.parametrize(("num_seeds", "more_seeds"), [(1, 4), (2, 3), (3, 7)])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_other_seeds_on_each_side_are_called_different_in_at_most_5_of_100_sets(settings, num_seeds, more_seeds):
    found = false_findings(settings, 600, num_seeds=num_seeds, more_seeds=more_seeds, own=1.0)
    assert found <= 0.05 + 0.009


@pytest.mark.parametrize("own", [0.1, 0.001])
def test_intervals_cover_the_change_at_least_93_times_in_100(own):
    rng = np.random.default_rng(12)
    hits = 0
    for _ in range(300):
        contrast = Contrast.of(*Versions(rng, **SETTINGS["large"]).draw(3, own=own, drop=0.01), is_paired_by_seed=True)
        low, high = contrast.interval()
        hits += low <= -0.01 <= high
    assert hits / 300 >= 0.93


def one_seed(num_images: int, only_first: int, only_second: int) -> Contrast:
    first, second = np.ones((1, num_images)), np.ones((1, num_images))
    second[0, :only_first] = 0
    first[0, only_first : only_first + only_second] = 0
    return Contrast.of(first, second, is_paired_by_seed=False)


def test_one_seed_each_meets_mcnemars_exact_test():
    contrast = one_seed(100, 12, 3)
    assert contrast.change == pytest.approx(-0.09)
    assert contrast.p_value() == pytest.approx(stats.binomtest(3, 15).pvalue)


def tango(num_images: int, only_first: int, only_second: int, sign: int) -> float:
    """Return an end of the score interval, from the closed form of Tango (1998)."""
    b, c, n = only_second, only_first, num_images

    def excess(delta: float) -> float:
        linear = -b - c + (2 * n - b + c) * delta
        q = (math.sqrt(linear**2 + 8 * n * c * delta * (1 - delta)) - linear) / (4 * n)
        variance = n * (2 * q + delta * (1 - delta))
        return (b - c - n * delta) ** 2 - 1.959964**2 * variance

    observed = (b - c) / n
    return optimize.brentq(excess, observed + sign * 1e-9, sign * 0.5)


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 0), (5, 5), (20, 20), (15, 40)])
def test_with_one_seed_the_interval_is_near_tangos(only_first, only_second):
    low, high = one_seed(1000, only_first, only_second).interval()
    assert high == pytest.approx(tango(1000, only_first, only_second, 1), abs=0.0016)
    if (only_first, only_second) != (15, 40):
        assert low == pytest.approx(-high)


def test_images_that_all_agree_show_equivalence_only_where_there_are_enough_of_them():
    few, many = one_seed(100, 0, 0), one_seed(1000, 0, 0)
    assert few.p_value() == many.p_value() == 1.0
    assert few.p_not_equivalent(0.01) > 0.1
    assert many.p_not_equivalent(0.01) < 0.01
    assert many.interval() == pytest.approx((-0.0038, 0.0038), abs=1e-4)


def test_the_interval_excludes_zero_where_the_p_value_is_below_5_percent():
    rng = np.random.default_rng(13)
    for _ in range(100):
        drop = rng.uniform(0, 0.05)
        arrays = Versions(rng, **SETTINGS["large"]).draw(3, own=0.1, drop=drop)
        contrast = Contrast.of(*arrays, is_paired_by_seed=True)
        low, high = contrast.interval()
        assert low <= contrast.change <= high
        assert (low > 0 or high < 0) == (contrast.p_value() < 0.05)


@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (1, 2), (3, 2)])
@pytest.mark.parametrize("values", [(0, 0), (0, 1), (1, 0)])
def test_the_smallest_samples_have_finite_answers_and_show_nothing(shape, values):
    contrast = Contrast.of(*(np.full(shape, float(value)) for value in values), is_paired_by_seed=shape[0] > 1)
    low, high = contrast.interval()
    assert -1 <= low <= contrast.change <= high <= 1
    assert 0.05 < contrast.p_value() <= 1
    assert 0.05 < contrast.p_not_equivalent(0.01) <= 1


Sides = Callable[..., list[Any]]


@pytest.fixture
def side(tmp_path: Path, make_trial) -> Sides:
    """``side("a", "net", seeds=3, …)`` writes trials into a store of that name."""

    def make(store: str, model: str = "net", *, seeds: int = 3, **fields: Any):
        make_trial.root = tmp_path / store
        fields = {"num_test": 1000, "image_noise": 0.0, "environment": OLD if store == "a" else NEW, **fields}
        return [make_trial(model, seed=seed, **fields) for seed in range(seeds)]

    return make


def only(difference: Difference):
    (cell,) = difference.cells
    return cell


def test_the_same_predictions_are_equivalent_and_the_environments_difference_is_told(side):
    difference = compare(side("a"), side("b"))
    accuracy = only(difference).accuracy
    assert accuracy.verdict is CellVerdict.EQUIVALENT
    assert (accuracy.change, accuracy.p, accuracy.num_changed) == (0.0, 1.0, 0)
    assert [(each.field, each.first, each.second) for each in difference.environment] == [
        ("torch", ("2.11.0+cpu",), ("2.12.0+cpu",))
    ]
    assert difference.fields == difference.alarms == difference.notes == ()


def test_a_real_drop_is_found_and_is_an_alarm_only_past_the_limit(side):
    before, after = side("a", accuracy=0.95), side("b", accuracy=0.92)
    difference = compare(before, after, max_accuracy_drop=0.01)
    accuracy = only(difference).accuracy
    assert accuracy.verdict is CellVerdict.REGRESSION
    assert accuracy.change == pytest.approx(-0.03)
    assert accuracy.high < -0.01
    assert "fell by 3.0 points, surely more than 1 point" in difference.alarms[0]
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


def test_one_image_of_one_seed_that_is_no_longer_right_is_told(side):
    before, after = side("a", environment=OLD), side("b", environment=OLD)
    assert only(compare(before, after)).accuracy.num_identical == 3
    flip(after[1][0])
    accuracy = only(compare(before, after)).accuracy
    assert (accuracy.num_identical, accuracy.num_changed) == (2, 1)
    assert accuracy.change == pytest.approx(-1 / 3000)
    assert accuracy.verdict is CellVerdict.EQUIVALENT
    assert "right on one side only: 1 image" in render_difference(compare(before, after), "table")


def test_one_flipped_bit_on_the_disk_is_told_and_never_compared(side):
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
        "seed 2 of the second: its predictions.safetensors does not match the checksum in its record"
    )
    assert "is not known" in difference.alarms[0]


def test_seeds_of_one_side_only_are_named_and_the_shared_ones_paired(side):
    difference = compare(side("a", seeds=3), side("b", seeds=5))
    accuracy = only(difference).accuracy
    assert accuracy.is_paired_by_seed
    assert only(difference).seeds == (0, 1, 2)
    assert difference.notes == ("net · toy · sgd: only B has seeds 3, 4",)


def test_a_cell_that_fails_now_is_an_alarm_for_its_accuracy_is_not_known(side):
    failed = side("b", seeds=1, outcome=Outcome.FAILED, failure=(FailureKind.DIVERGED, "the loss was not finite"))
    difference = compare(side("a"), failed, max_accuracy_drop=5)
    assert "no seed of the second is done (failed: diverged: the loss was not finite)" in only(difference).problem
    assert len(difference.alarms) == 1
    assert compare(failed, side("b"), max_accuracy_drop=5).alarms == ()


def test_cells_of_one_side_only_are_counted_and_listed(side):
    difference = compare([*side("a"), *side("a", "gone")], [*side("b"), *side("b", "new")])
    assert only(difference).model == "net"
    assert difference.only_first == ("gone · toy · sgd",)
    assert difference.only_second == ("new · toy · sgd",)
    text = render_difference(difference, "table")
    assert "1 only in A" in text
    assert "only in B (1)\n  new · toy · sgd" in text


def test_other_images_under_the_same_name_are_never_compared(side):
    difference = compare(side("a"), side("b", fingerprint="a" * 64))
    assert difference.cells == ()
    assert difference.only_first == difference.only_second == ()
    assert difference.notes == (
        "net · toy · sgd is never compared: its images differ (content ffffffffffff in A, aaaaaaaaaaaa in B)",
    )


def test_a_setting_that_differs_is_told_and_the_cell_is_still_one(side):
    difference = compare(side("a"), side("b", hyperparameters={"lr": 0.05}))
    assert only(difference).accuracy is not None
    (field,) = difference.fields
    assert (field.field, field.first, field.second) == ("hyperparameters.lr", ("0.1",), ("0.05",))
    assert "hyperparameters.lr: 0.1 → 0.05" in render_difference(difference, "markdown")


def test_settings_that_both_sides_have_are_matched_with_their_like(side):
    before = [trial for lr in (0.1, 0.2) for trial in side("a", hyperparameters={"lr": lr}, accuracy=1 - lr)]
    after = [trial for lr in (0.2, 0.1) for trial in side("b", hyperparameters={"lr": lr}, accuracy=1 - lr)]
    difference = compare(before, after)
    assert [cell.recipe for cell in difference.cells] == ["sgd (lr=0.1)", "sgd (lr=0.2)"]
    assert [cell.accuracy.change for cell in difference.cells] == [0, 0]


def test_a_cell_that_could_be_held_against_several_is_not_compared(side):
    after = [trial for lr in (0.2, 0.3) for trial in side("b", hyperparameters={"lr": lr})]
    difference = compare(side("a"), after)
    assert difference.cells == difference.only_first == difference.only_second == ()
    assert len(difference.notes) == 3
    assert all("could be held against several" in note for note in difference.notes)


def test_speeds_are_compared_across_torch_versions_and_a_slowdown_is_an_alarm_past_its_limit(side):
    before, after = side("a", speed=1000.0), side("b", speed=500.0)
    difference = compare(before, after, max_slowdown=1.5)
    train, inference = only(difference).speeds
    assert train.ratio == inference.ratio == pytest.approx(0.5)
    assert train.low < 0.5 < train.high < 1 / 1.5
    assert [alarm.split(": ")[1].split(",")[0] for alarm in difference.alarms] == [
        "training takes 2.00 times as long",
        "inference takes 2.00 times as long",
    ]
    assert compare(before, after, max_slowdown=2.5).alarms == compare(after, before, max_slowdown=1).alarms == ()


@pytest.mark.parametrize("field", ["device_name", "threads"])
def test_speeds_on_other_devices_or_threads_are_not_compared_and_the_reason_is_told(side, field):
    difference = compare(side("a"), side("b", speed=1.0, environment={**NEW, field: 64}), max_slowdown=1)
    assert only(difference).speeds == difference.alarms == ()
    name = field.removesuffix("_name")
    assert only(difference).speed_problem == f"measured under other conditions: {name}"
    assert f"speeds of all cells: measured under other conditions: {name}" in render_difference(difference, "table")


def test_equal_speeds_are_called_different_in_at_most_5_of_100_cases(side):
    (_, example), *_ = side("a")
    rng = np.random.default_rng(14)

    def trials():
        speeds = []
        for level in rng.normal(7, 0.05, 3):  # trials differ by 5 %, windows by 3 %
            low, median, high = np.exp(np.percentile(rng.normal(level, 0.03, 20), [2.5, 50, 97.5]))
            rate = Rate(median=median, low=low, high=high, windows=20, batch_size=64)
            speed = example.speed.model_copy(update={"train": rate, "inference": None})
            speeds.append(example.model_copy(update={"speed": speed}))
        return speeds

    found = sum(speed_changes(trials(), trials())[0][0].p_value() < 0.05 for _ in range(500))
    assert found / 500 <= 0.05 + 0.01


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_has_each_cell_and_is_the_same_each_time(side, form):
    before = [*side("a"), *side("a", "other"), *side("a", "blind", predictions=False)]
    after = [*side("b"), *side("b", "other", accuracy=0.8), *side("b", "blind", predictions=False)]
    text = render_difference(compare(before, after), form)
    assert text == render_difference(compare(before[::-1], after[::-1]), form)
    assert text.endswith("\n")
    for word in ("net", "other", "blind", "equivalent", "regression", "it has no predictions.safetensors"):
        assert word in text


def test_csv_and_json_hold_numbers_without_rounding(side):
    difference = compare(side("a", accuracy=0.9), side("b", accuracy=0.901))
    change = only(difference).accuracy.change
    (line,) = csv.DictReader(io.StringIO(render_difference(difference, "csv")))
    assert float(line["change"]) == change
    assert float(line["train_ratio"]) == pytest.approx(1)
    data = json.loads(render_difference(difference, "json"))
    assert data == json.loads(json.dumps(difference_data(difference)))
    assert data["cells"][0]["accuracy"]["change"] == change
    assert data["margin"] == 0.01


def test_foreign_names_move_no_cursor_add_no_column_and_run_in_no_spreadsheet(side):
    name = "=cmd|\x1b[31m"
    difference = compare(side("a", name, full_name="p/net"), side("b", name, full_name="p/net"))
    for form in FORMATS:
        assert "\x1b" not in render_difference(difference, form)
    assert "\\|" in render_difference(difference, "markdown")
    assert "\n'=cmd" in render_difference(difference, "csv")


def test_nothing_in_common_is_a_sentence_and_not_an_error(side):
    difference = compare(side("a", "one"), side("b", "two"))
    for form in FORMATS:
        assert render_difference(difference, form)
    assert "0 cells in both" in render_difference(difference, "table")
