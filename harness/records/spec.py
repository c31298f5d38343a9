"""Specs: full descriptions of trials. Plain data, passed between processes as JSON."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticSerializationError

from harness.records.seed_schedule import FIRST_SEEDS
from zoo.options import Option
from zoo.preparation import DEFAULT_SIZE, Fit, Interpolation, Preparation
from zoo.published import PublishedFigure

Identifier = Annotated[str, Field(pattern=r"^[!-~]*$")]
"""A hash, or the name of a trial: printable ASCII, since it is hashed and written without being cleaned."""


class FrozenModel(BaseModel):
    """Base class of everything written as JSON: frozen, with an error for unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")

    def model_dump_json(self, **options: Any) -> str:
        """Return it as JSON; names of files that are not UTF-8, which pydantic refuses to write, are escaped."""
        try:
            return super().model_dump_json(**options)
        except PydanticSerializationError:
            return json.dumps(self.model_dump(mode="json", **options), separators=(",", ":"))


class CodeSpec(FrozenModel):
    """The code, files and libraries that something selected depends on."""

    modules: dict[str, str] = Field(default_factory=dict)
    """Digest of each module that its functions reach by imports, by name; comments and docstrings do not count."""
    files: dict[str, str] = Field(default_factory=dict)
    """Digest of each data file that it declares."""
    libraries: dict[str, str] = Field(default_factory=dict)
    """Version of each distribution that these modules import or that it declares; ``absent`` if not installed."""
    arguments: str = ""
    """Digest of its functions' names and the values that they were made with."""


class ProviderSpec(FrozenModel):
    """The origin of a selected plugin."""

    plugin: str
    """Name of the plugin."""
    distribution: str = ""
    """Name of the installed package; empty for a file."""
    version: str = ""
    """Version of that package."""
    code_hash: str = ""
    """Hash of ``code``; in records of earlier versions, of all Python files of the plugin."""
    code: CodeSpec | None = None
    """What it depends on; None in records of earlier versions."""


class ArchitectureSpec(FrozenModel):
    """The selected architecture."""

    full_name: str
    """Name with its provider, such as ``timm/resnet18``."""
    display_name: str
    """Name in tables."""
    version: str = ""
    """Version that its plugin gives it."""
    family: str = ""
    """Family that lists group it by."""
    adapts_small_images: bool = False
    """Whether its first strides may be reduced for small images."""
    native_size: int = DEFAULT_SIZE
    """Image side in pixels that it was designed for."""
    provider: ProviderSpec
    """The plugin that it comes from."""
    options: dict[str, Option] = Field(default_factory=dict)
    """Values of its options."""


ASKED = ("image_size", "fit", "crop_share", "interpolation", "antialias")
"""Fields of a dataset's spec that say how the user asked for images to be prepared."""

MAX_BIT_DEPTH = 16


class DatasetSpec(FrozenModel):
    """The selected dataset."""

    full_name: str
    """Name with its provider, without the argument."""
    display_name: str
    """Name with the argument, such as ``folder:plants``."""
    argument: str = ""
    """What follows the colon, such as ``plants``; empty if there is none."""
    version: str = ""
    """Version that its plugin gives it."""
    provider: ProviderSpec
    """The plugin that it comes from."""
    options: dict[str, Option] = Field(default_factory=dict)
    """Values of its options."""
    image_size: int | None = None
    """Side in pixels that the user asked for; None: what the weights, the architecture or the images suggest."""
    fit: Fit | None = None
    """How the user asked to fit images into the square, as the next three; see :class:`zoo.preparation.Preparation`."""
    crop_share: float | None = None
    """Share of the side that is kept; None: as suggested."""
    interpolation: Interpolation | None = None
    """Filter of scaling; None: as suggested."""
    antialias: bool | None = None
    """Whether scaling down averages pixels; None: as suggested."""
    bit_depth: int | None = None
    """Bits that the values of images with more than 8 bits per sample use, 1 to 16; None: all."""
    mirror_symmetric: bool = True
    """Whether mirroring an image preserves its label."""
    limit_train: int | None = None
    """Maximum number of training images, stratified by class."""
    limit_test: int | None = None
    """Maximum number of test images, stratified by class."""
    val_fraction: float = 0.1
    """Share of the training images to validate on if the source has no validation split."""
    unsplit_is_test: bool = False
    """Whether all images of a source without splits are test images, since nothing is trained."""
    folds: int | None = None
    """Number of cross-validation folds, each of which is the test set once; None: the splits of the source."""
    fold: int | None = None
    """Number of the fold to test, from 1; None with folds: all of them, pooled."""
    resplit: int | None = None
    """Number of the draw of the validation split, or with folds of their deal: the seed; None: all seeds share them."""

    @property
    def asked(self) -> Preparation:
        """What the user asked for of the images' preparation: the first of its layers."""
        return Preparation(
            size=self.image_size,
            fit=self.fit,
            crop_share=self.crop_share,
            interpolation=self.interpolation,
            antialias=self.antialias,
        )


