"""A search: the trials of one combination, proposed until the budget is spent.

Proposals depend on results in a fixed order: trial n is proposed once trials 0 to n - k have results, where k trials
may run at a time, whichever of the later ones have ended by then. So a search that was killed and replayed from its
records goes on with the same trials.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from harness.records.spec import LrTestSpec, TrialSpec, stable_hash
from harness.records.study_file import StudyFile, TriedSettings
from harness.search.combination import Combination
from harness.search.objective import OBJECTIVE, Result
from harness.search.pruning import Pruner, bracket_of, goes_on, rungs_of
from harness.search.space import Space
from harness.search.study import Sampler, Study
from harness.search.unread import Settled, check_read
from zoo.errors import ZooError
from zoo.options import Option

SEED = 1_000_000_000
"""Seed of the trials of a first search; repeats take the next ones. Far from the seeds that winners are tested with.

All trials of a search share a seed, so that settings are compared on equal terms, and one that nothing reads shows.
"""

PRUNED = "pruned"
"""Outcome of a trial that was stopped early."""

MOST_TRIALS = 10_000
"""Trials of a search with a budget of time, at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """How long a search goes on."""

    trials: int | None = None
    """Number of trials, the default one included; None: as many as the time allows."""
    seconds: float | None = None
    """Time on the device after which no trial is proposed; None: no limit."""
    text: str = ""
    """Budget as the user gave it, such as ``16 trials``."""


@dataclass(kw_only=True)
class Tried:
    """A proposal, and its result once it is known."""

    number: int
    values: dict[str, Option]
    spec: TrialSpec | None = None
    """None if the settings do not go together."""
    trial_id: str = ""
    result: Result | None = None
    same_as: int | None = None
    rungs: tuple[int, ...] = ()
    """Epochs at which it may still be stopped."""
    at_rungs: dict[int, float] = field(default_factory=dict)
    """Objective at each rung that it has reached."""

    @property
    def pruned_at(self) -> int | None:
        """Epoch after which it was stopped; None if it was not."""
        return max(self.at_rungs) if self.result is not None and self.result.outcome == PRUNED else None

    @property
    def pause_after(self) -> int | None:
        """Epoch after which its present run pauses."""
        return None if self.spec is None else self.spec.execution.pause_after


