"""Records: the outcome of a trial. Written as ``record.json``, with a versioned schema."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, ClassVar, Literal

from pydantic import Field

from harness.records.origin import Origin
from harness.records.spec import FrozenModel, Identifier, SearchSpec, TrialSpec

SCHEMA_VERSION = 1

Layout = Literal["channels_last", "contiguous"]
BY_USER = "stopped by the user"
"""Begins the reason of a trial that was interrupted."""


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
    """A failure, described for people and programs."""

    kind: FailureKind
    """Cause as programs tell it apart."""
    message: str
    """Cause in one sentence."""
    traceback: str = ""
    """Python's traceback; empty if there was none."""


class MetricValue(FrozenModel):
    """A metric's value, and the version of the metric that computed it."""

    value: Any
    """A float, a list with a value per class, or a matrix; None where undefined."""
    version: int = 1
    """Version of the metric."""


class ModelInfo(FrozenModel):
    """The network of a trial."""

    params: int | None
    """Number of parameters, including the head for this dataset; None if it is unknown, as of some ONNX files."""
    trainable_params: int | None
    """Number of parameters that were trained; None if it is unknown."""
    macs: int | None
    """Multiply-accumulates of a forward pass of one image; None if they could not be counted."""
    small_image_changes: tuple[str, ...] = ()
    """Changes made by the small-image adaptation, one per line."""
    mean: tuple[float, ...]
    """Mean per channel for normalising pixels scaled to [0, 1]."""
    std: tuple[float, ...]
    """Standard deviation per channel, as the mean."""
    pretrained: bool = False
    """Whether it began with published weights."""


class DataInfo(FrozenModel):
    """The images of a trial."""

    fingerprint: Identifier
    """SHA-256 over the images as they are stored, labels and splits: the same for every preparation. In records of
    earlier versions, over decoded pixels."""
    pixels: Identifier = ""
    """Hash of the prepared images' pixels; empty in records of earlier versions."""
    classes: tuple[str, ...]
    """Names of the classes, in the order of their labels."""
    hierarchy: tuple[tuple[str, ...], ...] = ()
    """Names of the groups that each class belongs to, the widest first; empty if the dataset has no hierarchy."""
    image_size: int | None
    """Side of the prepared images in pixels; None, like the next three, if the images were not at hand when predictions
    made elsewhere were added."""
    channels: int | None
    """1 for grey images, 3 for RGB."""
    num_train: int | None
    """Number of training images."""
    num_val: int | None
    """Number of validation images."""
    num_test: int
    """Number of test images."""
    notes: tuple[str, ...] = ()
    """Notes for readers of the result, such as a validation split taken from train, or unreadable images."""
    whole_fingerprint: Identifier = ""
    """For a single fold: the fingerprint of all folds together, by which they are matched."""


class TrainingInfo(FrozenModel):
    """The course of the training."""

    epochs_run: int
    """Number of epochs."""
    tested_epoch: int
    """The epoch whose weights were tested, from 1."""
    stopped_early: bool = False
    """Whether early stopping ended it."""
    best_val_accuracy: float
    """Highest validation accuracy of an epoch, in [0, 1]."""
    final_train_loss: float
    """Mean training loss of the last epoch."""
    seconds: float
    """Time of training steps, including the data path but not validation, by a monotonic clock."""
    micro_batch_size: int | None = None
    """Maximum number of images per forward pass at the end of training; None in older records."""
    energy_counter: str = ""
    """Counter that the energy of the epochs in the history comes from, ``NVML`` or ``RAPL``; empty if there is none."""
    energy_problem: str = ""
    """Why the energy is not known; empty if it is, and in older records."""


class FeatureInfo(FrozenModel):
    """The features of a frozen backbone, and the head that was fitted to them."""

    layer: str
    """Name of the layer whose inputs they are, the classifier, or ``output of`` another. Maps and tokens are averaged.
    """
    num_features: int
    """Number of features of an image."""
    weights: str
    """SHA-256 over the backbone's tensors."""
    num_computed: int
    """Number of images that this trial ran through the backbone; the features of all others were in the cache."""
    num_train: int
    """Number of training images that the head was fitted to."""
    views: int = 1
    """Views of each of them: the image itself, and augmented copies."""
    own_head: bool
    """Whether the fitted weights are in the network's own head; otherwise a new head follows the backbone."""
    chosen: dict[str, float | str] = Field(default_factory=dict)
    """What the recipe chose on the validation images."""


