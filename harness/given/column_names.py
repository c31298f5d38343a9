"""Column names: what columns of predictions made elsewhere are usually called, all in lower case."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

CLASSES_COLUMNS = ("classes", "class_names")
"""Names of the list of classes in NPZ and JSON."""
ID_COLUMNS = (
    "id", "ids", "sample", "samples", "sample_id", "image_id", "image", "images", "img", "file", "files", "file_name",
    "filename", "filenames", "path", "paths", "name", "names", "sha256", "index", "key",
)  # fmt: skip
"""Names of the column of ids, in order of preference, ignoring case."""
PREDICTED_COLUMNS = (
    "prediction", "predictions", "predicted", "pred", "preds", "predicted_class", "predicted_label", "pred_label",
    "y_pred", "argmax", "top1", "output", "result", "class", "label", "labels", "category", "class_name",
)  # fmt: skip
"""Names of the column of predicted classes."""
LABEL_COLUMNS = (
    "label", "labels", "target", "targets", "y", "y_true", "true", "true_label", "truth", "class", "category",
    "class_name", "label_name",
)  # fmt: skip
"""Names of the column of labels in a file of labels."""
TEXT_COLUMNS = frozenset({*ID_COLUMNS, *PREDICTED_COLUMNS, *LABEL_COLUMNS})
"""Columns whose cells are kept as they are in files with many columns."""


def find_column(columns: Iterable[str], names: Sequence[str]) -> str | None:
    """Return the column that has one of *names*, the first in their order, ignoring case."""
    by_lower = {name.lower(): name for name in reversed(list(columns))}
    return next((by_lower[name] for name in names if name in by_lower), None)