@dataclass(kw_only=True)
class Search:
    """The search of one combination."""

    combination: Combination
    space: Space
    budget: Budget
    sampler: Sampler = "tpe"
    pruner: Pruner = "none"
    at_a_time: int = 1
    """Number of trials that may run at a time."""
    repeat: int = 0
    lr_test: LrTestSpec | None = None
    """What the range test of the learning rate found; None if there was none, or it has not run yet."""
    problem: str = ""
    """Why the search cannot go on; empty if it can."""
    tried: list[Tried] = field(default_factory=list)
    _num_told: int = 0
    _promoted: list[Tried] = field(default_factory=list)

    def __post_init__(self) -> None:
        combination = self.combination
        self.default: dict[str, Option] = {key: combination.value(key) for key in self.space.dimensions}
        """Value of each setting of the space before the search."""
        self._study = Study(
            self.space,
            self.default,
            is_active=lambda key, values: self.space.is_active(key, values, combination),
            sampler=self.sampler,
            seed=self.repeat,
        )
        execution = combination.spec.execution.model_copy(
            update={"tests": False, "measure_seconds": 0.0, "best_inference": False, "looks": 1}
        )
        self.base: TrialSpec = combination.spec.model_copy(update={"execution": execution, "seed": SEED + self.repeat})
        self._lr_seconds = 0.0 if self.lr_test is None else self.lr_test.seconds

    @property
    def key(self) -> str:
        """Key of the search without its repeat: equal for equal combinations, spaces and samplers."""
        spec = self.combination.spec
        parts = [
            spec.architecture.full_name,
            spec.architecture.options,
            spec.dataset.model_dump(mode="json", exclude={"display_name", "provider"}),
            spec.recipe.full_name,
            spec.recipe.hyperparameters,
            spec.execution.precision,
            self.space.asked(),
            self.sampler,
            OBJECTIVE,
            *([] if self.pruner == "none" else [self.pruner]),
        ]
        return stable_hash(parts)[:12]

    @property
    def is_over(self) -> bool:
        """Whether every trial has a result, and no more are due."""
        return bool(self.problem) or (self._is_spent(len(self.tried)) and all(each.result for each in self.tried))

    @property
    def spent_seconds(self) -> float:
        """Time on the device of all trials so far, and of the range test."""
        return self._lr_seconds + sum(
            each.result.seconds for each in self.tried if each.result is not None and each.same_as is None
        )

    def due(self) -> list[Tried]:
        """Propose the trials that may run now; those that need no run have their result."""
        found, self._promoted = ([] if self.problem else self._promoted), []
        while not self.problem and self._may_ask(len(self.tried)):
            for each in self.tried[self._num_told : max(0, len(self.tried) + 1 - self.at_a_time)]:
                assert each.result is not None, "trials that are not told yet have a result"
                self._study.tell(each.number, each.result.value, pruned_at=each.pruned_at)
                self._num_told += 1
            found += self._propose()
        return found

    def take(self, number: int, result: Result, trial_id: str = "") -> None:
        """Take the result of a trial.

        A setting that nothing reads ends the search, see :attr:`problem`.
        """
        tried = self.tried[number]
        if result.is_done and tried.pause_after is not None:
            assert result.value is not None, "a trial that is done has a value"
            tried.trial_id = trial_id
            if self._goes_on(tried, result.value):
                tried.spec = self._until_rung(tried)
                self._promoted.append(tried)
                return
            result = replace(result, outcome=PRUNED, weights="")
        tried.result, tried.trial_id = result, trial_id
        for other in self.tried:
            if other.same_as == number:
                other.result, other.trial_id = result, trial_id
        settled = [self._settled(each) for each in self.tried if each.result is not None and each.result.is_done]
        try:
            check_read(
                self._settled(tried),
                [each for each in settled if each.number != number and self.tried[each.number].same_as is None],
                self.combination.title,
                self.space.dimensions,
            )
        except ZooError as error:
            self.problem = str(error)

    def best(self) -> Tried | None:
        """Return the best trial: by validation accuracy, then loss, then the first one; None if none is done."""
        done = [(each, each.result) for each in self.tried if each.result is not None and each.result.is_done]
        if not done:
            return None

        def key(pair: tuple[Tried, Result]) -> tuple[float, float, int]:
            tried, result = pair
            loss = float("inf") if result.val_loss is None else result.val_loss
            return (-(result.value or 0.0), loss, tried.number)

        return min(done, key=key)[0]

    def value(self, number: int) -> float | None:
        """Return the objective of a trial; None if it is not known."""
        result = self.tried[number].result if number < len(self.tried) else None
        return result.value if result is not None and result.is_done else None

    def file(self) -> StudyFile:
        """Return what was tried, for the file of the study."""
        spec, best = self.combination.spec, self.best() if self.is_over else None
        return StudyFile(
            study=self.key,
            model=spec.architecture.display_name,
            data=spec.dataset.display_name,
            recipe=spec.recipe.display_name,
            space=self.space.texts(),
            sampler=self.sampler,
            pruner=self.pruner,
            budget=self.budget.text,
            repeat=self.repeat,
            at_a_time=self.at_a_time,
            lr_test=self.lr_test,
            trials=tuple(map(_as_written, self.tried)),
            best=best.number if best else None,
            importances=self._importances() if best else {},
        )

    def _importances(self) -> dict[str, float]:
        for each in self.tried[self._num_told :]:
            if each.result is not None:
                self._study.tell(each.number, each.result.value, pruned_at=each.pruned_at)
        self._num_told = len(self.tried)
        return self._study.importances()

    def _may_ask(self, number: int) -> bool:
        """Return whether trial *number* can be proposed now."""
        needed = self.tried[: max(0, number + 1 - self.at_a_time)]
        return all(each.result is not None for each in needed) and not self._is_spent(number)

    def _is_spent(self, number: int) -> bool:
        """Return whether the budget ends before trial *number*, by results that are known when it is proposed."""
        if number >= (MOST_TRIALS if self.budget.trials is None else self.budget.trials):
            return True
        if self.budget.seconds is None:
            return False
        known = self.tried[: max(0, number + 1 - self.at_a_time)]
        seconds = sum(each.result.seconds for each in known if each.result and each.same_as is None)
        return number > 0 and self._lr_seconds + seconds >= self.budget.seconds

    def _propose(self) -> list[Tried]:
        values = self._study.ask()
        tried = Tried(number=len(self.tried), values=values)
        self.tried.append(tried)
        settings = self._settings(values)
        same = next((each for each in self.tried[:-1] if self._settings(each.values) == settings), None)
        if same is not None:
            tried.same_as = same.number if same.same_as is None else same.same_as
            tried.result, tried.trial_id, tried.spec = same.result, same.trial_id, same.spec
            tried.at_rungs = same.at_rungs  # filled while that one runs
            return []
        try:
            tried.spec = self.combination.with_values(values, self.base)
            tried.rungs = self._rungs(tried)
            tried.spec = self._until_rung(tried)
        except ZooError as error:
            tried.result = Result(outcome="invalid", reason=str(error))
            return []
        return [tried]

    def _rungs(self, tried: Tried) -> tuple[int, ...]:
        assert tried.spec is not None
        if self.combination.recipe.fit_head is not None:
            return ()  # it has no epochs
        return rungs_of(self.pruner, int(tried.spec.recipe.hyperparameters["epochs"]), tried.number)

    def _until_rung(self, tried: Tried) -> TrialSpec:
        """Return the trial as it runs until its next rung, or its end."""
        assert tried.spec is not None
        pause_after = tried.rungs[0] if tried.rungs else None
        execution = tried.spec.execution.model_copy(update={"pause_after": pause_after})
        return tried.spec.model_copy(update={"execution": execution})

    def _goes_on(self, tried: Tried, value: float) -> bool:
        """Decide on a trial that has reached a rung; see :mod:`harness.search.pruning`."""
        rung, *later = tried.rungs
        tried.rungs, tried.at_rungs[rung] = tuple(later), value
        known = self.tried[: max(0, tried.number + 1 - self.at_a_time)]
        bracket = self._bracket(tried)
        rivals = [each for each in known if each.same_as is None and rung in each.at_rungs]
        return goes_on(value, [each.at_rungs[rung] for each in rivals if self._bracket(each) == bracket])

    def _bracket(self, tried: Tried) -> int:
        assert tried.spec is not None
        return bracket_of(self.pruner, int(tried.spec.recipe.hyperparameters["epochs"]), tried.number)

    def _settings(self, values: Mapping[str, Option]) -> dict[str, Option]:
        return {**self.default, **values}

    def _settled(self, tried: Tried) -> Settled:
        assert tried.result is not None
        return Settled(number=tried.number, settings=self._settings(tried.values), result=tried.result)


def _as_written(tried: Tried) -> TriedSettings:
    written = TriedSettings(number=tried.number, values=tried.values, trial_id=tried.trial_id, same_as=tried.same_as)
    if (result := tried.result) is None:
        return written
    names = ("outcome", "reason", "value", "val_loss", "seconds")
    return written.model_copy(update={name: getattr(result, name) for name in names})
