"""The file of a study: what was tried and what it gave, written beside the records of its trials."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from harness.records.spec import FrozenModel, LrTestSpec
from harness.system.atomic_files import write_json
from zoo.errors import StoreError
from zoo.files.foreign_json import parse_object
from zoo.files.plain_files import RECORD, read_bytes
from zoo.options import Option

SCHEMA_VERSION = 1
FOLDER = "search"
"""Folder of a store that holds the records and files of searches."""


class TriedSettings(FrozenModel):
    """A trial of a search."""

    number: int
    """Number in the search; 0 has the recipe's own settings."""
    values: dict[str, Option] = Field(default_factory=dict)
    """Searched settings by dotted key; those that are missing keep the recipe's value."""
    trial_id: str = ""
    """Name of its folder; empty if it did not run."""
    outcome: str = ""
    """Outcome as in its record; ``pruned`` if it was stopped early, ``invalid`` if its settings do not go together;
    empty while it runs."""
    reason: str = ""
    """Why it failed or was stopped, in one sentence."""
    value: float | None = None
    """Validation accuracy."""
    val_loss: float | None = None
    """Validation loss."""
    seconds: float = 0.0
    """Time on the device, without waiting."""
    same_as: int | None = None
    """Number of an earlier trial with the same settings, whose result it shares."""


class StudyFile(FrozenModel):
    """A search, as far as it has got."""

    schema_version: int = SCHEMA_VERSION
    """Version of this format."""
    study: str
    """Key of the search: its space, sampler and combination."""
    model: str
    """Name of the architecture."""
    data: str
    """Name of the dataset."""
    recipe: str
    """Name of the recipe."""
    space: dict[str, str]
    """Range of each searched setting, by dotted key."""
    sampler: str
    """What proposes settings."""
    pruner: str = "none"
    """What stops unpromising trials early."""
    budget: str
    """What was asked for, such as ``16 trials``."""
    repeat: int = 0
    """Number of the search among the repeats."""
    at_a_time: int = 1
    """Maximum number n of trials at a time: a proposal waits for the results of all trials but the last n - 1."""
    lr_test: LrTestSpec | None = None
    """The range test that found the range of the learning rate; None: there was none, or it has not run."""
    trials: tuple[TriedSettings, ...] = ()
    """What was tried, in order."""
    best: int | None = None
    """Number of the best trial; None while the search goes on."""
    importances: dict[str, float] = Field(default_factory=dict)
    """Share of the variance that each setting explains, by fANOVA; empty while the search goes on."""

    @property
    def num_results(self) -> int:
        """Number of trials that have a result."""
        return sum(bool(each.outcome) for each in self.trials)

    def goes_on_from(self, other: StudyFile) -> bool:
        """Return whether *other* is this search when it had fewer results; longer ones go on from shorter ones."""
        if self.at_a_time != other.at_a_time or self.num_results <= other.num_results:
            return False
        return all(
            _gave(one) == _gave(each) for one, each in zip(self.trials, other.trials, strict=False) if each.outcome
        )

    def until(self, number: int, *, budget: str, best: int) -> StudyFile:
        """Return the search as it was when its budget was smaller: the first *number* trials, and the best of them.

        How much settings matter is known of all trials only.
        """
        importances = self.importances if number >= len(self.trials) else {}
        update = {"trials": self.trials[:number], "budget": budget, "best": best, "importances": importances}
        return self.model_copy(update=update)


def study_path(store: Path, study: str, repeat: int) -> Path:
    """Return the path of a study's file in a store of search trials."""
    return store / f"study-{study}-r{repeat}.json"


def _gave(tried: TriedSettings) -> tuple[object, ...]:
    return tried.number, tried.values, tried.trial_id, tried.outcome, tried.value


def write_study(path: Path, study: StudyFile) -> None:
    """Write a study's file durably."""
    write_json(path, study.model_dump(mode="json"))


def read_study(path: Path) -> StudyFile | None:
    """Return what a study's file says, or None if there is none.

    Raises:
        StoreError: If it cannot be read, or is not such a file.
    """
    if not path.is_file():
        return None
    try:
        return StudyFile.model_validate(parse_object(read_bytes(path, RECORD)))
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValidationError, ValueError, RecursionError) as error:
        raise StoreError(f"{path} is not the file of a search; remove it to have it written again") from error
