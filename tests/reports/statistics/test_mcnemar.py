"""McNemar's exact test against the binomial test of SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reports.statistics.mcnemar import mcnemar_p_value, mcnemar_p_values


@pytest.mark.parametrize(("only_first", "only_second"), [(12, 3), (3, 12), (1, 0), (40, 41), (0, 9)])
def test_it_is_the_binomial_test_of_the_images_that_only_one_has_right(only_first, only_second):
    expected = stats.binomtest(only_first, only_first + only_second).pvalue
    assert mcnemar_p_value(only_first, only_second) == pytest.approx(min(expected, 1.0))


def test_networks_that_agree_on_every_image_have_p_1():
    assert mcnemar_p_value(0, 0) == 1.0


def test_many_pairs_at_once_are_each_pair_alone():
    p_values = mcnemar_p_values(np.array([15.0, 0.0, 81.0]), np.array([-9.0, 0.0, 1.0]))
    assert p_values.tolist() == pytest.approx([mcnemar_p_value(3, 12), 1.0, mcnemar_p_value(41, 40)])
