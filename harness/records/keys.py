"""The two identities of a trial: one for its predictions, and one for its speed.

Caching, resuming and merging use the first. Speeds are compared only if the second is equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from harness.records.origin import Origin, origin_of
from harness.records.spec import TrialSpec, stable_hash

ENGINE_VERSION = 1
"""Incremented whenever the engine gives different predictions for the same spec."""


def result_fields(
    spec: TrialSpec, *, fingerprint: str, pixels: str = "", torch_version: str, origin: Origin | None = None
) -> dict[str, Any]:
    """Return everything that can change a prediction, by name; *spec* must be resolved.

    The dataset is identified by its content: a folder that was moved or renamed is the same dataset. Device and threads
    are left out because they only change rounding.

    Args:
        fingerprint: Hash of the images as they are stored.
        pixels: Hash of the prepared images, which also depends on the decoder; empty in records of earlier versions,
            whose fingerprints covered pixels.
        origin: Where the predictions come from, if neither this trial's training nor its classifier.
    """
    # Absent in keys from before preparations existed.
    prepared = {} if spec.preparation is None else {"preparation": asdict(spec.preparation), "pixels": pixels}
    return {
        **row_fields(spec, origin),
        "hyperparameters": spec.recipe.hyperparameters,
        "architecture_options": spec.architecture.options,
        **prepared,
        "dataset": fingerprint,
        "dataset_mirror_symmetric": spec.dataset.mirror_symmetric,
        "seed": spec.seed,
        "small_images": spec.execution.small_images,
        "torch": ".".join(torch_version.split("+")[0].split(".")[:2]),
        "engine": ENGINE_VERSION,
        # Absent in the keys of trials that share their splits with other seeds, and so in all earlier ones.
        **({} if spec.dataset.resplit is None else {"resplit": spec.dataset.resplit}),
        # Absent in all other keys.
        **({} if spec.execution.tests else {"tests": False}),
        **({"lr_test": True} if spec.execution.lr_test else {}),
    }


def row_fields(spec: TrialSpec, origin: Origin | None = None) -> dict[str, Any]:
    """Return all that the trials of a row share: what can change a prediction, apart from images, seed and torch.

    Like :func:`result_fields`, it holds full names only, and no version whose code is the same. A tuned row is another
    one than that of the same settings without a search; where each seed has a search of its own, their settings differ.
    """
    architecture, recipe = spec.architecture, spec.recipe
    origin = origin or origin_of(spec)
    options, hyperparameters, searched = architecture.options, recipe.hyperparameters, {}
    if spec.search is not None:
        search = spec.search
        searched = {"search": {"study": search.study, "budget": search.budget, "repeats": search.repeats}}
        if spec.search.repeats > 1:
            options = _without(options, spec.search.space, "model.")
            hyperparameters = _without(hyperparameters, spec.search.space, "recipe.")
    return {
        "architecture": architecture.full_name,
        "architecture_version": architecture.version,
        "architecture_code": architecture.provider.code_hash,
        "architecture_options": options,
        "recipe": recipe.full_name,
        "recipe_code": recipe.provider.code_hash,
        "hyperparameters": hyperparameters,
        "precision": spec.execution.precision,
        # Absent in the keys of trained networks, and so in those from before there were others.
        **({} if origin is None else {"origin": origin.identity}),
        **searched,
    }


def _without(values: Mapping[str, Any], space: Mapping[str, str], prefix: str) -> dict[str, Any]:
    """Return *values* without those that were searched."""
    return {name: value for name, value in values.items() if f"{prefix}{name}" not in space}


def result_key(
    spec: TrialSpec, *, fingerprint: str, pixels: str = "", torch_version: str, origin: Origin | None = None
) -> str:
    """Return the hash of :func:`result_fields`."""
    return stable_hash(
        result_fields(spec, fingerprint=fingerprint, pixels=pixels, torch_version=torch_version, origin=origin)
    )


def measurement_fields(spec: TrialSpec, environment: dict[str, Any]) -> dict[str, Any]:
    """Return everything that can change a speed, except the network itself; *spec* must be resolved."""
    fields = {
        "device": environment["device_name"],
        "driver": environment["driver"],
        # With a number of threads for each network, all are measured at that of their own, as with layouts below; what
        # compares is how many each could have had.
        "threads": environment.get("available_threads", environment["threads"]),
        "batch_size": spec.recipe.hyperparameters["batch_size"],
        "precision": spec.execution.precision,
        "compile": spec.execution.compile,
        # As requested: with auto, each network is measured with its own best setting, as its users would run it.
        "layout": spec.execution.layout,
        "torch": environment["torch"],
    }
    if spec.execution.gpus_per_trial > 1:  # otherwise absent, as in keys from before the setting existed
        fields["gpus_per_trial"] = spec.execution.gpus_per_trial
    return fields


def measurement_key(spec: TrialSpec, environment: dict[str, Any]) -> str:
    """Return the hash of :func:`measurement_fields`."""
    return stable_hash(measurement_fields(spec, environment))
