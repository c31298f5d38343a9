"""The facts on a row's page as plain data: seeds, settings, environment, provenance and failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.records.record import Record
from harness.records.runtime_result import RuntimeRecord, RuntimeResult
from reports.leaderboard.columns.cells import FRONT_MARK, NOTHING, duration_text
from reports.leaderboard.columns.column import Column
from reports.leaderboard.remarks.notes import seeds_text
from reports.site.entries import BoardEntry
from zoo.text import one_line


def seed_rows(entry: BoardEntry) -> list[dict[str, Any]]:
    """Return a line for each finished seed."""
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
                "val_accuracy": f"{100 * training.best_val_accuracy:.1f}" if training else NOTHING,
                "tested_epoch": f"{training.tested_epoch} of {training.epochs_run}" if training else NOTHING,
                "time": duration_text(record.seconds.get("total")),
                "attempts": record.attempts,
                "started": one_line(record.started_at[:16].replace("T", " ")),
                "trial": one_line(record.trial_id),
                "key": one_line(record.result_key),
                "warnings": [one_line(warning) for warning in record.warnings],
            }
        )
    return rows


def filled_columns(seeds: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the columns of the seeds that are not empty throughout, as they are without scores or training."""
    return {name for seed in seeds for name, value in seed.items() if value not in ("", NOTHING, [])}


