"""Training sizes: how the accuracy of a row rises with the number of training images per class, as a learning curve."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records.spec import stable_hash
from reports.leaderboard.table import Row
from reports.trials.grouping import Group

SETTING = "train_per_class"
"""The hyperparameter with the number of training images per class; 0: all."""
_MOST_CURVES = 12


def train_size_notes(rows: Sequence[Row], groups: Sequence[Group]) -> list[str]:
    """Return a learning curve in words for each combination with several training sizes, the best ones first.

    Args:
        rows: Rows of a table.
        groups: Their trials, in the same order.
    """
    curves: dict[str, dict[int, tuple[Row, Group]]] = {}
    for row, group in zip(rows, groups, strict=True):
        settings = group.example.spec.recipe.hyperparameters
        if SETTING in settings and "accuracy" in row.metrics:
            curves.setdefault(_without_size(group), {})[int(settings[SETTING])] = (row, group)
    several = [curve for curve in curves.values() if len(curve) > 1]
    several.sort(key=lambda curve: -max(row.metrics["accuracy"].mean for row, _ in curve.values()))
    notes = [_sentence(curve) for curve in several[:_MOST_CURVES]]
    left = len(several) - len(notes)
    return [*notes, *([f"learning curves of {left} more combinations are rows of the table"] if left > 0 else [])]


def _without_size(group: Group) -> str:
    """Return what the rows of one curve share."""
    spec = group.example.spec
    settings = {key: value for key, value in spec.recipe.hyperparameters.items() if key != SETTING}
    architecture = spec.architecture.model_dump(mode="json", include={"full_name", "version", "options"})
    return stable_hash([architecture, spec.recipe.full_name, settings, spec.execution.precision])


def _sentence(curve: dict[int, tuple[Row, Group]]) -> str:
    sizes = sorted(curve, key=lambda size: (size == 0, size))
    row, group = curve[sizes[-1]]
    points = []
    for size in sizes:
        accuracy = curve[size][0].metrics["accuracy"]
        spread = f" ± {100 * accuracy.sd:.1f}" if accuracy.sd is not None else ""
        points.append(f"{size or 'all'}: {100 * accuracy.mean:.1f}{spread} %")
    name = f"{row.model.partition(' (')[0]} · {group.example.spec.recipe.display_name}"
    return f"{name}, accuracy by training images per class: {', '.join(points)}"
