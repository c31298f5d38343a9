"""Features and heads: what a recipe on features is given and returns."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from torch import nn

import zoo


def test_a_set_holds_what_a_recipe_fits_a_head_to() -> None:
    found = zoo.FeatureSet(
        train_ND=np.zeros((2, 3), np.float32),
        train_labels_N=np.array([0, 1]),
        val_ND=np.zeros((1, 3), np.float32),
        val_labels_N=np.array([0]),
        num_classes=2,
    )
    assert (found.seed, found.num_classes) == (0, 2)


def test_a_head_has_chosen_nothing_and_drawn_nothing_unless_it_says_so() -> None:
    head = zoo.Head(module=nn.Linear(3, 2))
    assert (head.chosen, head.is_random) == ({}, False)


def test_the_module_is_light_at_import() -> None:
    code = "import sys, zoo.features; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
