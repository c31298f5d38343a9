"""Commands: the command lines that reproduce the trials of a row, from their records."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.records.origin import Origin, OriginKind
from harness.records.record import Record
from harness.records.runtime_result import RuntimeRecord
from harness.records.spec import ExecutionSpec, ProviderSpec, TrialSpec
from zoo.text import one_line

_DISTRIBUTION = "zoobench"
_MOST_CHARACTERS = 20_000
_EXECUTION = ("device", "gpus_per_trial", "precision", "layout", "batched_seeds", "threads", "measure_seconds")
_VERSIONS = ("torch", "torchvision", "timm")
"""Packages of the environment that can change a result."""

Defaults = Mapping[tuple[str, str], tuple[str, Mapping[str, Any]]]
"""Version of the provider here, and default settings, by kind (``recipe``, ``model``, ``data``) and full name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reproduction:
    """How to run a row again, and what to expect."""

    install: str
    """Command that installs the versions it was run with."""
    short: tuple[str, ...]
    """Commands with the settings that differ from the defaults."""
    full: tuple[str, ...]
    """Commands with all settings, so that later defaults do not matter; empty if equal to the short ones."""
    fingerprint: str
    """Fingerprint of the images to expect."""
    keys: tuple[tuple[int, str], ...]
    """The result key to expect for each finished seed."""
    origin: str = ""
    """Where the row comes from if it was not trained here."""


def reproduction(records: Sequence[Record], defaults: Defaults) -> Reproduction:
    """Return how to run the seeds of a row again.

    Args:
        records: Records of the row, finished ones first.
        defaults: Settings that need not be given, where they are known.
    """
    record = records[0]
    origin = record.origin
    full, short = (
        tuple(one_line(line, max_length=_MOST_CHARACTERS) for line in rerun_command(records, known))
        for known in (None, defaults)
    )
    return Reproduction(
        install=_install(record),
        short=short,
        full=() if short == full else full,
        fingerprint=record.data.fingerprint if record.data else "",
        keys=tuple((each.spec.seed, each.result_key) for each in records if each.metrics),
        origin="" if origin is None else one_line(f"{origin.word}: {origin.source}", max_length=300),
    )


def rerun_arguments(
    spec: TrialSpec, seeds: Sequence[int], *, runtime: str = "", defaults: Defaults | None = None
) -> list[str]:
    """Return the arguments of ``zoo`` that run *spec* with consecutive *seeds*.

    Args:
        spec: A resolved spec.
        seeds: Its seeds.
        runtime: Runtime of the row; empty: that of the trial.
        defaults: Settings to leave out where a setting equals them; None: every setting is given, so later changes to
            defaults do not matter.
    """
    is_short = defaults is not None
    execution = spec.execution.model_dump(mode="json")
    usual = ExecutionSpec().model_dump(mode="json")
    arguments = ["bench", "--models", spec.architecture.full_name]
    name = spec.dataset.full_name
    arguments += ["--data", f"{name}:{spec.dataset.argument}" if spec.dataset.argument else name]
    arguments += ["--recipes", spec.recipe.full_name]
    arguments += ["--seeds", str(len(seeds))]
    if not is_short or min(seeds):
        arguments += ["--first-seed", str(min(seeds))]
    for flag, value, default in (
        ("--limit-train", spec.dataset.limit_train, None),
        ("--limit-test", spec.dataset.limit_test, None),
        ("--val-fraction", spec.dataset.val_fraction, type(spec.dataset).model_fields["val_fraction"].default),
        ("--folds", spec.dataset.folds, None),
        *((f"--{name.replace('_', '-')}", execution.get(name), usual.get(name)) for name in _EXECUTION),
    ):
        # A plan resolves threads and layout, and neither changes a result.
        if value is not None and not (is_short and (value == default or flag in ("--threads", "--layout"))):
            arguments += [flag, str(value)]
    if spec.dataset.resplit is not None:
        arguments.append("--resplit")
    if not is_short or execution["compile"] != usual["compile"]:
        arguments.append(f"--compile={execution['compile']}")
    if execution["best_inference"]:
        arguments.append("--best-inference")
    if execution["small_images"] != "auto" and not (is_short and execution["small_images"] == _small_images(spec)):
        arguments.append("--small-images" if execution["small_images"] == "on" else "--no-small-images")
    if runtime:
        arguments += ["--runtimes", f"eager,{runtime}"]
    for plugin in _plugin_files(spec):
        arguments += ["--plugin", plugin]
    settings = {f"model.{key}": value for key, value in _differing(spec, "model", defaults).items()}
    settings |= {f"data.{key}": value for key, value in _differing(spec, "data", defaults).items()}
    # The preparation follows from the dataset, the network and what was asked for.
    preparation = spec.dataset.asked if is_short else spec.preparation or spec.dataset.asked
    for key, value in (
        ("image_size", preparation.size),
        *((key, getattr(preparation, key)) for key in ("fit", "crop_share", "interpolation", "antialias")),
        ("bit_depth", spec.dataset.bit_depth),
    ):
        if value is not None:
            settings[f"data.{key}"] = value
    settings |= {f"recipe.{key}": value for key, value in _differing(spec, "recipe", defaults).items()}
    for key, value in settings.items():
        arguments += ["--set", f"{key}={_text(value)}"]
    return arguments


