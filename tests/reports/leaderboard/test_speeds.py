from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

import reports
from harness.records.record import LOADED_CORES, Rate
from reports.leaderboard.all_columns import choose_columns
from reports.leaderboard.building import build_leaderboard
from reports.render.writing import render

CPU = {"torch": "2.11.0", "device_name": "a cpu", "driver": "", "threads": 2}


def rate(value: float, spread: float = 0.1) -> Rate:
    return Rate(median=value, low=(1 - spread) * value, high=(1 + spread) * value, windows=5, batch_size=64)


@pytest.fixture
def make_timed(make_trial):
    """A trial whose speeds are what is given."""

    def make(model="net", *, speed, **fields):
        folder, record = make_trial(model, **fields)
        assert record.speed is not None
        return folder, record.model_copy(update={"speed": record.speed.model_copy(update=speed)})

    return make


def cells(leaderboard, *columns):
    return {
        row["model"]: row
        for row in csv.DictReader(
            io.StringIO(render(leaderboard, "csv", choose_columns(leaderboard, ["model", *columns])))
        )
    }


def text(leaderboard, *columns):
    return render(leaderboard, "table", choose_columns(leaderboard, ["model", *columns]))


def test_a_rate_carries_the_interval_of_its_windows_over_all_seeds(make_timed):
    leaderboard = build_leaderboard(
        [make_timed(seed=seed, speed={"inference": rate(value)}) for seed, value in enumerate([90.0, 100.0, 130.0])]
    )
    row = cells(leaderboard, "inference_speed")["net"]
    found = [float(row[f"inference_speed{suffix}"]) for suffix in ("", "_low", "_high")]
    assert found == pytest.approx([100.0, 81.0, 143.0])
    assert json.loads(render(leaderboard, "json"))["tables"][0]["rows"][0]["cells"]["train_speed_low"] == 900.0


def test_each_row_measured_under_other_conditions_is_listed_with_the_difference(make_trial):
    trials = [
        make_trial(name, environment=CPU, measurement_key="c", speed=speed) for name, speed in (("a", 1.0), ("b", 2.0))
    ]
    trials.append(make_trial("c", environment={**CPU, "threads": 4}, measurement_key="t", speed=5.0))
    trials.append(make_trial("d", environment={**CPU, "device_name": "a gpu"}, measurement_key="g", speed=9.0))
    leaderboard = build_leaderboard(trials, sort_by="train_speed")
    assert [(row.model, row.rank_low) for row in leaderboard.rows] == [
        ("b", None),
        ("a", None),
        ("d", None),
        ("c", None),
    ]
    (most, *others) = leaderboard.tables[0].speed_notes
    assert "(most rows: device a cpu, threads 2)" in most
    assert sorted(others) == ["† device a gpu: d", "† threads 4: c"]
    assert cells(leaderboard, "conditions")["d"]["comparable_speed"] == "false"


def test_seeds_measured_under_other_conditions_get_a_note(make_trial):
    trials = [make_trial(seed=seed) for seed in range(2)]
    trials.append(make_trial(seed=2, measurement_key="other"))
    (note,) = build_leaderboard(trials).tables[0].speed_notes
    assert note == "speed left out: measured under different conditions from the other seeds of the row (net, seed 2)"


@pytest.mark.parametrize(("end_to_end", "bound"), [(100.0, False), (81.0, False), (79.0, True), (120.0, False)])
def test_a_row_is_loader_bound_where_the_data_path_takes_over_a_fifth_of_the_time(make_timed, end_to_end, bound):
    speed = {"train": rate(100.0), "train_end_to_end": rate(end_to_end)}
    leaderboard = build_leaderboard([make_timed(speed=speed)])
    (row,) = leaderboard.rows
    assert row.speed.is_loader_bound is bound
    shown = text(leaderboard, "train_speed", "inference_speed")
    assert ("§ loader-bound: training is more than 20 % slower than compute alone" in shown) is bound
    assert (f"{end_to_end:g}.0§" in shown) is bound
    assert shown.count("§") == 2 * bound
    assert "§" not in text(leaderboard, "accuracy")


def test_whether_a_row_is_loader_bound_is_not_known_without_both_rates(make_timed):
    (row,) = build_leaderboard([make_timed(speed={"train": None})]).rows
    assert row.speed.is_loader_bound is None


def test_seeds_measured_beside_other_load_count_only_if_all_were(make_timed):
    loads = {"mixed": (LOADED_CORES * 2, LOADED_CORES / 2, None), "busy": (LOADED_CORES * 2,) * 3}
    leaderboard = build_leaderboard(
        [
            make_timed(
                name,
                seed=seed,
                speed={"foreign_cores": cores, "inference": rate(100.0 + seed), "peak_memory_mib": seed},
            )
            for name, of_seeds in loads.items()
            for seed, cores in enumerate(of_seeds)
        ]
    )
    speeds = {row.model: row.speed for row in leaderboard.rows}
    assert (speeds["mixed"].inference, speeds["mixed"].is_loaded, speeds["mixed"].peak_memory_mib) == (101.5, False, 1)
    assert (speeds["busy"].inference, speeds["busy"].is_loaded) == (101.0, True)
    assert list(leaderboard.tables[0].speed_notes) == [
        "speed left out: measured beside other load, unlike other seeds of the row (mixed, seed 0)"
    ]


