"""Records: what one trial did. Written as ``record.json``, with a versioned schema."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from harness.records.spec import FrozenModel, TrialSpec

SCHEMA_VERSION = 1

Layout = Literal["channels_last", "contiguous"]


class Outcome(StrEnum):
    """How a trial ended."""

    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"


class FailureKind(StrEnum):
    """Why a trial failed."""

    OOM = "oom"
    DIVERGED = "diverged"
    TIMEOUT = "timeout"
    KILLED = "killed"
    DATA = "data"
    PLUGIN = "plugin"
    DISK = "disk"
    ERROR = "error"


class Failure(FrozenModel):
    """A failure, for people and for programs."""

    kind: FailureKind
    message: str
    """One sentence."""
    traceback: str = ""


class MetricValue(FrozenModel):
    """A metric's value, and the version of the metric that gave it."""

    value: Any
    """A float, a list per class, or a matrix; None where it is not defined."""
    version: int = 1


class ModelInfo(FrozenModel):
    """The network as it was built."""

    params: int
    """Number of parameters, of the head for this dataset too."""
    trainable_params: int
    macs: int | None
    """Multiply-accumulates of one image's forward pass; None where they could not be counted."""
    small_image_changes: tuple[str, ...] = ()
    """What the small-image adaptation changed, a line each."""
    mean: tuple[float, ...]
    """Normalisation of pixels scaled to [0, 1], per channel."""
    std: tuple[float, ...]
    pretrained: bool = False


class DataInfo(FrozenModel):
    """The images as they were used."""

    fingerprint: str
    """SHA-256 over decoded pixels, labels and split."""
    classes: tuple[str, ...]
    image_size: int
    channels: int
    num_train: int
    num_val: int
    num_test: int
    notes: tuple[str, ...] = ()
    """What a reader should know, such as a validation split taken from train, or unreadable images."""
    whole_fingerprint: str = ""
    """If this is one fold: the fingerprint of all folds together, which shows that they belong together."""


class TrainingInfo(FrozenModel):
    """How the training went."""

    epochs_run: int
    tested_epoch: int
    """The epoch whose weights were tested, from 1."""
    stopped_early: bool = False
    best_val_accuracy: float
    final_train_loss: float
    seconds: float
    """Time in training steps, including the data path but not validation; monotonic clock."""
    micro_batch_size: int | None = None
    """Maximum number of images per forward pass at the end of training; None in older records."""


class Tuning(FrozenModel):
    """Settings chosen for the speed of training, and why (see :mod:`harness.measuring.tuning`)."""

    layout: Layout
    """Order of a batch's pixels in memory."""
    compile: bool
    graphs: bool = False
    """Whether the compiled network was also recorded as CUDA graphs."""
    reason: str = ""
    """One sentence."""
    images_per_second: dict[str, float] = Field(default_factory=dict)
    """Measured training speed by setting: compute only, median of a few short windows."""
    compile_seconds: float | None = None
    """Time to compile a training step, if that was tried."""
    seconds: float = 0.0
    """Time that the search took."""


class Rate(FrozenModel):
    """Images per second over repeated windows: the median, and the range of the middle 95 %."""

    median: float
    low: float
    high: float
    windows: int
    batch_size: int


class Latency(FrozenModel):
    """Milliseconds for a batch of one."""

    p50_ms: float
    p95_ms: float
    runs: int


class BestInference(FrozenModel):
    """Inference of the trained weights with the settings that are fastest for them on this machine."""

    rate: Rate
    """Compute only."""
    layout: Layout
    precision: Literal["fp32", "bf16", "fp16"]
    """Of weights and arithmetic."""
    compile: bool
    top1_agreement: float
    """Share of test images with the same top-1 class as the record's logits."""
    compile_seconds: float | None = None
    images_per_second: dict[str, float] = Field(default_factory=dict)
    """Measured speed by setting."""
    refused: dict[str, str] = Field(default_factory=dict)
    """Why a setting does not work for the network, by setting."""


class SpeedInfo(FrozenModel):
    """Measured speeds and memory; None where something was not measured."""

    protocol: int = 1
    """Version of the throughput protocol (see :mod:`harness.measuring.timer`)."""
    train: Rate | None = None
    """Training, compute only: steps on a batch that is already on the device."""
    train_end_to_end: Rate | None = None
    """Training, with the data path: the epochs as they ran."""
    inference: Rate | None = None
    """Inference, compute only."""
    inference_end_to_end: Rate | None = None
    """Inference over the test split, with the data path."""
    latency: Latency | None = None
    best_inference: BestInference | None = None
    """The fastest inference settings found; None unless they were requested."""
    compile_seconds: float | None = None
    """Compile time of the first inference call; shorter if the compiler's cache already had the network."""
    train_compile_seconds: float | None = None
    """Extra time of the first epoch compared with the others, if training was compiled."""
    peak_memory_mib: float | None = None
    """Peak memory during training: of the allocator on a GPU, the growth of the process on a CPU."""
    reference: Rate | None = None
    """Inference of the reference network, compute only, measured just before and after; gives a relative speed."""
    foreign_cores: float | None = None
    """CPU time per second used by other processes during the measurement; None if unknown."""
    notes: tuple[str, ...] = ()
    """What disturbed the measurement, such as a throttled clock or a loaded machine."""
    seconds: float = 0.0
    """Total time of all measurements."""


class Record(FrozenModel):
    """What one trial did."""

    schema_version: int = SCHEMA_VERSION
    trial_id: str
    """Name of its folder in the store."""
    result_key: str
    """Hash of all that can change a prediction."""
    measurement_key: str
    """Hash of all that can change a speed."""
    outcome: Outcome
    failure: Failure | None = None
    reason: str = ""
    """One sentence if the outcome is not ``done``."""
    spec: TrialSpec
    model: ModelInfo | None = None
    data: DataInfo | None = None
    training: TrainingInfo | None = None
    metrics: dict[str, MetricValue] = Field(default_factory=dict)
    """By the metric's display name."""
    tuning: Tuning | None = None
    speed: SpeedInfo | None = None
    seconds: dict[str, float] = Field(default_factory=dict)
    """Wall time of each phase, and ``total``; added up over attempts."""
    environment: dict[str, Any] = Field(default_factory=dict)
    """Versions, device, threads."""
    warnings: tuple[str, ...] = ()
    """What a reader should know although the trial did not fail, such as a metric that could not be computed."""
    started_at: str = ""
    """UTC, ISO 8601. Informative only."""
    attempts: int = 1
    files: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of each other file of the trial, by its name."""
    folds: dict[str, str] = Field(default_factory=dict)
    """If the record pools folds: SHA-256 of the predictions of each fold, by trial id."""