def warnings(seeds: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the seeds that each warning is about: ``seeds 0–2``."""
    found: dict[str, list[int]] = {}
    for seed in seeds:
        for warning in seed["warnings"]:
            found.setdefault(warning, []).append(seed["seed"])
    return {warning: seeds_text(about) for warning, about in found.items()}


_HEADLINE = ("accuracy", "inference_speed", "params", "macs", "macro_f1")
"""Facts that can stand in front, the first three that there are."""
_SIZE = frozenset({"params", "macs", "file_mib", "conversion_time", "dominated_by"})
_NAMES = frozenset({"model", "data", "recipe", "rank", "unfinished"})
_COURSE = frozenset({"seeds", "wall_time", "runtime", "conditions"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """One number of a row."""

    key: str
    title: str
    text: str
    about: str
    spread: str = ""
    """How far its measurements spread; empty if unknown."""


def facts(entry: BoardEntry, columns: Sequence[Column]) -> dict[str, list[Fact]]:
    """Return the cells of all columns of the row that are not empty, by group."""
    groups: dict[str, list[Fact]] = {"Quality": [], "Size and cost": [], "Speed and memory": [], "Runs": []}
    for column in columns:
        text = one_line(column.text(entry.row))
        if column.key in _NAMES or text in ("", NOTHING):
            continue
        fact = Fact(
            key=column.key,
            title=one_line(column.title),
            text=text,
            about=one_line(column.about),
            spread=one_line(column.spread(entry.row)) if column.spread else "",
        )
        if column.key in _COURSE:
            group = "Runs"
        elif column.key in _SIZE:
            group = "Size and cost"
        elif column.needs_equal_conditions or column.key == "relative_speed":
            group = "Speed and memory"
        else:
            group = "Quality"
        groups[group].append(fact)
    return {name: found for name, found in groups.items() if found}


def headline(groups: Mapping[str, Sequence[Fact]]) -> list[Fact]:
    """Return the facts that stand in front with the rank: up to three, the accuracy with its interval as the spread."""
    by_key = {fact.key: fact for found in groups.values() for fact in found}
    found = [by_key[key] for key in _HEADLINE if key in by_key][:3]
    if "accuracy" in by_key and "interval" in by_key:
        accuracy, interval = by_key["accuracy"], by_key["interval"]
        found[0] = replace(accuracy, title=f"{accuracy.title}, {interval.title}", spread=interval.text)
    return [replace(fact, text=fact.text.removesuffix(FRONT_MARK)) for fact in found]  # signs are explained by tables


def settings(record: Record) -> dict[str, list[tuple[str, str]]]:
    """Return the model, dataset, resolved recipe and execution settings of a record."""
    spec = record.spec
    model, data = record.model, record.data
    network = [("name", spec.architecture.full_name), ("version", spec.architecture.version)]
    network += [(name, shown(value)) for name, value in spec.architecture.options.items()]
    if model:
        network += [
            ("parameters", _count(model.params)),
            ("trainable parameters", _count(model.trainable_params)),
            ("multiply-accumulates", _count(model.macs)),
            ("pretrained weights", "yes" if model.pretrained else "no"),
            ("adaptation to small images", "; ".join(model.small_image_changes)),
            ("normalisation mean", shown(model.mean)),
            ("normalisation standard deviation", shown(model.std)),
        ]
    images = [
        ("name", spec.dataset.full_name),
        ("argument", spec.dataset.argument),
        ("limit on training images", shown(spec.dataset.limit_train)),
        ("limit on test images", shown(spec.dataset.limit_test)),
        # Without the images, nothing was split.
        *([("validation fraction", shown(spec.dataset.val_fraction))] if data is None or data.num_train else []),
        ("splits", "drawn anew for each seed" if spec.dataset.resplit is not None else ""),
    ]
    images += [(name, shown(value)) for name, value in spec.dataset.options.items()]
    if data:
        images += [
            ("image size, px", shown(data.image_size)),
            *([("prepared as", str(spec.preparation))] if spec.preparation else []),
            ("channels", shown(data.channels)),
            ("training images", _count(data.num_train)),
            ("validation images", _count(data.num_val)),
            ("test images", f"{data.num_test:,}"),
        ]
    found = {"Model": _cleaned(network), "Dataset": _cleaned(images)}
    if record.origin is not None:
        found["Origin"] = _cleaned(
            [
                ("kind", record.origin.word),
                ("source", record.origin.source),
                *((f"SHA-256 of {name}", sha256) for name, sha256 in record.origin.files.items()),
                ("scores", "probabilities or logits" if record.origin.has_scores else "classes only"),
                ("classes", record.origin.mapping),
            ]
        )
        if not record.origin.has_network:  # nothing was trained or run
            return found
    return {
        **found,
        "Recipe": _cleaned(
            [("name", spec.recipe.full_name), *((k, shown(v)) for k, v in spec.recipe.hyperparameters.items())]
        ),
        "Execution": _cleaned([(name, shown(value)) for name, value in spec.execution.model_dump().items()]),
    }


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def environment(record: Record) -> list[tuple[str, str]]:
    """Return versions, device and number of threads."""
    return _cleaned([(name, shown(value)) for name, value in record.environment.items()])


def provenance(entry: BoardEntry) -> list[tuple[str, str]]:
    """Return which code and which data the numbers come from."""
    record = entry.example
    spec = record.spec
    lines = []
    for what, provider in (
        ("model", spec.architecture.provider),
        ("dataset", spec.dataset.provider),
        ("recipe", spec.recipe.provider),
    ):
        origin = " ".join(filter(None, (provider.distribution or provider.plugin, provider.version)))
        lines.append(
            (f"{what} provided by", f"{origin} ({provider.plugin}), code {provider.code_hash[:16] or 'unknown'}")
        )
    lines.append(("dataset fingerprint", record.data.fingerprint if record.data else ""))
    measured = sorted({each.measurement_key for _, each in entry.done if each.speed})
    lines += [("measurement key", key) for key in measured]
    lines.append(("metric versions", _metric_versions(record)))
    if isinstance(record, RuntimeRecord):
        lines += _runtime_lines(record.runtime)
    return _cleaned(lines)


def _runtime_lines(result: RuntimeResult) -> list[tuple[str, str]]:
    lines = [("runtime versions", ", ".join(f"{name} {version}" for name, version in result.tools.items() if version))]
    lines += [
        (f"quantisation: {name.replace('_', ' ')}", shown(value)) for name, value in (result.quantization or {}).items()
    ]
    if result.top1_agreement is not None:
        lines.append(("top-1 agreement with the trial", f"{100 * result.top1_agreement:.2f} %"))
    if result.max_difference is not None:
        lines.append(("largest difference between logits", f"{result.max_difference:.3g}"))
    return lines


def failures(entry: BoardEntry) -> list[dict[str, Any]]:
    """Return each seed without a result, with the reason."""
    return [
        {"seed": each.seed, "outcome": each.outcome, "reason": one_line(each.reason, max_length=2000)}
        for each in entry.row.unfinished
    ]


def _metric_versions(record: Record) -> str:
    return ", ".join(f"{name} {value.version}" for name, value in record.metrics.items() if value.version != 1) or (
        "1 for all metrics" if record.metrics else ""
    )


def _cleaned(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(one_line(name, max_length=100), one_line(value)) for name, value in pairs if one_line(value)]


def shown(value: Any) -> str:
    """Return the value of a setting for people."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(shown, value))
    return str(value)


def _percent(record: Record, name: str) -> str:
    value = record.metrics[name].value if name in record.metrics else None
    return f"{100 * value:.2f}" if isinstance(value, float) else NOTHING


def _number(record: Record, name: str) -> str:
    value = record.metrics[name].value if name in record.metrics else None
    return f"{value:.4f}" if isinstance(value, float) else NOTHING
