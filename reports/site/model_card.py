"""Model cards: a row as a ``README.md`` for the Hugging Face Hub, with its metrics as ``model-index``."""

from __future__ import annotations

import json
from typing import Any

from harness.records.origin import OriginKind
from reports.leaderboard.columns.cells import rank_text
from reports.render.markdown import escape_markdown
from reports.site.commands import rerun_command
from reports.site.entries import BoardEntry
from zoo.names import slug
from zoo.text import one_line, plural

_METRICS = {
    "accuracy": ("accuracy", "Accuracy"),
    "balanced_accuracy": ("balanced_accuracy", "Balanced accuracy"),
    "macro_f1": ("f1", "Macro F1"),
    "top5": ("accuracy", "Top-5 accuracy"),
    "nll": ("loss", "Negative log-likelihood"),
    "calibration_error": ("expected_calibration_error", "Expected calibration error"),
}
"""Metrics in the card: type on the hub, and display name."""


_ORIGINS = {
    OriginKind.EVALUATED: "An image classifier that was published as {source}, tested by zoobench.",
    OriginKind.PREDICTIONS: "Predictions of an image classifier, made elsewhere ({source}) and scored by zoobench.",
    OriginKind.ENSEMBLE: "An ensemble of image classifiers, whose probabilities are averaged by zoobench: {source}.",
}


def model_card(entry: BoardEntry) -> str:
    """Return the model card of a row.

    See "Model cards" and "model-index" in the documentation of the Hugging Face Hub. The YAML is written as JSON,
    which is a subset of it, so that no name can be misread.
    """
    spec, row, data = entry.example.spec, entry.row, entry.example.data
    results = [
        {
            "task": {"type": "image-classification", "name": "Image Classification"},
            "dataset": {"type": slug(spec.dataset.display_name), "name": one_line(row.data), "split": "test"},
            "metrics": [
                {
                    "type": kind,
                    "name": f"{name}, mean over {plural(row.metrics[key].n, 'seed')}",
                    "value": row.metrics[key].mean,
                }
                for key, (kind, name) in _METRICS.items()
                if key in row.metrics
            ],
        }
    ]
    front: dict[str, Any] = {
        "library_name": "zoobench",
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "zoobench"],
        "model-index": [{"name": one_line(row.model), "results": results}],
    }
    head = "\n".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in front.items())
    accuracy = row.metrics.get("accuracy")
    lines = [
        f"# {escape_markdown(one_line(row.model))} on {escape_markdown(one_line(row.data))}",
        "",
        _origin_text(entry),
        "",
        "| | |",
        "|---|---|",
    ]
    if accuracy is not None:
        spread = "" if accuracy.sd is None else f" ± {100 * accuracy.sd:.2f}"
        lines.append(f"| accuracy, mean over {plural(accuracy.n, 'seed')} | {100 * accuracy.mean:.2f}{spread} % |")
        if accuracy.low is not None and accuracy.high is not None:
            lines.append(f"| 95 % interval | {100 * accuracy.low:.2f} to {100 * accuracy.high:.2f} % |")
    lines.append(f"| rank | {rank_text(row)} of {len(entry.table.rows)} |")
    if row.params is not None:
        lines.append(f"| parameters | {row.params:,} |")
    if row.macs is not None:
        lines.append(f"| multiply-accumulates | {row.macs:,} |")
    if data is not None:
        lines.append(f"| test images | {data.num_test:,} |")
        lines.append(f"| dataset fingerprint | `{one_line(data.fingerprint)[:16]}` |")
    commands = rerun_command([record for _, record in entry.done] or [entry.example])
    lines += ["", "To reproduce it:", "", *(f"    {one_line(command, max_length=20_000)}" for command in commands)]
    if data is not None:
        names = ", ".join(escape_markdown(one_line(name, max_length=60)) for name in data.classes[:200])
        lines += ["", f"Classes, in the order of the logits: {names}{', …' if len(data.classes) > 200 else ''}."]
    return f"---\n{head}\n---\n\n" + "\n".join(lines) + "\n"


def _origin_text(entry: BoardEntry) -> str:
    origin = entry.example.origin
    if origin is None or origin.kind not in _ORIGINS:
        recipe = escape_markdown(one_line(entry.row.recipe))
        return f"An image classifier, trained and tested by zoobench with the recipe {recipe}."
    return _ORIGINS[origin.kind].format(source=escape_markdown(one_line(origin.source)))
