"""Specs: one trial, fully described. Plain data that crosses processes as JSON."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from zoo.options import Option


class FrozenModel(BaseModel):
    """Base of all that is written as JSON: frozen, and a key that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class ProviderSpec(FrozenModel):
    """Where something selected comes from."""

    plugin: str
    distribution: str = ""
    version: str = ""
    code_hash: str = ""


class ArchitectureSpec(FrozenModel):
    """Which network."""

    full_name: str
    display_name: str
    version: str = ""
    family: str = ""
    adapts_small_images: bool = False
    provider: ProviderSpec
    options: dict[str, Option] = Field(default_factory=dict)


class DatasetSpec(FrozenModel):
    """Which images."""

    full_name: str
    display_name: str
    """With its argument: ``folder:plants``."""
    argument: str = ""
    version: str = ""
    provider: ProviderSpec
    options: dict[str, Option] = Field(default_factory=dict)
    image_size: int | None = None
    """Side in pixels that was asked for; None: as the dataset says."""
    mirror_symmetric: bool = True
    limit_train: int | None = None
    """Use so many training images only, stratified."""
    limit_test: int | None = None
    """Use so many test images only, stratified."""
    val_fraction: float = 0.1
    """Share of the training images to validate on if the source has no validation split."""
    folds: int | None = None
    """Into how many folds the images are dealt, each of which is once the test set; None: the source's own splits."""
    fold: int | None = None
    """Which of them is tested, from 1; None, where there are folds: all of them, put together."""


class RecipeSpec(FrozenModel):
    """How to train."""

    full_name: str
    display_name: str
    provider: ProviderSpec
    hyperparameters: dict[str, Any]


Precision = Literal["auto", "fp32", "bf16", "fp16"]
Compile = Literal["auto", "on", "graphs", "off"]


class ExecutionSpec(FrozenModel):
    """Where and how it is computed."""

    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``."""
    precision: Precision = "auto"
    gpus_per_trial: int = 1
    """On how many devices one trial trains; on a CPU, in how many processes. It changes rounding only, and the draws
    of dropout and its kin."""
    compile: Compile = "off"
    """graphs: with CUDA graphs as well; auto: on a GPU, for a long training, whichever a probe says pays."""
    layout: Literal["auto", "channels_last", "contiguous"] = "auto"
    """Order of a batch's pixels in memory; auto: by a probe for each network. It changes rounding only."""
    threads: int | None = None
    """CPU threads; None: as many as torch takes."""
    small_images: Literal["auto", "on", "off"] = "auto"
    """Whether first strides are reduced for small images; auto: below 64 pixels."""
    looks: int = 1
    """How many looks at the ranks its bench may take to decide on more seeds; they share the level of the tests."""
    measure_seconds: float = 0.3
    """Time that each speed measurement may take."""
    best_inference: bool = False
    """Whether the fastest settings for inference are looked for and measured too."""


class TrialSpec(FrozenModel):
    """One combination of architecture, dataset, recipe and seed."""

    architecture: ArchitectureSpec
    dataset: DatasetSpec
    recipe: RecipeSpec
    seed: int
    execution: ExecutionSpec = ExecutionSpec()

    @property
    def title(self) -> str:
        """What a person calls it."""
        title = (
            f"{self.architecture.display_name} · {self.dataset.display_name} · "
            f"{self.recipe.display_name} · seed {self.seed}"
        )
        return title if self.dataset.fold is None else f"{title} · fold {self.dataset.fold} of {self.dataset.folds}"

    @property
    def whole(self) -> TrialSpec:
        """The same over all folds, where this is of one; else the same."""
        if self.dataset.fold is None:
            return self
        return self.model_copy(update={"dataset": self.dataset.model_copy(update={"fold": None})})


def stable_hash(value: Any) -> str:
    """Return the SHA-256 of *value* as canonical JSON (sorted keys, no blanks)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
