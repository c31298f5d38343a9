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
    """What a reader should know: a validation split taken from train, unreadable images …"""
    whole_fingerprint: str = ""
    """Where this is one fold: the fingerprint of all folds together, by which they are known to belong together."""


class TrainingInfo(FrozenModel):
    """The training as it went."""

    epochs_run: int
    tested_epoch: int
    """The epoch whose weights were tested, from 1."""
    stopped_early: bool = False
    best_val_accuracy: float
    final_train_loss: float
    seconds: float
    """Time in training steps, the data path included, validation not; monotonic clock."""
    micro_batch_size: int | None = None
    """Most images per forward pass as the training ended; None in records of before it was kept."""


class Tuning(FrozenModel):
    """What a training was run with for the sake of speed, and why (see :mod:`harness.measuring.tuning`)."""

    layout: Layout
    """Order of a batch's pixels in memory."""
    compile: bool
    graphs: bool = False
    """Whether what was compiled was recorded as CUDA graphs too."""
    reason: str = ""
    """One sentence."""
    images_per_second: dict[str, float] = Field(default_factory=dict)
    """What was timed, by setting: training, compute only, the median of a few short windows."""
    compile_seconds: float | None = None
    """How long the compiler took for a training step, where it was tried."""
    seconds: float = 0.0
    """How long it took to find out."""


class Rate(FrozenModel):
    """Images per second over repeated windows: median and the middle 95 % of the windows."""

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
    """Share of test images for which it predicts the class that the record's logits do."""
    compile_seconds: float | None = None
    images_per_second: dict[str, float] = Field(default_factory=dict)
    """What was tried, by setting."""
    refused: dict[str, str] = Field(default_factory=dict)
    """Why a setting does not work for the network, by setting."""


class SpeedInfo(FrozenModel):
    """What was measured of speed and memory; None where it was not measured."""

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
    """None unless it was asked for."""
    compile_seconds: float | None = None
    """What the compiler took for inference, at its first call; less where its cache knew the network."""
    train_compile_seconds: float | None = None
    """How much longer the first epoch took than the others did, where training was compiled."""
    peak_memory_mib: float | None = None
    """Peak memory while training: the device's allocator on a GPU, the process's growth on a CPU."""
    reference: Rate | None = None
    """Inference of the reference network, compute only, measured just before and after; gives a relative speed."""
    foreign_cores: float | None = None
    """CPU time per second that other processes took while this was measured; None where it cannot be known."""
    notes: tuple[str, ...] = ()
    """What disturbed the measuring: a throttled clock, a loaded machine …"""
    seconds: float = 0.0
    """How long the measuring took in all."""


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
    """One sentence, where the outcome is not done."""
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
    """What did not fail the trial, but a reader should know: a metric that could not be computed …"""
    started_at: str = ""
    """UTC, ISO 8601. For people: nothing is decided by it."""
    attempts: int = 1
    files: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of each other file of the trial, by its name."""
    folds: dict[str, str] = Field(default_factory=dict)
    """Where this was put together of folds: SHA-256 of each one's predictions, by its trial's id."""
