"""No training: published weights are tested as they are."""

from __future__ import annotations

from collections.abc import Iterable

import zoo  # for zoo.Hyperparameters, so that pydantic is imported only when a recipe is used
from zoo import Recipe, hookimpl


@hookimpl
def zoo_recipes() -> Iterable[Recipe]:
    yield Recipe(
        name="as_published",
        hyperparameters=lambda: zoo.Hyperparameters(pretrained=True),
        summary="no training: published weights with their own head, as zoo eval tests them",
        trains=False,
    )
