"""Trials that are done, as records without files."""

from __future__ import annotations

from pathlib import Path

from harness.records.record import DataInfo, Outcome, Record
from harness.records.spec import ArchitectureSpec, DatasetSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.records.store import Store, trial_id, write_record

PROVIDER = ProviderSpec(plugin="p")
KEY = "ab" * 32


def write_trial(store: Path, *, lr: float = 0.1, device: str = "x", key: str = KEY) -> Path:
    """Write a trial that is done and return its folder."""
    spec = TrialSpec(
        architecture=ArchitectureSpec(full_name="p/net", display_name="net", provider=PROVIDER),
        dataset=DatasetSpec(full_name="p/set", display_name="set", provider=PROVIDER),
        recipe=RecipeSpec(
            full_name="p/r", display_name="r", provider=PROVIDER, hyperparameters={"lr": lr, "batch_size": 8}
        ),
        seed=0,
    )
    record = Record(
        trial_id=trial_id(spec, key),
        result_key=key,
        measurement_key="m",
        outcome=Outcome.DONE,
        spec=spec,
        data=DataInfo(
            fingerprint="f", classes=("a", "b"), image_size=8, channels=1, num_train=8, num_val=2, num_test=2
        ),
        environment={"torch": "2.15.0", "device_name": device, "driver": "", "threads": 2},
    )
    folder = Store(store).folder(record.trial_id)
    folder.mkdir(parents=True)
    write_record(folder, record)
    return folder
