"""The row: predictions that need no training, written into a store as the record of a finished trial."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.records.keys import result_key
from harness.records.origin import Origin
from harness.records.predictions import FILE_NAME, VAL_FILE_NAME, SavedPredictions, save_predictions
from harness.records.record import DataInfo, ModelInfo, Outcome, Record, SpeedInfo
from harness.records.scoring import asked_by, score
from harness.records.spec import TrialSpec
from harness.records.store import Store, is_settled, write_record
from harness.system.atomic_files import sha256_of, sync_folder, writing
from harness.system.staging import staging
from zoo._version import __version__
from zoo.catalog import Entry
from zoo.errors import StoreError
from zoo.files.plain_files import PREDICTIONS
from zoo.metric import Metric

_STAGING = "row"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class NewRow:
    """A row that was not trained here."""

    spec: TrialSpec
    origin: Origin
    data: DataInfo
    saved: SavedPredictions
    """Predictions for the test images."""
    val: SavedPredictions | None = None
    """Predictions for the validation images, if there are any."""
    model: ModelInfo | None = None
    warnings: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    """Versions and device of the networks, if they were run here."""
    speed: SpeedInfo | None = None
    measurement_key: str = ""
    """Hash of everything that can change its speed; empty without one."""

    @property
    def key(self) -> str:
        """Hash of everything that can change a prediction."""
        return result_key(
            self.spec,
            fingerprint=self.data.fingerprint,
            pixels=self.data.pixels,
            torch_version=str(self.environment.get("torch", "")),
            origin=self.origin,
        )


def write_row(store: Store, row: NewRow, metrics: Sequence[Entry[Metric]]) -> tuple[Record, bool]:
    """Score a row and write it into a store, whole or not at all.

    Returns:
        Its record, and whether it is new: a row whose record is there already is not written again.

    Raises:
        StoreError: If the store cannot be written, or has something else in its place.
    """
    (name,) = store.ids_of([(row.spec, row.key)])
    known = store.read(name)
    if known is not None and is_settled(known, row.key, retry=True):
        return known, False
    target = store.folder(name)
    if target.exists():
        raise StoreError(f"{target} is there already, and holds no finished row: remove it, and run the command again")
    predictions = row.saved.predictions
    if row.val is not None:  # on which a metric may choose a temperature
        predictions = replace(predictions, validation=row.val.predictions)
    scores = score(predictions, metrics)
    record = Record(
        trial_id=name,
        result_key=row.key,
        measurement_key=row.measurement_key,
        outcome=Outcome.DONE,
        spec=row.spec,
        model=row.model,
        data=row.data,
        metrics=scores.values,
        seconds=row.seconds,
        speed=row.speed,
        environment={**row.environment, "zoobench": __version__, "python": platform.python_version()},
        warnings=(*row.warnings, *scores.problems),
        started_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        origin=row.origin,
    )
    with writing(target), staging(store.root, _STAGING) as made:
        folder = made / "row"
        folder.mkdir()
        files = {FILE_NAME: row.saved, **({VAL_FILE_NAME: row.val} if row.val is not None else {})}
        for file, saved in files.items():
            limited = replace(saved, predictions=saved.predictions.limited_to(asked_by(metrics)))
            save_predictions(folder, limited, name=file, is_double=True)
        sums = {file: sha256_of(folder / file, PREDICTIONS) for file in files}
        record = record.model_copy(update={"files": sums})
        write_record(folder, record)
        folder.rename(target)
        sync_folder(store.root)
    return record, True
