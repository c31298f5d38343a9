"""Figures: what records state was published for weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.records.record import Record
from harness.records.spec import ClassifierSpec
from harness.records.store import read_record
from zoo import Architecture, Catalog
from zoo.api.figures import figure_problems
from zoo.published import PublishedFigure

DECLARED = PublishedFigure(value=0.748, dataset="ImageNet-1K", source="a paper")


@pytest.fixture
def trial(catalog: Catalog) -> tuple[Path, Record]:
    """A trial of published weights of an architecture that the catalog has, with the declared figure."""
    folder = next(iter((Path(__file__).parents[2] / "fixtures" / "store-v1").glob("*s0*")))
    record = read_record(folder / "record.json")
    return folder, stating(record, DECLARED)


def stating(record: Record, figure: PublishedFigure | None) -> Record:
    classifier = ClassifierSpec(kind="published", source="zoo/linear", num_classes=10, published=figure)
    return record.model_copy(update={"spec": record.spec.model_copy(update={"classifier": classifier})})


@pytest.fixture
def declaring(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """The catalog, in which the architecture of the trial declares a figure."""
    from zoo.class_list import ClassList
    from zoo.published import PublishedHead

    head = PublishedHead(classes=ClassList(names=("a", "b")), figures=(DECLARED,))

    def head_of(architecture: Architecture, name: str, options: object) -> PublishedHead:
        return head

    monkeypatch.setattr("zoo.calling.containment.head_of", head_of)
    return catalog


def test_a_declared_figure_is_no_problem(trial: tuple[Path, Record], declaring: Catalog) -> None:
    assert figure_problems([trial], declaring) == []


@pytest.mark.parametrize(
    ("figure", "said"),
    [(replace(DECLARED, value=0.648), "64.80 % on ImageNet-1K"), (None, "none"), (replace(DECLARED, dataset="X"), "X")],
)
def test_an_edited_figure_is_found(
    trial: tuple[Path, Record], declaring: Catalog, figure: PublishedFigure | None, said: str
) -> None:
    folder, record = trial
    (problem,) = figure_problems([(folder, stating(record, figure))], declaring)
    assert said in problem
    assert problem.endswith("but the catalog declares 74.80 % on ImageNet-1K")


def test_trained_networks_and_unknown_architectures_state_nothing_to_compare(
    trial: tuple[Path, Record], declaring: Catalog
) -> None:
    folder, record = trial
    trained = record.model_copy(update={"spec": record.spec.model_copy(update={"classifier": None})})
    elsewhere = record.spec.architecture.model_copy(update={"full_name": "lab/other"})
    unknown = record.model_copy(update={"spec": record.spec.model_copy(update={"architecture": elsewhere})})
    assert figure_problems([(folder, trained), (folder, unknown)], declaring) == []