def test_a_row_is_marked_if_all_of_its_seeds_saw_a_loaded_machine(make_timed):
    calm, loaded = LOADED_CORES / 2, LOADED_CORES * 2
    leaderboard = build_leaderboard(
        [
            *(make_timed("calm", seed=seed, speed={"foreign_cores": calm}) for seed in range(2)),
            *(make_timed("busy", seed=seed, speed={"foreign_cores": loaded}) for seed in range(2)),
            make_timed("unknown", speed={"foreign_cores": None}),
            make_timed("own", speed={"foreign_cores": loaded, "taken_share": 0.3}),
        ]
    )
    assert {row.model for row in leaderboard.rows if row.speed.is_loaded} == {"busy"}
    shown = text(leaderboard, "inference_speed", "peak_memory")
    assert [line.split()[0] for line in shown.splitlines() if "‡" in line and "measured" not in line] == ["busy"]
    assert "‡ measured while other processes used more than 0.25 CPU cores" in shown
    assert "321‡" not in shown
    assert cells(leaderboard, "conditions")["busy"]["foreign_cores"] == str(loaded)


def test_a_note_of_the_timer_is_given_once_with_the_trials_that_it_concerns(make_timed):
    trials = [
        make_timed(name, seed=seed, speed={"notes": ("the clock was throttled",)}) for name in "abc" for seed in (0, 1)
    ]
    leaderboard = build_leaderboard(trials)
    note = "the clock was throttled (6 trials: a, seeds 0, 1; b, seeds 0, 1; c, seeds 0, 1)"
    assert leaderboard.tables[0].speed_notes == (note,)
    assert note in text(leaderboard, "inference_speed")
    assert note not in text(leaderboard, "accuracy")


def test_relative_speed_is_comparable_between_machines(make_timed):
    """The same network, twice as fast on a machine on which the reference is twice as fast."""
    fast = {"environment": {**CPU, "device_name": "fast"}, "measurement_key": "f"}
    leaderboard = build_leaderboard(
        [
            make_timed("a", speed={"inference": rate(300.0), "reference": rate(1000.0)}),
            make_timed("b", speed={"inference": rate(600.0), "reference": rate(2000.0)}, **fast),
            make_timed("c", speed={"inference": rate(900.0), "reference": rate(2000.0)}, **fast),
            make_timed("d", speed={"inference": rate(900.0)}),
        ],
        sort_by="relative_speed",
    )
    assert [row.model for row in leaderboard.rows] == ["c", "a", "b", "d"]
    assert cells(leaderboard, "relative_speed")["c"]["relative_speed"] == "0.45"
    shown = text(leaderboard, "relative_speed")
    assert "0.450" in shown
    assert "reference network" in shown


def test_relative_speed_is_the_median_over_seeds_of_whatever_machine(make_timed):
    trials = [
        make_timed(seed=0, speed={"inference": rate(10.0), "reference": rate(100.0)}),
        make_timed(seed=1, speed={"inference": rate(12.0), "reference": rate(100.0)}),
        make_timed(seed=2, speed={"inference": rate(300.0), "reference": rate(1000.0)}, measurement_key="other"),
    ]
    (row,) = build_leaderboard(trials).rows
    assert row.speed.relative == pytest.approx(0.12)
    assert row.speed.inference == pytest.approx(11.0)


def test_relative_speed_is_a_column_only_where_there_is_one(make_timed):
    without = build_leaderboard([make_timed(speed={})])
    assert "relative_speed" not in {column.key for column in choose_columns(without)}
    having = build_leaderboard([make_timed("ref", speed={"reference": rate(1000.0)})])
    assert "relative_speed" in {column.key for column in choose_columns(having)}
    assert having.rows[0].speed.relative == pytest.approx(3.0)
    assert build_leaderboard([make_timed("x", speed={"reference": rate(0.0)})]).rows[0].speed.relative is None


@pytest.mark.parametrize("format_name", ["markdown", "latex"])
def test_marks_are_in_every_format_for_people(make_timed, format_name):
    speed = {"train": rate(100.0), "train_end_to_end": rate(50.0), "foreign_cores": 2.0}
    shown = render(build_leaderboard([make_timed(speed=speed)]), format_name)
    loaded, bound = (r"\textdaggerdbl{}", r"\textsection{}") if format_name == "latex" else ("‡", "§")
    assert f"50.0{loaded}{bound}" in shown
    assert f"300{loaded}".replace("300", "3,000") in shown


def test_the_schema_names_the_thresholds_as_they_are():
    schema = (Path(reports.__file__).parent / "leaderboard.schema.json").read_text()
    assert "more than a fifth of the training time" in schema
