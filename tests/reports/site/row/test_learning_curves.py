"""Learning curves: means over seeds, with the band from the lowest to the highest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.records.history import encode_row
from harness.records.store import HISTORY_FILE
from reports.leaderboard.building import build_leaderboard
from reports.site.entries import BoardEntry, entries_of
from reports.site.row.learning_curves import Curve, curves_of, overlaid, row_charts
from reports.trials.reading import read_trials

from ..conftest import MakeSite, StoreMaker, block


def entry_of(store: StoreMaker) -> BoardEntry:
    trials, _ = read_trials([store.root])
    (entry,) = entries_of(build_leaderboard(trials), trials)
    return entry


def write_history(store: StoreMaker, seed: int, losses: list[float]) -> None:
    folder, _ = store.add("net", seed=seed)
    rows = [{"event": "epoch", "epoch": epoch, "val_loss": loss} for epoch, loss in enumerate(losses, start=1)]
    (folder / HISTORY_FILE).write_bytes(b"".join(map(encode_row, rows)))


def test_a_curve_is_the_mean_of_the_seeds_that_have_the_epoch(store: StoreMaker) -> None:
    write_history(store, 0, [3.0, 2.0, 1.0])
    write_history(store, 1, [5.0, 4.0])
    curves = curves_of(entry_of(store))
    assert curves == {
        "val_loss": Curve(
            epochs=(1, 2, 3), mean=(4.0, 3.0, 1.0), low=(3.0, 2.0, 1.0), high=(5.0, 4.0, 1.0), num_seeds=(2, 2, 1)
        )
    }


def test_a_single_seed_has_no_band(store: StoreMaker) -> None:
    write_history(store, 0, [3.0, 2.0])
    (series,) = row_charts(curves_of(entry_of(store)))["loss"]["series"]
    assert series == {"label": "validation", "colour": 0, "dashed": False, "x": (1, 2), "y": [3.0, 2.0]}


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    numbers = tuple(range(1, 1001))
    floats = tuple(map(float, numbers))
    curve = Curve(epochs=numbers, mean=floats, low=floats, high=floats, num_seeds=numbers)
    kept = curve.thinned(60)
    assert (len(kept.epochs), kept.epochs[0], kept.epochs[-1]) == (60, 1, 1000)
    assert kept.mean == tuple(map(float, kept.epochs))
    assert curve.thinned(1000) is curve


def test_curves_of_many_rows_have_fewer_points_each() -> None:
    numbers = tuple(range(1, 1001))
    floats = tuple(map(float, numbers))
    curve = Curve(epochs=numbers, mean=floats, low=floats, high=floats, num_seeds=(1,) * 1000)
    (one,) = overlaid([{"val_loss": curve}])
    many = overlaid([{"val_loss": curve}] * 1000)
    assert (len(one["val_loss"]["x"]), len(many[0]["val_loss"]["x"])) == (60, 8)
    assert overlaid([{}]) == [{}]


def test_a_history_that_cannot_be_read_costs_its_curve_only(store: StoreMaker) -> None:
    store.add("net", seed=0)
    entry = entry_of(store)
    assert set(curves_of(entry)) == {"train_loss", "val_loss", "train_accuracy", "val_accuracy"}
    ((folder, record),) = entry.done
    assert curves_of(replace(entry, done=((folder / "gone", record),))) == {}


def test_a_row_s_page_and_the_comparison_have_its_curves(filled: StoreMaker, make_site: MakeSite) -> None:
    folder, _ = make_site(filled)
    (page,) = (folder / "rows").glob("net4--toy--*.html")
    validation, training = block(page, "loss")["series"]
    assert (validation["label"], validation["y"]) == ("validation", pytest.approx([1.8, 0.9, 0.6]))
    assert (training["label"], training["seeds"]) == ("training", [3, 3, 3])
    assert "means over 3 seeds" in page.read_text(encoding="utf-8")
    (page,) = (folder / "compare").glob("toy*.html")
    compared = block(page, "comparison")
    assert len(compared["curves"]) == len(compared["rows"]) == 9
    assert compared["curves"][0]["val_accuracy"]["y"] == pytest.approx([0.4, 0.64, 0.784])
