"""The forecast: the expected time and memory of trials, from earlier trials and from probes.

The closest source is used, in this order: runs of the same combination, a probe, the same network on the same data with
other settings, the same network on other images of that size, and a line fitted over multiply-accumulates.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from harness.planning.costs import CostModel, costs_of, fit_line
from harness.planning.small_images import decide
from harness.records.keys import result_key
from harness.records.run_summaries import RunSummary, read_run_summaries
from harness.records.spec import DatasetSpec, TrialSpec
from harness.records.store import is_final
from harness.system.hardware import Hardware


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """The expected time and memory of a trial."""

    seconds: float | None = None
    """Time until its record is written; None: unknown."""
    alone_seconds: float = 0.0
    """Part of that time in which it measures speeds, while other trials on the device wait."""
    fixed_seconds: float = 0.0
    """Part of that time that starts its process, builds its network and writes its files, however long it trains."""
    measuring_seconds: float = 0.0
    """Part of that time that measures speeds, whether others wait meanwhile or not."""
    peak_memory_mib: float | None = None
    """Peak memory during training, as in records; None: unknown."""
    threads: int = 1
    """Number of CPU threads."""
    basis: str = ""
    """Short description of the source; empty if nothing is known."""
    is_finished: bool = False
    """Whether there is a record to reuse."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """The number and size of a dataset's images, as far as known in advance."""

    image_size: int | None = None
    num_learnt: int | None = None
    """Number of training images, including those used for validation."""
    num_test: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Alike:
    """Earlier trials under the same or similar conditions."""

    runs: Sequence[RunSummary] = ()
    mark: str = ""
    """Short description of the difference in conditions, if any."""