class Tuning(FrozenModel):
    """Settings chosen for the speed of training, and why (see :mod:`harness.measuring.tuning`)."""

    layout: Layout
    """Memory layout of batches."""
    compile: bool
    """Whether the network was compiled."""
    graphs: bool = False
    """Whether the compiled network was also recorded as CUDA graphs."""
    reason: str = ""
    """Reason for the choice in one sentence."""
    images_per_second: dict[str, float] = Field(default_factory=dict)
    """Measured training speed by setting: compute only, median of a few short windows."""
    compile_seconds: float | None = None
    """Time to compile a training step, if that was tried."""
    seconds: float = 0.0
    """Time that the search took."""
    batched_seeds: tuple[int, ...] = ()
    """Seeds that were trained together in one batched network, this one included; empty: this one was trained alone."""


class Rate(FrozenModel):
    """Images per second over repeated windows: the median, and the range of the middle 95 %."""

    median: float
    """Median over the windows."""
    low: float
    """2.5 % quantile."""
    high: float
    """97.5 % quantile."""
    windows: int
    """Number of windows."""
    batch_size: int
    """Images per batch."""


class Latency(FrozenModel):
    """Latency of a batch of one image, in milliseconds."""

    p50_ms: float
    """Median."""
    p95_ms: float
    """95 % quantile."""
    runs: int
    """Number of timed passes."""


class BestInference(FrozenModel):
    """Inference with the trained weights and the fastest settings on this machine."""

    rate: Rate
    """Inference speed, compute only."""
    layout: Layout
    """Memory layout of the images."""
    precision: Literal["fp32", "bf16", "fp16"]
    """Numeric precision of weights and computation."""
    compile: bool
    """Whether the network was compiled."""
    top1_agreement: float
    """Share of test images with the same top-1 class as the record's logits."""
    compile_seconds: float | None = None
    """Compile time; None if it was not compiled."""
    images_per_second: dict[str, float] = Field(default_factory=dict)
    """Measured speed by setting."""
    refused: dict[str, str] = Field(default_factory=dict)
    """Why a setting does not work for the network, by setting."""


LOADED_CORES = 0.25
"""Cores that other processes may use while a speed is measured. An idle desktop uses less than a tenth of a core; a
quarter is an eighth of a two-core machine, more than windows of one measurement usually vary."""


class SpeedInfo(FrozenModel):
    """Measured speeds and memory; None if not measured."""

    protocol: int = 1
    """Version of the throughput protocol (see :mod:`harness.measuring.timer`)."""
    train: Rate | None = None
    """Training, compute only: steps on a batch that is already on the device."""
    train_end_to_end: Rate | None = None
    """Training, with the data path: the epochs as they ran."""
    inference: Rate | None = None
    """Inference, compute only."""
    inference_end_to_end: Rate | None = None
    """Inference over the test split, with the data path: with decoding, unless images are kept decoded."""
    decode: Rate | None = None
    """Decoding of test images from their files to what the network sees, by one thread of the CPU; None if they come
    from no files, and in older records."""
    latency: Latency | None = None
    """Latency of one image."""
    best_inference: BestInference | None = None
    """The fastest inference settings found; None unless they were requested."""
    compile_seconds: float | None = None
    """Compile time of the first inference call; shorter if the compiler's cache already had the network."""
    train_compile_seconds: float | None = None
    """Extra time of the first epoch compared with the others, if training was compiled."""
    peak_memory_mib: float | None = None
    """Peak memory during training, or during the test of a network that was not trained here: of the allocator on a
    GPU, the growth of the process on a CPU."""
    resident_images_mib: float | None = None
    """The part of the peak memory that holds images, if they stay on a GPU; more free memory would not need more."""
    reference: Rate | None = None
    """Inference of the reference network, compute only, measured just before and after; gives a relative speed."""
    foreign_cores: float | None = None
    """CPU time per second used by other processes during the measurement; None if unknown."""
    taken_share: float | None = None
    """Share of the time of the measurement in which the network's thread was ready to compute while other processes had
    the cores. It is left out of all times, so that other load does not slow the network down. None: it is not known, as
    with several threads, on a GPU or outside Linux, and nothing is left out."""

    @property
    def was_slowed(self) -> bool:
        """Whether other load slowed the network down in what was measured."""
        return self.taken_share is None and self.foreign_cores is not None and self.foreign_cores > LOADED_CORES

    notes: tuple[str, ...] = ()
    """Disturbances of the measurement, such as a throttled clock or a loaded machine."""
    seconds: float = 0.0
    """Total time of all measurements."""


