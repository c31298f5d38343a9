"""Unread settings: two trials with different settings and equal weights show that nothing read what differs.

Not all such pairs do. Some settings act beyond a threshold or are rounded; a choice such as ``auto`` may stand for
another one, and a default outside of its range, such as 0, for a value that is chosen during training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.search.objective import Result
from zoo.errors import UsageError
from zoo.options import Option
from zoo.space import Dimension, value_text

_MAY_COINCIDE = frozenset(
    f"recipe.{name}"
    for name in (
        # They act only beyond a threshold that a training may not reach.
        "accumulate_steps", "batch_size", "clip_norm", "early_stopping_patience", "epochs", "gamma", "keep",
        "max_iterations", "monitor", "plateau_factor", "plateau_patience", "random_erasing", "step_epochs",
        "train_per_class",
        # They are rounded to whole pixels or steps.
        "crop_padding", "cutout", "progressive_resizing", "warmup_epochs",
    )
)  # fmt: skip
"""Settings that are read, and may give equal weights with different values."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """A finished trial with all its searched settings."""

    number: int
    settings: Mapping[str, Option]
    """Value of each setting of the space, the recipe's own where it was not searched."""
    result: Result


def check_read(new: Settled, earlier: Sequence[Settled], title: str, dimensions: Mapping[str, Dimension]) -> None:
    """Compare a trial with all before it.

    Args:
        new: The trial.
        earlier: Those before it.
        title: Name of the search.
        dimensions: The ranges of the settings.

    Raises:
        UsageError: If it has other settings than one of them, and equal weights with an equal validation loss.
    """
    if not new.result.weights:
        return
    equal = [
        old for old in earlier if (old.result.weights, old.result.val_loss) == (new.result.weights, new.result.val_loss)
    ]
    for old in equal:
        differing = [key for key, value in new.settings.items() if old.settings[key] != value]
        named = [key for key in differing if key not in _MAY_COINCIDE]
        if named and not any(_may_resolve(key, dimensions[key], old, [*equal, new]) for key in named):
            values = " and ".join(
                f"{key} = {value_text(old.settings[key])} and {value_text(new.settings[key])}" for key in named
            )
            off = " ".join(f"--space {key}=off" for key in named)
            raise UsageError(
                f"search of {title}: {values} gave equal weights (trials {old.number} and {new.number}), so nothing "
                f"reads {'it' if len(named) == 1 else 'them'}; to search the rest, add {off}"
            )


def _may_resolve(key: str, dimension: Dimension, old: Settled, equal: Sequence[Settled]) -> bool:
    """Return whether one value of a setting may stand for another one, which training resolves it to.

    Where every value of a choice has given the same weights, nothing reads it.
    """
    if dimension.kind == "choice":
        return not set(dimension.values) <= {each.settings[key] for each in equal}
    new = equal[-1]
    return not (dimension.contains(old.settings[key]) and dimension.contains(new.settings[key]))