class RecipeSpec(FrozenModel):
    """The selected recipe."""

    full_name: str
    """Name with its provider."""
    display_name: str
    """Name in tables."""
    provider: ProviderSpec
    """The plugin that it comes from."""
    hyperparameters: dict[str, Any]
    """Every hyperparameter, the recipe's defaults included."""


Precision = Literal["auto", "fp32", "bf16", "fp16"]
Compile = Literal["auto", "on", "graphs", "off"]


LEAST_MEASURE_SECONDS = 0.1
"""Least duration of a speed measurement for which a trial takes its share: windows of the timer then last 5 ms."""


class ExecutionSpec(FrozenModel):
    """Where and how a trial runs."""

    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``cuda:N``, ``mps`` or another accelerator of torch's, such as ``xpu``."""
    precision: Precision = "auto"
    """Numeric precision; auto: what suits the device."""
    gpus_per_trial: int = 1
    """Number of GPUs that a trial trains on; on a CPU, the number of processes. It only changes rounding, and the draws
    of dropout and the like."""
    compile: Compile = "off"
    """Compile mode. graphs: with CUDA graphs; auto: the fastest in a probe, for long training on a GPU."""
    layout: Literal["auto", "channels_last", "contiguous"] = "auto"
    """Memory layout of images; auto: chosen by a probe for each network. It changes rounding only."""
    batched_seeds: Literal["auto", "on", "off"] = "auto"
    """Whether seeds of a combination train together as one batched network; auto: on an accelerator, if a probe finds
    that faster. It changes rounding only."""
    threads: int | None = None
    """Number of CPU threads; None: by the work of a training step (see :mod:`harness.planning.threads`)."""
    small_images: Literal["auto", "on", "off"] = "auto"
    """Whether first strides are reduced for small images; auto: below 64 pixels."""
    looks: int = 1
    """Maximum number of times that the bench tests ranks to decide on more seeds; they share one error level."""
    first_seeds: int = FIRST_SEEDS
    """Number of seeds that every row gets before the first of several looks."""
    measure_seconds: float = 0.3
    """Duration of each speed measurement, for all trials of a row together."""
    measure_shares: int = 1
    """Trials of the row, over its seeds and folds, that share that duration."""
    best_inference: bool = False
    """Whether to find the fastest inference settings and measure with them too."""
    pause_after: int | None = None
    """Epoch after which training pauses, with its state kept for a longer run of the same trial; None: it does not."""
    tests: bool = True
    """Whether the trained network is tested; False for trials of a search, which never open the test images."""
    lr_test: bool = False
    """Whether it is a range test of the learning rate, which trains a few steps at rising rates."""

    @property
    def own_measure_seconds(self) -> float:
        """Duration of each speed measurement of a single trial: its share, but not less than can be measured well."""
        return max(self.measure_seconds / self.measure_shares, min(self.measure_seconds, LEAST_MEASURE_SECONDS))


class LrTestSpec(FrozenModel):
    """The range test of the learning rate that a search began with."""

    suggestion: float | None = None
    """Suggested learning rate, in the middle of the range that was searched; None: the test suggested none."""
    problem: str = ""
    """Why it suggested none, so that the range that the recipe declares was searched; empty if it did."""
    seconds: float = 0.0
    """Time that it took on its device, without waiting."""


