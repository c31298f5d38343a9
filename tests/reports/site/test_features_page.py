"""The page of features: a picture for each row with saved features, beside the site and not in its checksums."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.records.predictions import FILE_NAME, load_predictions, save_predictions
from harness.records.store import RECORD_FILE, read_record, write_record
from harness.system.atomic_files import sha256_of
from reports.leaderboard.building import build_leaderboard
from reports.site import features_page
from reports.site.features_page import PAGE, write_features_page
from reports.trials.reading import read_trials
from tests.reports.site.conftest import StoreMaker
from zoo import Catalog
from zoo.errors import StoreError


@pytest.fixture
def maker(tmp_path: Path, catalog: Catalog) -> StoreMaker:
    return StoreMaker(tmp_path / "runs", catalog)


def give_features(folder: Path) -> None:
    saved = load_predictions(folder)
    features_ND = np.concatenate([saved.predictions.logits] * 2, axis=1)
    save_predictions(folder, replace(saved, predictions=replace(saved.predictions, features=features_ND)))
    record = read_record(folder / RECORD_FILE)
    write_record(folder, record.model_copy(update={"files": {FILE_NAME: sha256_of(folder / FILE_NAME)}}))


def test_each_image_is_a_point_and_each_mistake_a_ring(maker: StoreMaker, tmp_path: Path) -> None:
    folder, _ = maker.add("one", classes=("cat", "dog & <fox>"), num_test=40)
    maker.add("two", num_test=40)
    give_features(folder)
    trials, _ = read_trials([maker.root])
    assert write_features_page(tmp_path, build_leaderboard(trials), trials, title="Ours & <theirs>") == 1
    text = (tmp_path / PAGE).read_text(encoding="utf-8")
    predictions = load_predictions(folder).predictions
    num_wrong = int((predictions.logits.argmax(axis=1) != predictions.labels).sum())
    assert text.count("<circle") == 40
    assert text.count('fill="none"') == num_wrong
    assert f"40 test images, {num_wrong} mistake" in text
    assert "<h2>one · sgd · toy</h2>" in text
    assert "dog &amp; &lt;fox&gt;" in text
    assert "Ours &amp; &lt;theirs&gt;" in text
    assert "<fox>" not in text
    coordinates = [float(each) for each in re.findall(r'c[xy]="([\d.]+)"', text)]
    assert all(0 <= each <= 560 for each in coordinates)


def test_of_many_images_some_are_drawn(maker: StoreMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = maker.add("one", num_test=60)
    give_features(folder)
    monkeypatch.setattr(features_page, "MOST_IMAGES", 30)
    trials, _ = read_trials([maker.root])
    write_features_page(tmp_path, build_leaderboard(trials), trials, title="")
    text = (tmp_path / PAGE).read_text(encoding="utf-8")
    assert text.count("<circle") == 30
    assert "30 of 60 test images" in text


def test_without_saved_features_the_remedy_is_named(maker: StoreMaker, tmp_path: Path) -> None:
    maker.add("one")
    trials, _ = read_trials([maker.root])
    with pytest.raises(StoreError, match="zoo bench --listen features saves them"):
        write_features_page(tmp_path, build_leaderboard(trials), trials, title="")
    assert not (tmp_path / PAGE).exists()