def rerun_command(records: Sequence[Record], defaults: Defaults | None = None) -> list[str]:
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
    spec, record = records[0].spec, records[0]
    runtime = record.runtime.runtime if isinstance(record, RuntimeRecord) else ""
    return [
        shlex.join(["zoo", *rerun_arguments(spec, stretch, runtime=runtime, defaults=defaults)])
        for stretch in stretches
    ]


def _small_images(spec: TrialSpec) -> str:
    """Return whether first strides are reduced unless the user says so."""
    size = spec.preparation.size if spec.preparation else None
    return "on" if spec.architecture.adapts_small_images and size is not None and size < 64 else "off"


def _differing(spec: TrialSpec, kind: str, defaults: Defaults | None) -> dict[str, Any]:
    """Return the settings of a kind that differ from the defaults; all of them where these are not known."""
    of: dict[str, tuple[str, ProviderSpec, Mapping[str, Any]]] = {
        "model": (spec.architecture.full_name, spec.architecture.provider, spec.architecture.options),
        "data": (spec.dataset.full_name, spec.dataset.provider, spec.dataset.options),
        "recipe": (spec.recipe.full_name, spec.recipe.provider, spec.recipe.hyperparameters),
    }
    name, provider, settings = of[kind]
    version, known = (defaults or {}).get((kind, name), ("", {}))
    if version != provider.version:
        known = {}
    missing = object()
    return {key: value for key, value in settings.items() if known.get(key, missing) != value}


def _plugin_files(spec: TrialSpec) -> list[str]:
    """Return the files of plugins that are no installed distribution."""
    providers = (spec.architecture.provider, spec.dataset.provider, spec.recipe.provider)
    return list(dict.fromkeys(f"{each.plugin}.py" for each in providers if not each.distribution and each.code_hash))


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


def _install(record: Record) -> str:
    """Return the command that installs the versions of a record; empty if it states none."""
    spec = record.spec
    versions: dict[str, str] = {}
    for provider in (spec.architecture.provider, spec.dataset.provider, spec.recipe.provider):
        _add(versions, provider)
    own = record.environment.get("zoobench")
    if own:
        versions[_DISTRIBUTION] = str(own)
    for name in _VERSIONS:
        if record.environment.get(name):
            versions[name] = str(record.environment[name]).split("+")[0]
    packages = [one_line(f"{name}=={version}", max_length=200) for name, version in versions.items()]
    return shlex.join(["pip", "install", *packages]) if packages else ""


def _add(versions: dict[str, str], provider: ProviderSpec) -> None:
    if provider.distribution and provider.version:
        versions[provider.distribution] = provider.version


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_text, value)) + "]"
    return repr(value) if isinstance(value, float) else str(value)
