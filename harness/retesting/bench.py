"""The further tests of finished trials, each trial in a process of its own, one after another.

A set that a trial has been tested on is not opened again, unless it or the weights have changed.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from harness.bench.follow_up import FollowUpSummary
from harness.bench.job_runner import StoppedError
from harness.bench.local_jobs import LocalJobRunner
from harness.bench.processes.starter import Starter
from harness.bench.settings import RunLimits
from harness.data.corruptions.corruption import CORRUPTIONS
from harness.data.corruptions.corruption import VERSION as CORRUPTIONS_VERSION
from harness.data.image_files import decoding
from harness.data.settings import DataSettings
from harness.records.predictions import further_file
from harness.records.record import Outcome, Record, TestSetKind
from harness.records.spec import DatasetSpec, FrozenModel, stable_hash
from harness.records.store import CHECKPOINT_FILE, Store
from harness.retesting.requested import DueSet, RequestedSet
from harness.system.interrupts import Interrupts
from harness.system.staging import scratch_folder
from zoo.errors import ZooError
from zoo.events import Event
from zoo.loading import Sources
from zoo.names import slug
from zoo.text import plural

ENGINE_VERSION = 1
"""Incremented whenever the same weights give other predictions for the same set."""


class DescribedSets(FrozenModel):
    """The requested sets, with what is known of their images."""

    sets: tuple[RequestedSet, ...]
    fingerprints: dict[str, str] = Field(default_factory=dict)
    """Fingerprint of each further dataset, by the name of the set."""
    slices: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Digest of each slice, by its name, for each dataset that is trained on, by display name."""


class Retester:
    """Describes sets before the trials, and tests trials on them afterwards.

    Args:
        store: Where the trials are, and the results go.
        sources: Where the processes find the plugins.
        settings: Where datasets come from, and where decoded ones lie.
        preload: Modules that all processes need.
        emit: Called with the progress of jobs.
    """

    def __init__(
        self,
        store: Store,
        sources: Sources,
        settings: DataSettings,
        *,
        preload: Iterable[str] = (),
        emit: Callable[[Event], None] = lambda event: None,
    ) -> None:
        self.store, self.emit = store, emit
        self.starter = Starter(preload)
        self.interrupts = Interrupts()
        self.places = {
            "sources": dataclasses.asdict(sources),
            "settings": {
                "data_root": str(settings.data_root.absolute()),
                "cache": str(settings.cache.absolute()),
                "download": settings.download,
            },
        }

    def describe(self, sets: Sequence[RequestedSet], data: Sequence[DatasetSpec]) -> DescribedSets:
        """Return the sets with what is known of their images, all of which are read once.

        Raises:
            ZooError: If a set cannot be loaded, its classes are not those of *data*, or the user stopped it.
        """
        if all(each.kind is TestSetKind.CORRUPTION for each in sets):
            return DescribedSets(sets=tuple(sets))
        with self.interrupts.caught(), scratch_folder() as scratch:
            try:
                answer = self._ask(
                    scratch,
                    "describe",
                    sets=[each.model_dump(mode="json") for each in sets],
                    data=[each.model_dump(mode="json") for each in data],
                )
            except StoppedError:
                raise KeyboardInterrupt from None
        return DescribedSets(
            sets=tuple(sets),
            fingerprints={name: known["fingerprint"] for name, known in answer["known"].items()},
            slices=answer["slices"],
        )

    def test(
        self, records: Iterable[Record], described: DescribedSets, *, tell: Callable[[str], None], limits: RunLimits
    ) -> FollowUpSummary:
        """Test each trial that is done on each set that it has not been tested on.

        Args:
            records: Of trials in the store.
            described: The sets.
            tell: Called with a sentence before each trial.
            limits: Until when trials may start.

        Raises:
            StoreError: If a result cannot be written.
        """
        done = reused = not_started = 0
        failures: list[str] = []
        notes: list[str] = []
        finished = [record for record in records if record.outcome is Outcome.DONE]
        networks = [record for record in finished if CHECKPOINT_FILE in record.files]
        if len(networks) < len(finished):
            without = plural(len(finished) - len(networks), "trial")
            notes.append(f"{without} without weights in the store: not tested on further sets")
        with self.interrupts.caught(), scratch_folder() as scratch:
            for number, record in enumerate(networks, start=1):
                if self.interrupts.count:
                    break
                due, present, undefined = due_sets(record, described, self.store.folder(record.trial_id))
                reused += present
                notes += undefined
                if not due:
                    continue
                if limits.is_over():
                    not_started += 1
                    continue
                title = record.spec.title
                tell(f"{number} of {len(networks)}: {title} on {plural(len(due), 'test set')}")
                try:
                    answer = self._ask(
                        scratch,
                        "retest",
                        folder=str(self.store.folder(record.trial_id).resolve()),
                        sets=[each.model_dump(mode="json") for each in due],
                        kept_in=str(scratch),
                    )
                except StoppedError:
                    break
                except ZooError as error:
                    failures.append(f"{title} could not be tested again: {error}")
                    continue
                if answer["busy"]:
                    notes.append(
                        f"{title}: another process is using that trial; run the same command again to continue"
                    )
                    continue
                failures += [f"{title} on {name} failed: {sentence}" for name, sentence in answer["failures"].items()]
                done += len(due) - len(answer["failures"])
        return FollowUpSummary(
            done=done,
            reused=reused,
            failures=tuple(failures),
            notes=tuple(dict.fromkeys(notes)),
            not_started=not_started,
            interrupted=self.interrupts.count > 0,
        )

    def _ask(self, scratch: Path, function: str, **arguments: Any) -> Any:
        runner = LocalJobRunner(
            self.starter, Path(tempfile.mkdtemp(dir=scratch)), self.emit, self.interrupts, self.places["sources"]
        )
        return runner.ask("call", function=f"harness.retesting.job:{function}", arguments={**arguments, **self.places})


