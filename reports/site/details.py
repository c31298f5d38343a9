"""Details: what the page of a row shows, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.records.history import read_history
from harness.records.record import Record
from harness.records.runtime_result import RuntimeRecord, RuntimeResult
from harness.records.store import HISTORY_FILE
from reports.leaderboard.cells import duration_text
from reports.leaderboard.columns import all_columns
from reports.leaderboard.leaderboard import Leaderboard
from reports.site.entries import BoardEntry
from reports.trials.evidence import Evidence, class_names
from zoo.text import one_line

NUM_BINS = 15
MAX_CLASSES = 100
"""Classes of a confusion matrix that is drawn; with more, only its worst pairs are listed."""
_MAX_EPOCHS = 200  # points of a drawn curve


def seed_rows(entry: BoardEntry) -> list[dict[str, Any]]:
    """Return a line for each seed that is done."""
    rows = []
    for _, record in entry.done:
        training = record.training
        rows.append(
            {
                "seed": record.spec.seed,
                "accuracy": _percent(record, "accuracy"),
                "macro_f1": _percent(record, "macro_f1"),
                "nll": _number(record, "nll"),
                "calibration_error": _percent(record, "calibration_error"),
                "val_accuracy": f"{100 * training.best_val_accuracy:.1f}" if training else "–",
                "tested_epoch": f"{training.tested_epoch} of {training.epochs_run}" if training else "–",
                "time": duration_text(record.seconds.get("total")),
                "attempts": record.attempts,
                "started": one_line(record.started_at[:16].replace("T", " ")),
                "trial": one_line(record.trial_id),
                "key": one_line(record.result_key),
                "warnings": [one_line(warning) for warning in record.warnings],
            }
        )
    return rows


def curves(entry: BoardEntry) -> dict[str, Any]:
    """Return loss and accuracy over the epochs of each seed, for the charts."""
    losses: list[dict[str, Any]] = []
    accuracies: list[dict[str, Any]] = []
    for colour, (folder, record) in enumerate(entry.done):
        rows = {row["epoch"]: row for row in read_history(folder / HISTORY_FILE) if row.get("event") == "epoch"}
        epochs = sorted(epoch for epoch in rows if isinstance(epoch, int))
        epochs = epochs[:: max(1, -(-len(epochs) // _MAX_EPOCHS))]
        for series, key, label, dashed in (
            (losses, "train_loss", "train", True),
            (losses, "val_loss", "validation", False),
            (accuracies, "train_accuracy", "train", True),
            (accuracies, "val_accuracy", "validation", False),
        ):
            values = [_rounded(rows[epoch].get(key)) for epoch in epochs]
            if any(value is not None for value in values):
                series.append(
                    {
                        "label": f"seed {record.spec.seed}, {label}",
                        "colour": colour,
                        "dashed": dashed,
                        "x": epochs,
                        "y": values,
                    }
                )
    return {
        "loss": {"series": losses, "yTitle": "loss", "isShare": False},
        "accuracy": {"series": accuracies, "yTitle": "accuracy, %", "isShare": True},
    }


def reliability(evidence: Evidence, error: float | None) -> dict[str, Any]:
    """Return how often predictions of each confidence were right, over all seeds."""
    bins = np.clip(np.ceil(evidence.confidence_M * NUM_BINS).astype(int) - 1, 0, NUM_BINS - 1)
    count = np.bincount(bins, minlength=NUM_BINS)
    confidence = np.bincount(bins, weights=evidence.confidence_M, minlength=NUM_BINS)
    right = np.bincount(bins, weights=evidence.right_M, minlength=NUM_BINS)
    return {
        "error": _rounded(error),
        "bins": [
            {
                "count": int(count[index]),
                "confidence": _rounded(confidence[index] / max(count[index], 1)),
                "right": _rounded(right[index] / max(count[index], 1)),
            }
            for index in range(NUM_BINS)
        ],
    }


def confusion(evidence: Evidence) -> dict[str, Any] | None:
    """Return the mean confusion matrix, or None where there are too many classes to draw."""
    if len(evidence.classes) > MAX_CLASSES:
        return None
    return {
        "labels": class_names(evidence.classes),
        "matrix": [[_rounded(value, 4) for value in row] for row in evidence.confusion_KK.tolist()],
    }


def per_class(evidence: Evidence) -> list[dict[str, Any]]:
    """Return precision, recall and F1 of each class, means over seeds' summed counts."""
    matrix = evidence.confusion_KK
    true, called, right = matrix.sum(axis=1), matrix.sum(axis=0), np.diag(matrix)
    rows = []
    for index, name in enumerate(class_names(evidence.classes)):
        recall = right[index] / true[index] if true[index] else None
        precision = right[index] / called[index] if called[index] else None
        f1 = 2 * right[index] / (true[index] + called[index]) if true[index] + called[index] else None
        rows.append(
            {
                "name": name,
                "images": round(float(true[index])),
                "recall": _rounded(recall),
                "precision": _rounded(precision),
                "f1": _rounded(f1),
            }
        )
    return rows


def class_bars(rows: Sequence[Mapping[str, Any]], most: int = 60) -> dict[str, Any]:
    """Return the F1 of each class for a chart; of many classes the lowest."""
    shown = list(rows)
    if len(shown) > most:
        shown = sorted(shown, key=lambda row: (row["f1"] is None, row["f1"], row["name"]))[:most]
    return {
        "labels": [row["name"] for row in shown],
        "values": [row["f1"] for row in shown],
        "texts": [
            f"F1 {_share(row['f1'])}, precision {_share(row['precision'])}, recall {_share(row['recall'])}, "
            f"{row['images']:,} images"
            for row in shown
        ],
        "xTitle": "F1, %",
    }


