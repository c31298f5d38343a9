"""What columns mean: ids, classes by name or number, probabilities and logits, with a sentence for what is neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.given.columns import Columns
from harness.given.interpretation import interpret
from harness.given.scores import SMALLEST, ScoreKind
from zoo.errors import DataError
from zoo.metric import Predictions

CLASSES = ("cat", "dog", "cow")


def columns(classes: tuple[str, ...] = (), **values: Any) -> Columns:
    by_name = {name: np.array(column) for name, column in values.items()}
    return Columns(path=Path("folder/p.csv"), sha256="0" * 64, by_name=by_name, classes=classes)


def wide(**values: Any) -> Columns:
    return columns(id=["a", "b"], **values)


@pytest.mark.parametrize(
    "values",
    [
        ["dog", "cat"],
        ["1", "0"],
        [1, 0],
        [1.0, 0.0],
        ["1.0", "0.0"],
        ["Dog", " CAT"],
        [[0, 1, 0], [1, 0, 0]],
    ],
)
def test_classes_are_names_or_numbers(values: list[Any]) -> None:
    found = interpret(wide(prediction=values), CLASSES)
    assert found.ids == ["a", "b"]
    assert found.predicted_N.tolist() == [1, 0]
    assert found.logits_NK is None
    assert found.notes == ()


def test_names_that_are_numbers_are_names_first() -> None:
    assert interpret(wide(prediction=["10", "2"]), ("1", "10", "2")).predicted_N.tolist() == [1, 2]


def test_a_file_that_states_its_classes_numbers_these() -> None:
    found = interpret(columns(("cow", "cat", "dog"), id=["a", "b"], prediction=[0, 2]), CLASSES)
    assert found.predicted_N.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [({"file": ["x/1.png", "2"]}, ["x/1.png", "2"]), ({"Index": [3.0, 4.0]}, ["3", "4"]), ({"id": [7, 8]}, ["7", "8"])],
)
def test_ids_are_found_by_the_name_of_their_column(ids: dict[str, Any], expected: list[str]) -> None:
    assert interpret(columns(**ids, prediction=[0, 1]), CLASSES).ids == expected


PROBABILITIES = np.array([[0.5, 0.25, 0.25], [0.0, 0.125, 0.875]])


@pytest.mark.parametrize(
    "given",
    [
        wide(probabilities=PROBABILITIES),
        wide(outputs=PROBABILITIES),
        wide(dog=PROBABILITIES[:, 1], cow=PROBABILITIES[:, 2], cat=PROBABILITIES[:, 0]),
        wide(**{f"p{number}": PROBABILITIES[:, number] for number in (2, 0, 1)}),
        wide(**{f"prob_{number}": [str(each) for each in PROBABILITIES[:, number]] for number in range(3)}),
        columns(("cow", "cat", "dog"), id=["a", "b"], probs=PROBABILITIES[:, [2, 0, 1]]),
        wide(**{f"prob_{name}": PROBABILITIES[:, number] for number, name in enumerate(CLASSES)}),
        wide(**{name.title(): PROBABILITIES[:, number] for number, name in enumerate(CLASSES)}),
    ],
)
def test_probabilities_are_found_and_put_in_the_order_of_the_classes(given: Columns) -> None:
    found = interpret(given, CLASSES)
    assert found.logits_NK is not None
    predictions = Predictions(logits=found.logits_NK, labels=np.array([0, 1]), classes=CLASSES)
    np.testing.assert_allclose(predictions.probabilities, PROBABILITIES, atol=1e-30)
    assert found.logits_NK[1, 0] == pytest.approx(np.log(SMALLEST))
    assert found.predicted_N.tolist() == [0, 2]


LOGITS = np.array([[3.0, -1.0, 0.5], [-2.0, 0.25, 0.75]])


@pytest.mark.parametrize(
    ("given", "scores"),
    [
        (wide(logits=LOGITS), None),
        (wide(scores=LOGITS), None),
        (wide(cat=LOGITS[:, 0], dog=LOGITS[:, 1], cow=LOGITS[:, 2]), None),
        (wide(**{f"logit{number}": LOGITS[:, number] for number in range(3)}), None),
        (wide(**{f"logit_{name}": LOGITS[:, number] for number, name in enumerate(CLASSES)}), None),
        (wide(**{f"score_{name}": LOGITS[:, number] for number, name in enumerate(CLASSES)}), None),
        (wide(probabilities=LOGITS), ScoreKind.LOGITS),
    ],
)
def test_logits_stay_as_they_are(given: Columns, scores: ScoreKind | None) -> None:
    found = interpret(given, CLASSES, scores)
    assert found.logits_NK is not None
    assert found.logits_NK.tolist() == LOGITS.tolist()


def test_scores_within_0_and_1_that_are_said_to_be_logits_are_no_probabilities() -> None:
    found = interpret(wide(logits=PROBABILITIES / 2), CLASSES)
    assert found.logits_NK is not None
    assert found.logits_NK.tolist() == (PROBABILITIES / 2).tolist()


def test_a_predicted_class_beside_scores_must_have_the_highest_and_decides_between_equal_ones() -> None:
    halves = np.array([[0.5, 0.5, 0.0], [0.25, 0.25, 0.5]])
    found = interpret(wide(probabilities=halves, prediction=["dog", "cow"]), CLASSES)
    assert found.predicted_N.tolist() == [1, 2]
    assert found.logits_NK is not None
    assert found.logits_NK.argmax(axis=1).tolist() == [1, 2]
    np.testing.assert_allclose(np.exp(found.logits_NK), halves, atol=1e-12)
    assert found.notes == ()
    with pytest.raises(
        DataError, match="1 row whose class in the column pred is not the one with the highest score: 'b'"
    ):
        interpret(wide(probabilities=halves, pred=[0, 1]), CLASSES)
    labels = interpret(wide(probabilities=halves, label=[2, 2]), CLASSES)
    assert labels.notes == ("p.csv: 1 column not used: label",)
    assert interpret(wide(probabilities=halves, output=["yes", "no"]), CLASSES).predicted_N.tolist() == [0, 2]


@pytest.mark.parametrize("given", [100 * PROBABILITIES, np.array([[3, 5, 2], [10, 0, 0]])])
def test_percentages_and_votes_are_no_logits_unless_that_is_said(given: Any) -> None:
    total = given[0].sum()
    with pytest.raises(DataError, match=f"its scores are never negative and sum to {total:g} in every row"):
        interpret(wide(scores=given), CLASSES)
    found = interpret(wide(scores=given), CLASSES, ScoreKind.LOGITS)
    assert found.logits_NK is not None
    assert found.logits_NK.tolist() == given.tolist()
    assert interpret(wide(scores=given + np.array([[0], [1]])), CLASSES).logits_NK is not None, (
        "other sums: they are logits"
    )


def test_columns_that_are_not_used_are_named() -> None:
    found = interpret(wide(prediction=[0, 1], seconds=[3, 4], confidence=[0.5, 0.6]), CLASSES)
    assert found.notes == ("p.csv: 2 columns not used: seconds, confidence",)


@pytest.mark.parametrize(
    ("given", "scores", "sentence"),
    [
        (columns(prediction=[1]), None, "expected a column id, file or path that says which image each row is"),
        (columns(id=["a", ""], prediction=[1, 1]), None, "1 row without an id"),
        (wide(seconds=[1, 2]), None, "expected a column prediction, or a score for each of 3 classes"),
        (
            wide(prediction=["dog", "horse"]),
            None,
            "1 row predicts a class that the dataset does not have: 'horse' (first for id 'b'); expected one of 3 "
            "classes, 'cat', 'dog', 'cow', or a number from 0 to 2",
        ),
        (wide(prediction=[3, -1]), None, "2 rows predict 2 classes that the dataset does not have: '3', '-1'"),
        (wide(prediction=[0.5, 1.0]), None, "does not have: '0.5'"),
        (wide(prediction=["0", "dog"]), None, "it has names of classes and numbers: 'dog', '0'; expected one"),
        (wide(probabilities=PROBABILITIES[:, :2]), None, "2 scores for each image, but the dataset has 3 classes"),
        (wide(cat=[0, 1], dog=[1, 0]), None, "scores of 2 classes, but the dataset has 3: 'cow' missing"),
        (
            wide(p1=[0, 1], p2=[1, 0], p3=[0, 0]),
            None,
            "scores of 3 classes, numbered 1 to 3, but the dataset has 3 classes, numbered from 0",
        ),
        (
            wide(probabilities=PROBABILITIES * [[1], [0.5]]),
            None,
            "the probabilities of 1 row do not sum to 1: 'b', the first to 0.5; --scores logits takes scores",
        ),
        (wide(outputs=PROBABILITIES / 2), None, "the probabilities of 2 rows do not sum to 1: 'a', 'b'"),
        (wide(probabilities=LOGITS), None, "2 rows with a probability outside [0, 1]: 'a', 'b'"),
        (
            wide(p0=["0,5", "1,0"], p1=["0,5", "0,0"], p2=["0,0", "0,0"]),
            None,
            "its scores are not all numbers: could not convert string to float: '0,5'",
        ),
        (wide(logits=[[1, 2, np.inf], [0, 0, 0]]), None, "1 row with a score that is not finite: 'a'"),
        (wide(outputs=[[1, 2, np.nan], [0, 0, 1]]), ScoreKind.PROBABILITIES, "not finite: 'a'"),
        (
            columns(("cat", "dog", "emu"), id=["a"], probs=[[1.0, 0, 0]]),
            None,
            "the classes that it states are not those of the dataset: 'emu'",
        ),
        (columns(("emu",), id=["a"], prediction=[0]), None, "it states classes that the dataset does not have: 'emu'"),
    ],
)
def test_what_does_not_fit_is_one_sentence(given: Columns, scores: ScoreKind | None, sentence: str) -> None:
    with pytest.raises(DataError) as raised:
        interpret(given, CLASSES, scores)
    assert sentence in str(raised.value)
    assert str(raised.value).startswith("folder/p.csv: ")
    assert "\n" not in str(raised.value)


def test_one_corrupt_row_does_not_make_logits_of_probabilities() -> None:
    probabilities = np.tile(PROBABILITIES[:1], (5, 1))
    probabilities[3] = [1.5, -0.25, -0.25]
    with pytest.raises(DataError, match=r"1 row with a probability outside \[0, 1\]: 'd'"):
        interpret(columns(id=list("abcde"), outputs=probabilities), CLASSES)


def test_scores_of_0_and_1_that_are_called_probabilities_are_such() -> None:
    found = interpret(wide(probabilities=[[0, 1, 0], [1, 0, 0]]), CLASSES)
    assert found.logits_NK is not None
    assert found.predicted_N.tolist() == [1, 0]


def test_names_that_differ_in_case_only_stay_two_classes() -> None:
    assert interpret(wide(prediction=["a", "A"]), ("A", "a")).predicted_N.tolist() == [1, 0]
    with pytest.raises(DataError, match="does not have: 'B_1'"):
        interpret(wide(prediction=["B_1", "B_1"]), ("b-1", "b 1"))


def test_ids_that_were_saved_as_decimals_are_whole_numbers() -> None:
    assert interpret(columns(id=["3.0", "4.0"], prediction=[0, 1]), CLASSES).ids == ["3", "4"]
    assert interpret(columns(id=["3.0", "4.5"], prediction=[0, 1]), CLASSES).ids == ["3.0", "4.5"]
