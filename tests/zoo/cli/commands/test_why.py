"""``zoo why``: which settings differ."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.records.record import DataInfo, Outcome, Record
from harness.records.spec import ArchitectureSpec, DatasetSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.records.store import Store, trial_id, write_record
from zoo.cli.group import zoo

PROVIDER = ProviderSpec(plugin="p")


KEY = "ab" * 32


def write(store: Path, *, lr: float = 0.1, device: str = "x", key: str = KEY) -> Path:
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


def run(*words: object) -> Result:
    """Run zoo in this process."""
    return CliRunner().invoke(zoo, [str(word) for word in words])


def test_why_names_what_sets_results_and_speeds_apart(tmp_path: Path) -> None:
    one = write(tmp_path / "a")
    other = write(tmp_path / "b", lr=0.2, device="y")
    done = run("why", one, other)
    assert done.exit_code == 0
    assert "hyperparameters.lr: 0.1 → 0.2" in done.output
    assert "device: x → y" in done.output


def test_why_says_when_nothing_sets_two_trials_apart(tmp_path: Path) -> None:
    done = run("why", write(tmp_path / "a"), write(tmp_path / "b"))
    assert "the results are the same" in done.output
    assert "speeds are comparable" in done.output


@pytest.mark.parametrize("name", ["", "record.json"])
def test_why_takes_the_folder_or_the_record(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path / "a")
    assert run("why", folder / name if name else folder, folder).exit_code == 0