class SearchSpec(FrozenModel):
    """The search that chose a trial's settings."""

    study: str
    """Key of the search: its space, sampler and combination."""
    trials: int
    """Number of trials of the search, failed ones included."""
    seconds: float
    """Time of these trials, and of the range test if there was one, on their devices, without waiting."""
    budget: str
    """What was asked for, such as ``16 trials`` or ``30m``."""
    sampler: str
    """What proposed the settings."""
    pruner: str = "none"
    """What stopped unpromising trials early; ``none``: nothing did."""
    objective: str = "val_accuracy"
    """Quantity by which settings were chosen."""
    space: dict[str, str] = Field(default_factory=dict)
    """Range of each setting that was searched, by dotted key."""
    settings: dict[str, Option] = Field(default_factory=dict)
    """Chosen value of each setting, by dotted key; without those that keep the recipe's value."""
    default_settings: dict[str, Option] = Field(default_factory=dict)
    """Value of each searched setting before the search."""
    best: int = 0
    """Number of the chosen trial; trial 0 has the recipe's own settings."""
    best_value: float | None = None
    """Objective of the chosen trial."""
    default_value: float | None = None
    """Objective of trial 0; None if it failed."""
    repeat: int = 0
    """Number of this search among the repeats."""
    repeats: int = 1
    """Number of searches of the row: with more than one, each seed has a search of its own."""
    lr_test: LrTestSpec | None = None
    """The range test that found the range of the learning rate; None: the range was declared or given."""


class ClassifierSpec(FrozenModel):
    """The classifier of a trial that trains nothing: weights that exist, with their own head."""

    kind: Literal["published", "file", "onnx", "trial"]
    """Where it comes from: published weights, an exported or imported file, an ONNX file, or a trial."""
    source: str
    """What the user named, such as ``timm/resnet18.a1_in1k``, or a kind and the name of a file without its folder."""
    files: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of its file, by name; empty for published weights, which their architecture's version and options
    identify."""
    num_classes: int
    """Number of classes of its head."""
    over: Literal["subset", "all"] = "subset"
    """Which classes compete: those of the dataset, or all of the head."""
    classes: Literal["auto", "index"] | dict[str, str] = "auto"
    """How classes are matched, or the head's class of some of the dataset's (:mod:`harness.planning.class_mapping`)."""
    columns: tuple[int, ...] | None = None
    """Column of the head's logits for each class of the dataset; None: the columns are the classes, or, in a plan,
    depend on the dataset."""
    mapping: str = ""
    """How the head's classes became the dataset's, in one sentence; empty if they are the same."""
    published: PublishedFigure | None = None
    """What was published for it."""

    @property
    def key(self) -> str:
        """Key of the classifier within a plan."""
        return stable_hash([self.kind, self.source, sorted(self.files.values())])


class PretrainingSpec(FrozenModel):
    """What the weights that a trial starts from were trained on, as far as it is declared."""

    collections: tuple[str, ...] = ()
    """Collections of images, by the names of :mod:`zoo.pretraining`; empty: unknown."""
    test_images: tuple[str, ...] = ()
    """Collections that the test images come from; empty: unknown."""


class TrialSpec(FrozenModel):
    """One combination of architecture, dataset, recipe and seed."""

    architecture: ArchitectureSpec
    """The network."""
    dataset: DatasetSpec
    """The images."""
    recipe: RecipeSpec
    """How it is trained."""
    seed: int
    """Seed of everything random."""
    preparation: Preparation | None = None
    """What images become before the network sees them; in a plan, its size is open if it depends on the images. Mean
    and std are open if they are those of the training images. None in records of earlier versions."""
    execution: ExecutionSpec = ExecutionSpec()
    """Where and how it runs."""
    search: SearchSpec | None = None
    """The search that chose the settings; None if they are the recipe's, or were given."""
    classifier: ClassifierSpec | None = None
    """The classifier to test as it is; None: the network is trained."""
    pretraining: PretrainingSpec | None = None
    """Of published weights, if the trial starts from them; None: it does not, or the record is of an earlier version.
    It is no part of any key."""

    @property
    def title(self) -> str:
        """Name for people."""
        title = (
            f"{self.architecture.display_name} · {self.dataset.display_name} · "
            f"{self.recipe.display_name}{', tuned' if self.search else ''} · "
            f"{f'seed {self.seed}' if self.execution.tests else 'range test' if self.execution.lr_test else 'search'}"
        )
        return title if self.dataset.fold is None else f"{title} · fold {self.dataset.fold} of {self.dataset.folds}"

    @property
    def whole(self) -> TrialSpec:
        """The spec over all folds, if this spec is of a single fold; otherwise this spec."""
        if self.dataset.fold is None:
            return self
        return self.model_copy(update={"dataset": self.dataset.model_copy(update={"fold": None})})


def stable_hash(value: Any) -> str:
    """Return the SHA-256 of *value* as canonical JSON (sorted keys, no whitespace)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