def most_taken(speeds: Sequence[SpeedInfo]) -> float | None:
    """Return the largest ``taken_share`` of measurements that become one; None if one of them was slowed down."""
    if any(each.was_slowed for each in speeds):
        return None
    return max((each.taken_share for each in speeds if each.taken_share is not None), default=None)


class TestSetKind(StrEnum):
    """Where a further test set comes from."""

    __test__ = False  # for pytest, which takes the name for that of a test

    DATASET = "dataset"
    """Images of another dataset."""
    CORRUPTION = "corruption"
    """The test images, corrupted."""
    SLICE = "slice"
    """Some of the test images."""


class TestSetResult(FrozenModel):
    """What the weights of a trial predict for a further test set."""

    __test__: ClassVar[bool] = False

    kind: TestSetKind
    """Where its images come from."""
    source: str
    """What it is: the dataset, the corruption and its parameters' table, or the slice."""
    severity: int | None = None
    """Severity of a corruption, from 1 to 5; 0: not corrupted."""
    key: Identifier
    """Hash of everything that can change the predictions."""
    fingerprint: Identifier
    """SHA-256 over the images, labels and sample ids; that of corrupted images is over their pixels."""
    num_images: int
    """Number of images."""
    mapping: str = ""
    """How its classes became those of the trial, in one sentence; empty if they are the same."""
    metrics: dict[str, MetricValue] = Field(default_factory=dict)
    """Scalar metrics by display name."""
    openings: int = 1
    """How often the trial has been tested on it."""


class Record(FrozenModel):
    """The outcome of a trial."""

    schema_version: int = SCHEMA_VERSION
    """Version of this format."""
    trial_id: Identifier
    """Name of the trial's folder in the store."""
    result_key: Identifier
    """Hash of everything that can change a prediction."""
    measurement_key: Identifier
    """Hash of everything that can change a speed."""
    outcome: Outcome
    """How the trial ended: ``done``, ``failed``, ``interrupted`` or ``skipped``."""
    failure: Failure | None = None
    """What failed, if the outcome is ``failed``."""
    reason: str = ""
    """Reason in one sentence if the outcome is not ``done``."""
    spec: TrialSpec
    """What the trial was asked to do."""
    model: ModelInfo | None = None
    """The network; None if the trial ended before it was built."""
    data: DataInfo | None = None
    """The images; None if the trial ended before they were prepared."""
    training: TrainingInfo | None = None
    """The course of the training; None if there was none, or it did not end."""
    features: FeatureInfo | None = None
    """Set if a head was fitted to features, instead of a training."""
    metrics: dict[str, MetricValue] = Field(default_factory=dict)
    """Metric values by the metric's display name."""
    tuning: Tuning | None = None
    """Memory format and compile mode, and why; None if the trial ended before they were chosen."""
    speed: SpeedInfo | None = None
    """Speeds and memory; None if the trial ended before they were measured."""
    seconds: dict[str, float] = Field(default_factory=dict)
    """Wall time of each phase, and ``total``; added up over attempts. ``wait`` is the time for which it waited for
    cores, and ``paused`` that for which it paused while another trial measured its speed."""
    environment: dict[str, Any] = Field(default_factory=dict)
    """Versions, device and threads."""
    warnings: tuple[str, ...] = ()
    """Warnings for readers of the result, such as a metric that could not be computed."""
    started_at: str = ""
    """Start time in UTC, ISO 8601; informative only."""
    attempts: int = 1
    """Number of times that the trial was started."""
    files: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of each other file of the trial, by its name."""
    folds: dict[str, str] = Field(default_factory=dict)
    """If the record pools folds: SHA-256 of the predictions of each fold, by trial id."""
    origin: Origin | None = None
    """Where the predictions come from; None if the network was trained here. A record with an origin has no training,
    and may lack the model and the speed."""
    test_sets: dict[str, TestSetResult] = Field(default_factory=dict)
    """Results of further test sets by name. The predictions for each are in ``test_predictions-NAME.safetensors``."""

    @property
    def search(self) -> SearchSpec | None:
        """The search that chose its settings; None if there was none."""
        return self.spec.search
