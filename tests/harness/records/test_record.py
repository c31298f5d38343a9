"""Records: every field crosses a file unchanged, and what is no record is refused by the name of its field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from harness.records.origin import Origin, OriginKind
from harness.records.record import (
    SCHEMA_VERSION,
    BestInference,
    DataInfo,
    Failure,
    FailureKind,
    FeatureInfo,
    Latency,
    MetricValue,
    ModelInfo,
    Outcome,
    Rate,
    Record,
    SpeedInfo,
    TestSetKind,
    TestSetResult,
    TrainingInfo,
    Tuning,
    most_taken,
)
from zoo.published import PublishedFigure

RATE = Rate(median=100.5, low=99.0, high=102.0, windows=5, batch_size=64)


@pytest.fixture
def full(small_record: Record) -> Record:
    """A record with every field set, also those that no single trial would have together."""
    return Record(
        schema_version=SCHEMA_VERSION,
        trial_id="t",
        result_key="k",
        measurement_key="m",
        outcome=Outcome.FAILED,
        failure=Failure(kind=FailureKind.OOM, message="no memory", traceback="Traceback …\n"),
        reason="no memory",
        spec=small_record.spec,
        model=ModelInfo(
            params=2**40,
            trainable_params=3,
            macs=10**15,
            small_image_changes=("stem: stride 2 → 1",),
            mean=(0.1, 0.2, 0.3),
            std=(0.4, 0.5, 0.6),
            pretrained=True,
        ),
        data=DataInfo(
            fingerprint="f",
            pixels="p",
            classes=("größer", "b"),
            image_size=8,
            channels=3,
            num_train=9,
            num_val=2,
            num_test=3,
            notes=("one is unreadable",),
            whole_fingerprint="w",
            hierarchy=(("animal",), ("plant",)),
        ),
        training=TrainingInfo(
            epochs_run=7,
            tested_epoch=5,
            stopped_early=True,
            best_val_accuracy=2 / 3,
            final_train_loss=1e-9,
            seconds=0.1 + 0.2,
            micro_batch_size=16,
            energy_counter="RAPL",
            energy_problem="the RAPL counter could not be read any more: gone",
        ),
        metrics={
            "accuracy": MetricValue(value=1 / 3, version=2),
            "per_class": MetricValue(value=[0.5, None]),
            "confusion": MetricValue(value=[[1, 2], [3, 4]]),
            "auc": MetricValue(value=None),
        },
        tuning=Tuning(
            layout="channels_last",
            batched_seeds=(0, 1),
            compile=True,
            graphs=True,
            reason="it pays",
            images_per_second={"channels_last": 10.0},
            compile_seconds=3.5,
            seconds=9.0,
        ),
        speed=SpeedInfo(
            protocol=1,
            train=RATE,
            train_end_to_end=RATE,
            inference=RATE,
            inference_end_to_end=RATE,
            decode=RATE,
            latency=Latency(p50_ms=1.25, p95_ms=2.5, runs=100),
            best_inference=BestInference(
                rate=RATE,
                layout="contiguous",
                precision="fp16",
                compile=True,
                top1_agreement=0.99,
                compile_seconds=2.0,
                images_per_second={"fp16": 7.0},
                refused={"bf16": "not on this device"},
            ),
            compile_seconds=1.5,
            train_compile_seconds=2.5,
            peak_memory_mib=123.4,
            resident_images_mib=5.6,
            reference=RATE,
            foreign_cores=0.5,
            taken_share=0.25,
            notes=("the clock was throttled",),
            seconds=4.0,
        ),
        seconds={"train": 1 / 7, "total": 2.0},
        environment={"torch": "2.11.0", "threads": 2, "gpus": ["a", "b"], "driver": None},
        warnings=("metric auc: not defined",),
        started_at="2026-01-02T03:04:05+00:00",
        attempts=2,
        files={"predictions.safetensors": "a" * 64},
        folds={"t-1": "b" * 64},
        origin=Origin(
            kind=OriginKind.EVALUATED,
            source="file:a.safetensors",
            files={"a.safetensors": "c" * 64},
            has_scores=True,
            mapping="by name",
            published=PublishedFigure(value=0.9, dataset="toy", source="a page", preparation="8 px"),
        ),
        features=FeatureInfo(
            layer="fc",
            num_features=8,
            weights="f" * 64,
            num_computed=3,
            num_train=40,
            views=4,
            own_head=True,
            chosen={"l2": 0.1},
        ),
        test_sets={
            "fog-1": TestSetResult(
                kind=TestSetKind.CORRUPTION,
                source="fog, severity 1 of CIFAR-10-C",
                severity=1,
                key="d" * 64,
                fingerprint="e" * 64,
                num_images=40,
                mapping="by name",
                metrics={"accuracy": MetricValue(value=0.5)},
                openings=2,
            )
        },
    )


def changed(record: Record, path: str, value: Any) -> dict[str, Any]:
    """Return a record as JSON holds it, with another value at a dotted path."""
    content = record.model_dump(mode="json")
    *parents, name = path.split(".")
    place = content
    for parent in parents:
        place = place[parent]
    place[name] = value
    return content


def test_a_record_with_every_field_set_is_read_as_it_was_written(full: Record) -> None:
    parts = (
        full,
        full.failure,
        full.model,
        full.data,
        full.training,
        full.tuning,
        full.speed,
        full.features,
        *full.test_sets.values(),
    )
    for part in (*parts, full.speed and full.speed.best_inference):
        assert part is not None
        assert part.model_fields_set == set(type(part).model_fields), "every field is set in this test"
    assert Record.model_validate(json.loads(json.dumps(full.model_dump(mode="json")))) == full


def test_a_record_with_little_in_it_is_read_as_it_was_written(small_record: Record) -> None:
    content = json.loads(json.dumps(small_record.model_dump(mode="json")))
    assert Record.model_validate(content) == small_record
    assert (small_record.attempts, small_record.schema_version) == (1, SCHEMA_VERSION)
    assert small_record.failure is small_record.model is small_record.speed is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("outcome", "finished"),
        ("failure.kind", "bad luck"),
        ("trial_id", 3),
        ("seconds", {"total": "long"}),
        ("warnings", "one"),
        ("attempts", 1.5),
        ("files", {"a": 1}),
        ("model.params", "many"),
        ("model.mean", 0.5),
        ("data.classes", "ab"),
        ("training.stopped_early", "perhaps"),
        ("tuning.layout", "nchw"),
        ("speed.best_inference.precision", "fp8"),
        ("speed.train.median", None),
        ("spec.seed", "first"),
        ("speed.flops", 1),
        ("score", 0.5),
    ],
)
def test_other_kinds_and_unknown_names_are_refused_by_name(full: Record, path: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        Record.model_validate(changed(full, path, value))
    (error,) = caught.value.errors()
    assert ".".join(map(str, error["loc"])).startswith(path)


@pytest.mark.parametrize("text", ["\ud800", "a\udcffb", "two words", "line\n", "é"])
@pytest.mark.parametrize(
    "path",
    [
        *("trial_id", "result_key", "measurement_key"),
        *("data.fingerprint", "data.pixels", "data.whole_fingerprint"),
    ],
)
def test_identifiers_are_printable_ascii(full: Record, path: str, text: str) -> None:
    """They are hashed and written as they are, which a lone surrogate in a stranger's record would stop."""
    with pytest.raises(ValidationError, match=path):
        Record.model_validate(changed(full, path, text))


