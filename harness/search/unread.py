"""Unread settings: two trials with different settings and equal weights show that nothing read what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.search.objective import Result
from zoo.errors import UsageError
from zoo.options import Option
from zoo.space import value_text

_MAY_COINCIDE = frozenset(
    f"recipe.{name}"
    for name in (
        "accumulate_steps", "clip_norm", "early_stopping_patience", "gamma", "keep", "monitor", "plateau_factor",
        "plateau_patience", "step_epochs",
    )
)  # fmt: skip
"""Settings that are read, but act only beyond a threshold that a training may not reach."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """A finished trial with all its searched settings."""

    number: int
    settings: Mapping[str, Option]
    """Value of each setting of the space, the recipe's own where it was not searched."""
    result: Result


def check_read(new: Settled, earlier: Sequence[Settled], title: str) -> None:
    """Compare a trial with all before it.

    Raises:
        UsageError: If it has other settings than one of them, and equal weights with an equal validation loss.
    """
    for old in earlier:
        one, other = old.result, new.result
        if not other.weights or (one.weights, one.val_loss) != (other.weights, other.val_loss):
            continue
        differing = [key for key, value in new.settings.items() if old.settings[key] != value]
        named = [key for key in differing if key not in _MAY_COINCIDE]
        if named:
            values = " and ".join(
                f"{key} = {value_text(old.settings[key])} and {value_text(new.settings[key])}" for key in named
            )
            off = " ".join(f"--space {key}=off" for key in named)
            raise UsageError(
                f"search of {title}: {values} gave equal weights (trials {old.number} and {new.number}), so nothing "
                f"reads {'it' if len(named) == 1 else 'them'}; to search the rest, add {off}"
            )