def facts(entry: BoardEntry, leaderboard: Leaderboard) -> list[tuple[str, str]]:
    """Return every column of the row, as the tables have it."""
    shown = []
    for column in all_columns(leaderboard):
        text = one_line(column.text(entry.row))
        if column.key not in ("model", "data", "recipe", "rank", "unfinished") and text not in ("", "–"):
            shown.append((one_line(column.title), text))
    return shown


def settings(record: Record) -> dict[str, list[tuple[str, str]]]:
    """Return the resolved recipe, network, images and execution of a record."""
    spec = record.spec
    model, data = record.model, record.data
    network = [("name", spec.architecture.full_name), ("version", spec.architecture.version)]
    network += [(name, _shown(value)) for name, value in spec.architecture.options.items()]
    if model:
        network += [
            ("parameters", f"{model.params:,}"),
            ("trainable parameters", f"{model.trainable_params:,}"),
            ("multiply-accumulates", f"{model.macs:,}" if model.macs is not None else ""),
            ("published weights", "yes" if model.pretrained else "no"),
            ("small images", "; ".join(model.small_image_changes)),
            ("normalised by mean", _shown(model.mean)),
            ("normalised by deviation", _shown(model.std)),
        ]
    images = [
        ("name", spec.dataset.full_name),
        ("argument", spec.dataset.argument),
        ("training images limited to", _shown(spec.dataset.limit_train)),
        ("test images limited to", _shown(spec.dataset.limit_test)),
        ("share carved off for validation", _shown(spec.dataset.val_fraction)),
    ]
    images += [(name, _shown(value)) for name, value in spec.dataset.options.items()]
    if data:
        images += [
            ("side, px", str(data.image_size)),
            ("channels", str(data.channels)),
            ("training images", f"{data.num_train:,}"),
            ("validation images", f"{data.num_val:,}"),
            ("test images", f"{data.num_test:,}"),
        ]
    return {
        "Network": _cleaned(network),
        "Images": _cleaned(images),
        "Recipe": _cleaned(
            [("name", spec.recipe.full_name), *((k, _shown(v)) for k, v in spec.recipe.hyperparameters.items())]
        ),
        "Execution": _cleaned([(name, _shown(value)) for name, value in spec.execution.model_dump().items()]),
    }


def environment(record: Record) -> list[tuple[str, str]]:
    """Return versions, device and threads."""
    return _cleaned([(name, _shown(value)) for name, value in record.environment.items()])


def provenance(entry: BoardEntry) -> list[tuple[str, str]]:
    """Return which plugins' code and which content the numbers come from."""
    record = entry.example
    spec = record.spec
    lines = []
    for what, provider in (
        ("network", spec.architecture.provider),
        ("images", spec.dataset.provider),
        ("recipe", spec.recipe.provider),
    ):
        origin = " ".join(filter(None, (provider.distribution or provider.plugin, provider.version)))
        lines.append((f"{what} from", f"{origin} ({provider.plugin}), code {provider.code_hash[:16] or 'unknown'}"))
    lines.append(("fingerprint of the images", record.data.fingerprint if record.data else ""))
    measured = sorted({each.measurement_key for _, each in entry.done if each.speed})
    lines += [("key of the measurements", key) for key in measured]
    lines.append(("versions of metrics", _metric_versions(record)))
    if isinstance(record, RuntimeRecord):
        lines += _runtime_lines(record.runtime)
    return _cleaned(lines)


def _runtime_lines(result: RuntimeResult) -> list[tuple[str, str]]:
    lines = [("run by", ", ".join(f"{name} {version}" for name, version in result.tools.items() if version))]
    lines += [
        (f"quantised: {name.replace('_', ' ')}", _shown(value)) for name, value in (result.quantization or {}).items()
    ]
    if result.top1_agreement is not None:
        lines.append(
            ("images for which it names the class that the trial does", f"{100 * result.top1_agreement:.2f} %")
        )
    if result.max_difference is not None:
        lines.append(("largest difference of a logit from the trial's", f"{result.max_difference:.3g}"))
    return lines


def failures(entry: BoardEntry) -> list[dict[str, Any]]:
    """Return each seed that gave no result, with its reason."""
    return [
        {"seed": each.seed, "outcome": each.outcome, "reason": one_line(each.reason, max_length=2000)}
        for each in entry.row.unfinished
    ]


def _metric_versions(record: Record) -> str:
    return ", ".join(f"{name} {value.version}" for name, value in record.metrics.items() if value.version != 1) or (
        "1 for all" if record.metrics else ""
    )


def _cleaned(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(one_line(name, max_length=100), one_line(value)) for name, value in pairs if one_line(value)]


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_shown, value))
    return str(value)


def _percent(record: Record, name: str) -> str:
    value = record.metrics[name].value if name in record.metrics else None
    return f"{100 * value:.2f}" if isinstance(value, float) else "–"


def _number(record: Record, name: str) -> str:
    value = record.metrics[name].value if name in record.metrics else None
    return f"{value:.4f}" if isinstance(value, float) else "–"


def _share(value: float | None) -> str:
    return "not defined" if value is None else f"{100 * value:.1f} %"


def _rounded(value: Any, digits: int = 5) -> float | None:
    return float(f"{value:.{digits}g}") if isinstance(value, (int, float)) and np.isfinite(value) else None