class Forecast:
    """Expected times and memory of trials.

    Args:
        hardware: The hardware that the trials will run on; None: treat all devices of a kind as equal, which is good
            enough for ordering trials.
        sizes: Sizes that datasets declare, by display name.
        retry: Whether failed trials run again.
    """

    def __init__(
        self, *, hardware: Hardware | None = None, sizes: Mapping[str, Size] | None = None, retry: bool = False
    ) -> None:
        self._hardware, self._sizes, self._retry = hardware, sizes or {}, retry
        self._of_combination: dict[str, list[RunSummary]] = defaultdict(list)
        self._of_network: dict[str, list[RunSummary]] = defaultdict(list)
        self._of_data: dict[str, list[RunSummary]] = defaultdict(list)
        self._probed: dict[str, Expectation] = {}
        self._known: dict[str, Expectation] = {}
        self._lines: dict[str, CostModel | None] = {}

    def add(self, runs: Iterable[RunSummary]) -> None:
        """Add finished trials."""
        for run in runs:
            self._of_combination[_combination(run.spec)].append(run)
            self._of_network[_network(run.spec)].append(run)
            self._of_data[_data(run.spec.dataset)].append(run)
        self._known.clear()
        self._lines.clear()

    def add_probe(self, spec: TrialSpec, expected: Expectation) -> None:
        """Add the measurement of a probe for the combination of *spec*."""
        self._probed[_combination(spec)] = expected
        self._known.clear()

    def has_run(self, spec: TrialSpec) -> bool:
        """Return whether the combination of *spec* has run before, under the same conditions."""
        same = self._alike(spec, self._of_combination.get(_combination(spec), ()))
        return bool(same.runs) and not same.mark

    def seconds(self, spec: TrialSpec) -> float | None:
        """Return the expected time of a trial if it runs, or None if unknown."""
        return self.expect_run(spec).seconds

    def expect_run(self, spec: TrialSpec) -> Expectation:
        """Return the expected time and memory of a trial if it runs, whether it is finished or not."""
        key = f"{_combination(spec)} {_conditions(spec)}"
        if key not in self._known:
            self._known[key] = self._look_up(spec)
        return self._known[key]

    def expect(self, spec: TrialSpec) -> Expectation:
        """Return the expected time and memory of a trial; a finished one takes no time."""
        for run in self._of_combination.get(_combination(spec), ()):
            if run.spec.seed == spec.seed and self._would_be_reused(run, spec):
                return Expectation(seconds=0.0, basis="finished", is_finished=True)
        return self.expect_run(spec)

    def _would_be_reused(self, run: RunSummary, spec: TrialSpec) -> bool:
        """Return whether a bench would find that record under the trial's key, assuming unchanged images."""
        if run.spec.dataset.fold != spec.dataset.fold or not _precision_fits(run, spec):
            return False
        small = decide(spec, run.image_size)
        execution = spec.execution.model_copy(update={"precision": run.spec.execution.precision, "small_images": small})
        preparation = spec.preparation
        if preparation is not None and run.spec.preparation is not None:  # the size may be open until images are read
            preparation = preparation.for_channels(len(run.spec.preparation.mean or ())).over(run.spec.preparation)
        classifier = spec.classifier
        if classifier is not None and run.spec.classifier is not None:  # classes are matched when images are read
            found = run.spec.classifier
            classifier = classifier.model_copy(update={"columns": found.columns, "mapping": found.mapping})
            execution = execution.model_copy(update={"small_images": "off"})
        resolved = spec.model_copy(
            update={"execution": execution, "preparation": preparation, "classifier": classifier}
        )
        key = result_key(resolved, fingerprint=run.fingerprint, pixels=run.pixels, torch_version=_torch_version())
        return run.result_key == key and is_final(run.outcome, run.failure, retry=self._retry)

    def _look_up(self, spec: TrialSpec) -> Expectation:
        combination = _combination(spec)
        same = self._alike(spec, self._of_combination.get(combination, ()))
        probed = self._probed.get(combination)
        if same.runs and (not same.mark or probed is None):
            # Use the epochs that they ran, which are fewer if training stopped early.
            return _from(same, spec, f"{len(same.runs)} {'run' if len(same.runs) == 1 else 'runs'}")
        if probed is not None:
            return probed
        size = self._size_of(spec.dataset)
        if spec.preparation is not None and spec.preparation.size is not None:
            size = replace(size, image_size=spec.preparation.size)
        others = self._alike(spec, [run for run in self._network_runs(spec) if run.image_size == size.image_size])
        on_data = [run for run in others.runs if _data(run.spec.dataset) == _data(spec.dataset)]
        settings = [run for run in on_data if _setting(run.spec) == _setting(spec)]
        for runs, basis in ((settings, "other length"), (on_data, "other settings"), (others.runs, "other data")):
            if runs:
                return _from(_Alike(runs=runs, mark=others.mark), spec, basis, size)
        return self._from_line(spec, size)

    def _from_line(self, spec: TrialSpec, size: Size) -> Expectation:
        """Estimate from the network's multiply-accumulates, which are known from other conditions."""
        macs = next((run.macs for run in self._network_runs(spec) if run.image_size == size.image_size), None)
        key = f"{_conditions(spec)} {_work(spec)}"
        if key not in self._lines:
            every = [run for runs in self._of_network.values() for run in runs if _work(run.spec) == _work(spec)]
            self._lines[key] = fit_line(self._alike(spec, every).runs, spec)
        line = self._lines[key]
        if not macs or line is None or size.num_learnt is None or size.num_test is None:
            return Expectation()
        costs = line.costs(macs)
        return Expectation(
            seconds=costs.seconds(epochs=_epochs(spec), num_learnt=size.num_learnt, num_test=size.num_test),
            alone_seconds=costs.measuring_seconds,
            fixed_seconds=costs.fixed_seconds,
            measuring_seconds=costs.measuring_seconds,
            basis=f"MACs of {line.networks} networks, ×/÷ {line.spread:.1f}",
        )

    def _network_runs(self, spec: TrialSpec) -> list[RunSummary]:
        return [run for run in self._of_network.get(_network(spec), ()) if _work(run.spec) == _work(spec)]

    def _alike(self, spec: TrialSpec, runs: Iterable[RunSummary]) -> _Alike:
        """Choose the complete runs on the device of *spec*, with its number of threads if there are any."""
        fit = [
            run
            for run in runs
            if run.is_whole
            and self._device_fits(run, spec)
            and _precision_fits(run, spec)
            and run.spec.execution.compile == spec.execution.compile
            and run.spec.execution.gpus_per_trial == spec.execution.gpus_per_trial
        ]
        if not fit or not fit[0].spec.execution.device.startswith("cpu"):
            return _Alike(runs=fit)
        fit = [run for run in fit if run.sharing == 1] or fit
        present = sorted({run.threads or 0 for run in fit})
        default = None if self._hardware is None else self._hardware.threads
        wanted = spec.execution.threads or default or present[-1]
        nearest = min(present, key=lambda each: abs(each - wanted))
        mark = "" if nearest == wanted else f" with {nearest} {'thread' if nearest == 1 else 'threads'}"
        return _Alike(runs=[run for run in fit if (run.threads or 0) == nearest], mark=mark)

    def _device_fits(self, run: RunSummary, spec: TrialSpec) -> bool:
        device = spec.execution.device
        if self._hardware is not None:
            return self._hardware.runs(device=device, device_name=run.device_name)
        return device == "auto" or device.partition(":")[0] == run.spec.execution.device.partition(":")[0]

    def _size_of(self, dataset: DatasetSpec) -> Size:
        """Return the size of a dataset: as seen by earlier trials, or else as declared by the dataset."""
        runs = self._of_data.get(_data(dataset), ())
        for run in runs:
            if _limits(run.spec.dataset) == _limits(dataset):
                return Size(image_size=run.image_size, num_learnt=run.num_learnt, num_test=run.num_test)
        whole = self._sizes.get(dataset.display_name, Size())
        num_learnt, num_test = whole.num_learnt, whole.num_test
        if dataset.folds is not None and num_learnt is not None and num_test is not None:
            num_images = num_learnt + num_test
            num_test = num_images // dataset.folds
            num_learnt = num_images - num_test
        for run in runs:
            num_learnt = run.num_learnt if run.spec.dataset.limit_train is None else num_learnt
            num_test = run.num_test if run.spec.dataset.limit_test is None else num_test
        return Size(
            image_size=dataset.image_size or (runs[0].image_size if runs else whole.image_size),
            num_learnt=_at_most(num_learnt, dataset.limit_train),
            num_test=_at_most(num_test, dataset.limit_test),
        )


