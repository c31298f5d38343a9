"""Prediction writers: a table, or CSV and JSON streamed image by image, so that long lists need no memory."""

from __future__ import annotations

import csv
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from zoo.cli.display.text import TextColumn, table_lines, terminal_width

if TYPE_CHECKING:
    from harness.classifiers.predicting import ImagePrediction


class _Writer(ABC):
    """Writes predictions to a file.

    Args:
        file: Open text file.
        classes: Class names by index.
        top_k: Number of classes to show per image, at most the number of classes.
    """

    def __init__(self, file: TextIO, classes: Sequence[str], top_k: int) -> None:
        self.file, self.classes = file, classes
        self.top_k = min(top_k, len(classes))

    @abstractmethod
    def add(self, prediction: ImagePrediction) -> None:
        """Add the prediction for one image."""

    def end(self) -> None:  # noqa: B027 - streaming writers have nothing left to do
        """Write what has not been written yet."""

    def _top(self, prediction: ImagePrediction) -> list[tuple[str, float]]:
        if prediction.logits_K is None:
            return []
        return [(self.classes[index], probability) for index, probability in prediction.top(self.top_k)]

    def _entry(self, prediction: ImagePrediction) -> dict[str, Any]:
        top = [{"class": name, "probability": probability} for name, probability in self._top(prediction)]
        return {"image": prediction.name, "predictions": top, "problem": prediction.problem or None}


class TableWriter(_Writer):
    """A table with one row per image: the best class with its probability, then the others."""

    def __init__(self, file: TextIO, classes: Sequence[str], top_k: int) -> None:
        super().__init__(file, classes, top_k)
        self._rows: list[tuple[str, str, str, str, str]] = []

    def add(self, prediction: ImagePrediction) -> None:
        best, share, others = "", "", ""
        if top := self._top(prediction):
            (best, probability), *rest = top
            share = f"{100 * probability:.1f}"
            others = ", ".join(f"{name} {100 * each:.1f}" for name, each in rest)
        self._rows.append((prediction.name, best, share, others, prediction.problem))

    def end(self) -> None:
        columns = [
            TextColumn(title="image", shrink=2, least=20),
            TextColumn(title="class", shrink=1, least=12),
            TextColumn(title="%", right=True),
            TextColumn(title="then", shrink=3, least=12),
            TextColumn(title="problem"),
        ]
        for line in table_lines(columns, self._rows, width=terminal_width()):
            self.file.write(line + "\n")


class CsvWriter(_Writer):
    """CSV with a header and one line per image, two cells per class."""

    def __init__(self, file: TextIO, classes: Sequence[str], top_k: int) -> None:
        super().__init__(file, classes, top_k)
        self._csv = csv.writer(file, lineterminator="\n")
        pairs = [cell for rank in range(1, self.top_k + 1) for cell in (f"class_{rank}", f"probability_{rank}")]
        self._csv.writerow(["image", *pairs, "problem"])

    def add(self, prediction: ImagePrediction) -> None:
        from reports.render.csv import safe_cell

        pairs = [cell for pair in self._top(prediction) for cell in pair]
        pairs += [""] * (2 * self.top_k - len(pairs))
        self._csv.writerow([safe_cell(cell) for cell in (prediction.name, *pairs, prediction.problem)])


class JsonLinesWriter(_Writer):
    """JSON Lines: one object per image."""

    def add(self, prediction: ImagePrediction) -> None:
        self.file.write(json.dumps(self._entry(prediction)) + "\n")


class JsonWriter(_Writer):
    """A JSON list of the objects that :class:`JsonLinesWriter` writes."""

    def __init__(self, file: TextIO, classes: Sequence[str], top_k: int) -> None:
        super().__init__(file, classes, top_k)
        self._between = "[\n"

    def add(self, prediction: ImagePrediction) -> None:
        self.file.write(self._between + json.dumps(self._entry(prediction)))
        self._between = ",\n"

    def end(self) -> None:
        self.file.write("[]\n" if self._between == "[\n" else "\n]\n")


FORMATS: dict[str, type[_Writer]] = {
    "table": TableWriter,
    "csv": CsvWriter,
    "json": JsonWriter,
    "jsonl": JsonLinesWriter,
}
