"""Trials on several datasets."""

from __future__ import annotations

import pytest

ORDERS = [(0.95, 0.8, 0.6), (0.8, 0.95, 0.6), (0.95, 0.8, 0.6), (0.95, 0.6, 0.8), (0.8, 0.95, 0.6), (0.95, 0.8, 0.6)]
"""Accuracies of a, b and c, by dataset."""


@pytest.fixture
def on_datasets(make_trial):
    """Trials of a, b and c on so many datasets."""

    def make(number, **fields):
        return [
            make_trial(model, data=f"set{place}", fingerprint=f"{place + 1:x}" * 64, accuracy=accuracy, **fields)
            for place, order in enumerate(ORDERS[:number])
            for model, accuracy in zip("abc", order, strict=True)
        ]

    return make
