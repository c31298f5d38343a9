"""Published figures beside measured ones."""

from __future__ import annotations

import pytest

from harness.records.origin import Origin, OriginKind
from harness.records.spec import ClassifierSpec
from reports.leaderboard.all_columns import choose_columns
from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.published import is_published_for, rounding_of, verdict_of
from reports.leaderboard.remarks.footnotes import table_notes
from zoo.published import PublishedFigure


def evaluated(make_trial, published, *, model="net", dataset="toy", **fields):
    figure = PublishedFigure(value=published, dataset=dataset)
    origin = Origin(kind=OriginKind.EVALUATED, source=model, published=figure, mapping=fields.pop("mapping", ""))
    return make_trial(model, origin=origin, **fields)


@pytest.mark.parametrize(
    ("published", "difference", "low", "high", "verdict"),
    [
        (0.9173, 0.00003, -0.006, 0.006, "reproduced"),  # rounds to it, however few the images
        (0.748, 0.0004, -0.02, 0.02, "reproduced"),
        (0.748, 0.001, -0.003, 0.0049, "reproduced"),  # surely below half a point
        (0.748, 0.02, 0.001, 0.04, "different"),
        (0.748, -0.02, -0.04, -0.001, "different"),
        (0.748, 0.02, -0.001, 0.04, "undecided"),
        (0.748, 0.02, 0.0004, 0.04, "undecided"),  # no more than rounding
    ],
)
def test_a_verdict_follows_from_the_interval_of_the_difference_and_from_rounding(
    published, difference, low, high, verdict
):
    assert verdict_of(published, difference, low, high) == verdict


@pytest.mark.parametrize(("value", "half"), [(0.748, 0.0005), (0.9173, 0.00005), (0.75, 0.005), (0.69758, 0.000005)])
def test_rounding_is_half_a_unit_of_the_last_digit_in_percent(value, half):
    assert rounding_of(value) == pytest.approx(half, rel=1e-4)


def test_a_figure_on_the_same_dataset_is_compared_and_another_one_stands_alone(make_trial):
    trials = [
        evaluated(make_trial, 0.9, model="a", accuracy=0.9),
        evaluated(make_trial, 0.5, model="b", accuracy=0.9),
        evaluated(make_trial, 0.7, model="c", dataset="Other", accuracy=0.9),
        make_trial("d"),
    ]
    leaderboard = build_leaderboard(trials)
    columns = {column.key: column for column in choose_columns(leaderboard)}
    rows = {row.model: row for row in leaderboard.rows}
    cells = {
        model: tuple(columns[key].text(row) for key in ("published", "published_difference", "verdict"))
        for model, row in rows.items()
    }
    assert cells["a"][0::2] == ("90", "reproduced")
    assert cells["a"][1].startswith("0.0 [−")
    assert cells["b"][0::2] == ("50", "different")
    assert cells["b"][1].startswith("+40.0 [+")
    assert cells["c"] == ("70 on Other", "", "")
    assert cells["d"] == ("", "", "")
    notes = table_notes(leaderboard.tables[0], list(columns.values()), leaderboard)
    assert any(note.startswith("published: ") for note in notes)
    assert any(note.startswith("verdict: reproduced if") for note in notes)


def test_a_table_without_figures_has_no_such_columns(make_trial):
    keys = {column.key for column in choose_columns(build_leaderboard([make_trial()]))}
    assert not keys & {"published", "published_difference", "verdict"}


@pytest.mark.parametrize(
    ("name", "argument", "figure", "same"),
    [
        ("cifar10", "", "CIFAR-10", True),
        ("imagenet", "", "ImageNet-1K", True),
        ("folder:/data/imagenet/val", "/data/imagenet/val", "ImageNet-1K", True),
        ("folder:/data/imagenet-v2", "/data/imagenet-v2", "ImageNet-1K", False),
        ("folder:insects", "insects", "ImageNet-1K", False),
    ],
)
def test_a_dataset_is_known_by_its_name_or_that_of_its_folder(make_trial, name, argument, figure, same):
    _, record = make_trial()
    dataset = record.spec.dataset.model_copy(update={"display_name": name, "argument": argument})
    record = record.model_copy(update={"spec": record.spec.model_copy(update={"dataset": dataset})})
    assert is_published_for(PublishedFigure(value=0.5, dataset=figure), record) == same


def test_a_part_of_the_images_or_of_the_classes_is_not_the_dataset(make_trial):
    _, record = make_trial()
    figure = PublishedFigure(value=0.5, dataset="toy")
    assert is_published_for(figure, record)

    def with_spec(**changes):
        return record.model_copy(update={"spec": record.spec.model_copy(update=changes)})

    few = with_spec(dataset=record.spec.dataset.model_copy(update={"limit_test": 100}))
    assert not is_published_for(figure, few)
    head = ClassifierSpec(kind="published", source="a", num_classes=1000)
    assert not is_published_for(figure, with_spec(classifier=head))
    assert is_published_for(figure, with_spec(classifier=head.model_copy(update={"num_classes": 3})))


def test_with_strides_reduced_for_small_images_it_is_not_the_network_of_the_figure(make_trial):
    _, record = make_trial()
    figure = PublishedFigure(value=0.5, dataset="toy")
    small = record.model.model_copy(update={"small_image_changes": ("conv1: stride 2 → 1",)})
    assert is_published_for(figure, record)
    assert not is_published_for(figure, record.model_copy(update={"model": small}))


def test_a_note_says_how_the_classes_of_a_head_were_matched(make_trial):
    leaderboard = build_leaderboard([evaluated(make_trial, 0.9, mapping="classes matched by index"), make_trial("b")])
    assert "classes matched by index (net)" in leaderboard.tables[0].notes
