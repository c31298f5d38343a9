"""Pooling on cases worked by hand."""

from __future__ import annotations

import numpy as np

from reports.statistics.pooling import pool_seed_variances


def pooled(variances, freedoms):
    raised, gained = pool_seed_variances(np.array(variances, dtype=float), np.array(freedoms, dtype=float))
    return raised.tolist(), gained.tolist()


def test_rows_below_the_mean_get_it_with_half_again_the_freedom_and_others_keep_their_own():
    assert pooled([1, 2, 6], [2, 2, 2]) == ([3, 3, 6], [3, 3, 2])


def test_the_mean_is_weighted_by_degrees_of_freedom():
    assert pooled([1, 2, 5], [4, 2, 2])[0] == [2.25, 2.25, 5]


def test_a_row_that_varies_far_more_than_all_others_is_left_out_of_the_mean():
    assert pooled([1, 2, 3, 1000], [2, 2, 2, 2]) == ([2, 2, 3, 1000], [3, 2, 2, 2])


def test_two_rows_and_rows_of_one_seed_neither_give_nor_get():
    assert pooled([1, 9], [2, 2]) == ([1, 9], [2, 2])
    assert pooled([1, 9, 0], [2, 2, 0]) == ([1, 9, 0], [2, 2, 0])
    assert pooled([1, 2, 6, 0], [2, 2, 2, 0]) == ([3, 3, 6, 0], [3, 3, 2, 0])
