"""Prediction writers: every format has each image with its classes or its problem."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from harness.classifiers.predicting import (
    ImagePrediction,
)
from zoo.cli.display.predictions import FORMATS as WRITERS

GOOD = ImagePrediction(name="a.png", logits_K=np.log(np.array([1, 3], dtype=np.float32)))
BAD = ImagePrediction(name="=b.png", logits_K=None, problem="it is empty")


def written(form: str, *predictions: ImagePrediction, top_k: int = 5) -> str:
    file = io.StringIO()
    writer = WRITERS[form](file, ("ant", "bee"), top_k)
    for each in predictions:
        writer.add(each)
    writer.end()
    return file.getvalue()


def test_a_table_has_a_row_for_each_image() -> None:
    header, good, bad = written("table", GOOD, BAD).splitlines()
    assert header.split() == ["image", "class", "%", "then", "problem"]
    assert good.split() == ["a.png", "bee", "75.0", "ant", "25.0"]
    assert bad.split() == ["=b.png", "it", "is", "empty"]


def test_csv_pads_rows_and_defuses_formulas() -> None:
    header, good, bad = written("csv", GOOD, BAD).splitlines()
    assert header == "image,class_1,probability_1,class_2,probability_2,problem"
    assert [good.split(",")[index] for index in (0, 1, 3)] == ["a.png", "bee", "ant"]
    assert bad == "'=b.png,,,,,it is empty"


def test_json_and_json_lines_hold_the_same_objects() -> None:
    lines = [json.loads(line) for line in written("jsonl", GOOD, BAD, top_k=1).splitlines()]
    assert json.loads(written("json", GOOD, BAD, top_k=1)) == lines
    assert lines[0]["predictions"] == [{"class": "bee", "probability": pytest.approx(0.75)}]
    assert lines[1] == {"image": "=b.png", "predictions": [], "problem": "it is empty"}
    assert json.loads(written("json")) == []
