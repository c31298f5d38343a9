"""Commands: the command lines that reproduce the trials of a row, from their records."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from harness.records.origin import Origin, OriginKind
from harness.records.record import Record
from harness.records.spec import TrialSpec

_EXECUTION = ("device", "precision", "layout", "threads", "measure_seconds")


def rerun_arguments(spec: TrialSpec, seeds: Sequence[int]) -> list[str]:
    """Return the arguments of ``zoo`` that run *spec* with consecutive *seeds*.

    Every hyperparameter is set explicitly, so later changes to defaults do not matter.
    """
    execution = spec.execution.model_dump(mode="json")
    arguments = ["bench", "--models", spec.architecture.full_name]
    name = spec.dataset.full_name
    arguments += ["--data", f"{name}:{spec.dataset.argument}" if spec.dataset.argument else name]
    arguments += ["--recipes", spec.recipe.full_name]
    arguments += ["--seeds", str(len(seeds)), "--first-seed", str(min(seeds))]
    for flag, value in (
        ("--limit-train", spec.dataset.limit_train),
        ("--limit-test", spec.dataset.limit_test),
        ("--val-fraction", spec.dataset.val_fraction),
        ("--folds", spec.dataset.folds),
        *((f"--{name.replace('_', '-')}", execution.get(name)) for name in _EXECUTION),
    ):
        if value is not None:
            arguments += [flag, str(value)]
    arguments.append(f"--compile={execution['compile']}")
    if execution["small_images"] != "auto":
        arguments.append("--small-images" if execution["small_images"] == "on" else "--no-small-images")
    settings: dict[str, Any] = {f"model.{key}": value for key, value in spec.architecture.options.items()}
    settings |= {f"data.{key}": value for key, value in spec.dataset.options.items()}
    preparation = spec.preparation or spec.dataset.asked
    for key, value in (
        ("image_size", preparation.size),
        *((key, getattr(preparation, key)) for key in ("fit", "crop_share", "interpolation", "antialias")),
        ("bit_depth", spec.dataset.bit_depth),
    ):
        if value is not None:
            settings[f"data.{key}"] = value
    settings |= {f"recipe.{key}": value for key, value in spec.recipe.hyperparameters.items()}
    for key, value in settings.items():
        arguments += ["--set", f"{key}={_text(value)}"]
    return arguments


def rerun_command(records: Sequence[Record]) -> list[str]:
    """Return the commands that run the seeds of a row again, one for each run of consecutive seeds."""
    origin = records[0].origin
    if origin is not None and not origin.has_network:
        return [shlex.join(["zoo", *_arguments_of(records[0], origin)])]
    seeds = sorted({record.spec.seed for record in records})
    stretches: list[list[int]] = []
    for seed in seeds:
        if stretches and seed == stretches[-1][-1] + 1:
            stretches[-1].append(seed)
        else:
            stretches.append([seed])
    spec = records[0].spec
    return [shlex.join(["zoo", *rerun_arguments(spec, stretch)]) for stretch in stretches]


def _arguments_of(record: Record, origin: Origin) -> list[str]:
    """Return the arguments that make a row of predictions or an ensemble again, with files as the user named them."""
    spec = record.spec
    if origin.kind is OriginKind.ENSEMBLE:
        options = spec.architecture.options
        is_greedy = options.get("select") == "greedy"  # which chose among more than its members
        members = ["RUNS"] if is_greedy else [f"RUNS/{member}" for member in origin.files]
        return ["ensemble", *members, "--over", str(options.get("over")), "--select", str(options.get("select"))]
    data = f"{spec.dataset.full_name}:{spec.dataset.argument}" if spec.dataset.argument else spec.dataset.full_name
    arguments = ["add", *origin.files]
    is_at_hand = record.data is not None and record.data.image_size is not None
    arguments += ["--data", data] if is_at_hand else ["--labels", "LABELS", "--data", spec.dataset.display_name]
    for flag, value in (("--limit-train", spec.dataset.limit_train), ("--limit-test", spec.dataset.limit_test)):
        if value is not None:
            arguments += [flag, str(value)]
    return arguments


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_text, value)) + "]"
    return repr(value) if isinstance(value, float) else str(value)
