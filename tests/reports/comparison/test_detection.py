"""What a bench will be able to show, from earlier records."""

from __future__ import annotations

import re

from reports.comparison.detection import _sentence, detection_notes
from reports.statistics.power import Variation


def notes_of(trials, **options):
    dataset = trials[0][1].spec.dataset
    given = {"difference": 0.01, "num_rows": 2, "num_seeds": 3, **options}
    return detection_notes(trials, [dataset], **given)


def test_a_difference_that_seeds_can_show_has_their_number(make_trials):
    trials = [*make_trials("a", accuracy=0.8), *make_trials("b", accuracy=0.82)]
    (note,) = notes_of(trials, difference=0.2)
    assert re.fullmatch(
        r"toy: 3 seeds on 400 test images would show [\d.]+ points; 20 points would take \d seeds \(from 2 rows\)", note
    )


def test_a_difference_that_these_images_cannot_show_has_the_number_of_images(make_trials):
    trials = [*make_trials("a", accuracy=0.8), *make_trials("b", accuracy=0.82)]
    (note,) = notes_of(trials, difference=0.001)
    assert "0.1 points would take" in note
    assert "test images with 3 seeds" in note or "more than 100 seeds" in note


def test_more_rows_show_less(make_trials):
    trials = [*make_trials("a", accuracy=0.8), *make_trials("b", accuracy=0.82)]
    shown = [float(re.search(r"show ([\d.]+) points", notes_of(trials, num_rows=rows)[0])[1]) for rows in (2, 20)]
    assert shown[0] < shown[1]


def test_without_several_seeds_it_is_unknown(make_trial):
    trials = [make_trial("a"), make_trial("b")]
    assert notes_of(trials) == ["toy: unknown; the records have no two rows on it, one of which has several seeds"]


def test_seeds_that_vary_too_much_need_more_of_them_whatever_the_images():
    wild = Variation(of_images=0.1, of_residual=0.1, of_seeds=0.05)
    sentence = _sentence(wild, 300, 0.01, num_pairs=1, num_seeds=3)
    assert sentence.endswith("1 point would take more than 100 seeds on any number of images: they vary too much")
    assert " 0 images" not in sentence
    calm = Variation(of_images=0.1, of_residual=0.1, of_seeds=5e-4)
    assert re.search(r"more than 100 seeds, or 100 on [1-9][\d,]* images$", _sentence(calm, 300, 0.01, 1, 3))