@pytest.mark.parametrize("name", ["trial_id", "result_key", "measurement_key", "outcome", "spec"])
def test_fields_of_every_trial_are_required(small_record: Record, name: str) -> None:
    content = small_record.model_dump(mode="json")
    del content[name]
    with pytest.raises(ValidationError, match=name):
        Record.model_validate(content)


def test_outcomes_and_kinds_of_failure_are_written_as_plain_words(full: Record) -> None:
    """These words are in stored records, and may not change."""
    assert [each.value for each in Outcome] == ["done", "failed", "interrupted", "skipped"]
    assert {each.value for each in FailureKind} == {
        *("oom", "diverged", "timeout", "killed"),
        *("data", "plugin", "disk", "error"),
    }
    content = full.model_dump(mode="json")
    assert (content["outcome"], content["failure"]["kind"]) == ("failed", "oom")


def test_a_number_that_json_cannot_hold_is_written_as_null() -> None:
    assert MetricValue(value=[float("nan"), 0.5]).model_dump_json() == '{"value":[null,0.5],"version":1}'


def test_a_record_cannot_be_changed(small_record: Record) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        small_record.outcome = Outcome.FAILED


@pytest.mark.parametrize(
    ("foreign", "taken", "slowed"),
    [(None, None, False), (0.1, None, False), (0.7, None, True), (0.7, 0.0, False), (0.7, 0.4, False)],
)
def test_a_network_was_slowed_by_other_load_that_was_not_left_out(
    foreign: float | None, taken: float | None, slowed: bool
) -> None:
    assert SpeedInfo(foreign_cores=foreign, taken_share=taken).was_slowed is slowed


@pytest.mark.parametrize(
    ("each", "most"),
    [
        ([(0.7, 0.2), (0.7, 0.4), (0.1, None)], 0.4),
        ([(0.7, 0.2), (0.7, None)], None),
        ([(0.1, None), (None, None)], None),
    ],
)
def test_measurements_that_become_one_leave_load_out_if_none_was_slowed(
    each: list[tuple[float | None, float | None]], most: float | None
) -> None:
    assert most_taken([SpeedInfo(foreign_cores=foreign, taken_share=taken) for foreign, taken in each]) == most
