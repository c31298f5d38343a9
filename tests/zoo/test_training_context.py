"""The training context: what a step is given is what the engine gives it."""

from __future__ import annotations

import inspect

from harness.training.step import StepContext
from zoo import TrainingContext


def test_the_engine_gives_all_that_is_promised() -> None:
    made = inspect.getsource(StepContext)
    for name in TrainingContext.__annotations__:
        assert f"self.{name}" in made, name
    for name, function in vars(TrainingContext).items():
        if inspect.isfunction(function) and not name.startswith("_"):
            own = inspect.signature(getattr(StepContext, name))
            assert list(own.parameters) == list(inspect.signature(function).parameters), name
            assert inspect.getdoc(function), name
