"""``zoo merge``: output and exit code."""

from __future__ import annotations

from pathlib import Path

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


def test_merge_counts_what_it_added(tmp_path: Path) -> None:
    write(tmp_path / "a")
    write(tmp_path / "b", key="cd" * 32)
    done = run("merge", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "c")
    assert done.exit_code == 0
    assert "2 trials added" in done.output
    assert len(list(Store(tmp_path / "c").records())) == 2


def test_merge_exits_with_1_when_it_refused_something(tmp_path: Path) -> None:
    folder = write(tmp_path / "a")
    (folder / "record.json").write_text((folder / "record.json").read_text().replace("0.1", "0.9"))
    done = run("merge", tmp_path / "a", "-o", tmp_path / "c")
    assert done.exit_code == 1
    assert "damaged" in done.output


def test_merge_of_a_folder_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    done = run("merge", tmp_path / "a", "-o", tmp_path / "c")
    assert done.exit_code == 2
    assert "no folder" in done.output