def due_sets(record: Record, described: DescribedSets, folder: Path) -> tuple[list[DueSet], int, list[str]]:
    """Return the sets that a trial is to be tested on, how many it has been tested on, and notes on undefined ones."""
    due: list[DueSet] = []
    present, notes = 0, []
    for requested in described.sets:
        if requested.kind is TestSetKind.CORRUPTION and _is_undefined(requested, record):
            notes.append(f"{requested.corruption} is undefined for grey images, so it is left out for them")
            continue
        for each in _sets_of(requested, record, described):
            before = record.test_sets.get(each.name)
            if before is not None and before.key == each.key and (folder / further_file(each.name)).is_file():
                present += 1
            else:
                due.append(each)
    return due, present, notes


def _is_undefined(requested: RequestedSet, record: Record) -> bool:
    assert record.data is not None
    return record.data.channels == 1 and CORRUPTIONS[requested.corruption].needs_colour


def _sets_of(requested: RequestedSet, record: Record, described: DescribedSets) -> list[DueSet]:
    """Return the sets that a request stands for: one, or each slice of the trial's dataset."""
    if requested.kind is TestSetKind.CORRUPTION:
        content = [requested.corruption, requested.severity, CORRUPTIONS_VERSION]
        return [DueSet(requested=requested, name=requested.name, key=_key(record, content))]
    if requested.kind is TestSetKind.DATASET:
        fingerprint = described.fingerprints[requested.name]
        content = [fingerprint, decoding.VERSION]
        key = _key(record, content)
        return [DueSet(requested=requested, name=requested.name, key=key, fingerprint=fingerprint)]
    slices = described.slices.get(record.spec.dataset.display_name, {})
    return [
        DueSet(
            requested=requested,
            name=f"slice-{number}-{slug(name, 32)}",
            key=_key(record, [name, digest]),
            slice_name=name,
        )
        for number, (name, digest) in enumerate(slices.items(), start=1)
    ]


def _key(record: Record, content: Sequence[Any]) -> str:
    """Return a hash of all that can change the predictions of a trial's weights for a set."""
    weights = record.files.get(CHECKPOINT_FILE, "")
    return stable_hash(
        {"result": record.result_key, "weights": weights, "set": list(content), "engine": ENGINE_VERSION}
    )