def forecast_of_store(store: Path) -> Forecast:
    """Return a forecast from a store's records, for ordering trials; damaged records are left out."""
    forecast = Forecast()
    forecast.add(read_run_summaries(store))
    return forecast


def _from(alike: _Alike, spec: TrialSpec, basis: str, size: Size | None = None) -> Expectation:
    """Return an expectation from runs: median times, scaled to *size* if given, and the highest memory peak."""
    seconds: list[float] = []
    alone: list[float] = []
    fixed: list[float] = []
    measuring: list[float] = []
    for run in alike.runs:
        costs = costs_of(run, spec)
        if size is None:
            epochs, num_learnt, num_test = run.epochs_run, run.num_learnt, run.num_test
        elif size.num_learnt is None or size.num_test is None:
            return Expectation()
        else:
            epochs, num_learnt, num_test = _epochs(spec), size.num_learnt, size.num_test
        alone.append(costs.measuring_seconds if run.sharing == 1 else 0.0)  # otherwise their times include waiting
        fixed.append(costs.fixed_seconds)
        measuring.append(costs.measuring_seconds)
        seconds.append(costs.seconds(epochs=epochs, num_learnt=num_learnt, num_test=num_test))
    peaks = [run.peak_memory_mib for run in alike.runs if _batch_size(run.spec) == _batch_size(spec)]
    return Expectation(
        seconds=statistics.median(seconds),
        alone_seconds=statistics.median(alone),
        fixed_seconds=statistics.median(fixed),
        measuring_seconds=statistics.median(measuring),
        peak_memory_mib=max((peak for peak in peaks if peak is not None), default=None),
        threads=max((run.own_threads or 1 for run in alike.runs), default=1),
        basis=basis + alike.mark,
    )


def _precision_fits(run: RunSummary, spec: TrialSpec) -> bool:
    """Return whether *spec* requests the precision of a run; auto is fp32 on a CPU, and may be bf16 elsewhere."""
    asked, had = spec.execution.precision, run.spec.execution.precision
    if asked == "auto":
        return had == "fp32" or (had == "bf16" and not run.spec.execution.device.startswith("cpu"))
    return asked == had


def _combination(spec: TrialSpec) -> str:
    """Return a key shared by trials that differ only in seed, fold, machine or measurements."""
    recipe = json.dumps([spec.recipe.full_name, spec.recipe.hyperparameters, _work(spec)], sort_keys=True)
    return f"{_network(spec)} {_data(spec.dataset)} {_limits(spec.dataset)} {recipe}"


def _conditions(spec: TrialSpec) -> str:
    return spec.execution.model_dump_json(exclude={"looks", "first_seeds"})


def _network(spec: TrialSpec) -> str:
    return json.dumps([spec.architecture.full_name, spec.architecture.options], sort_keys=True)


def _data(dataset: DatasetSpec) -> str:
    wanted = (dataset.full_name, dataset.argument, dataset.options, asdict(dataset.asked), dataset.bit_depth)
    return json.dumps([*wanted, dataset.folds], sort_keys=True)


def _limits(dataset: DatasetSpec) -> tuple[int | None, int | None, float]:
    return dataset.limit_train, dataset.limit_test, dataset.val_fraction


def _setting(spec: TrialSpec) -> str:
    """Return a key for a recipe without the settings by which costs can be scaled."""
    hyperparameters = {name: value for name, value in spec.recipe.hyperparameters.items() if name != "epochs"}
    return json.dumps([spec.recipe.full_name, hyperparameters], sort_keys=True)


def _epochs(spec: TrialSpec) -> int:
    return 0 if spec.classifier is not None else int(spec.recipe.hyperparameters.get("epochs", 0))


def _batch_size(spec: TrialSpec) -> object:
    return spec.recipe.hyperparameters.get("batch_size")


def _work(spec: TrialSpec) -> str:
    """Return what a trial does with its network, which decides how its time grows: train, freeze or test it."""
    if spec.classifier is not None:
        return "test"
    return "freeze" if spec.recipe.hyperparameters.get("freeze_backbone") else "train"


def _at_most(number: int | None, limit: int | None) -> int | None:
    """Return the number with the limit applied; if the number is unknown, return the limit as an upper bound."""
    if number is None or limit is None:
        return limit if number is None else number
    return min(number, limit)


@functools.cache
def _torch_version() -> str:
    return importlib.metadata.version("torch")
