"""A study: proposes settings by one of Optuna's samplers, by ask and tell.

The same space, sampler and seed, and the same results told in the same order, give the same proposals. Optuna's own
storage is not used: a study lives in memory, and is replayed from the records of trials.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from harness.search.space import Space
from zoo.errors import UsageError
from zoo.options import Option
from zoo.space import Dimension

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy

Sampler = Literal["tpe", "random"]

STARTUP_TRIALS = 6
"""Trials before TPE uses their results, the default one included. Optuna's 10 would leave 6 of 16."""

DIGITS = 4
"""Significant digits of proposed numbers, so that they can be read, typed and set again exactly."""


class Study:
    """Proposes settings; larger values are better.

    Args:
        space: What is searched.
        default: Values of the settings before the search, which are proposed first, as trial 0.
        is_active: Tells whether a setting is searched, given its key and the values chosen so far.
        sampler: ``tpe`` or ``random``.
        seed: Seed of the sampler.

    Raises:
        UsageError: If Optuna is not installed.
    """

    def __init__(
        self,
        space: Space,
        default: Mapping[str, Option],
        *,
        is_active: Callable[[str, Mapping[str, Option]], bool],
        sampler: Sampler = "tpe",
        seed: int = 0,
    ) -> None:
        self._space, self._default, self._is_active = space, default, is_active
        self._study = _new_study(sampler, seed)
        self._asked: list[Any] = []

    def ask(self) -> dict[str, Option]:
        """Return the settings of the next trial by dotted key; the first trial has none, which keeps the default."""
        is_first = not self._asked
        if is_first:
            known = {key: value for key, value in self._default.items() if self._space.dimensions[key].contains(value)}
            self._study.enqueue_trial(known)
        trial = self._study.ask()
        self._asked.append(trial)
        values: dict[str, Option] = {}
        for key, dimension in self._space.dimensions.items():
            if is_first and not dimension.contains(self._default[key]):
                continue  # the sampler cannot be told of a value outside of the range
            if self._is_active(key, values):
                values[key] = _suggest(trial, key, dimension)
        return {} if is_first else values

    def tell(self, number: int, value: float | None, *, pruned_at: int | None = None) -> None:
        """Take the result of trial *number*.

        Args:
            value: None: it has none, and says nothing of its settings.
            pruned_at: Epoch after which it was stopped; None: it was not.
        """
        from optuna.trial import TrialState

        if value is None:
            self._study.tell(self._asked[number], state=TrialState.FAIL)
        elif pruned_at is not None:
            self._asked[number].report(value, pruned_at)
            self._study.tell(self._asked[number], state=TrialState.PRUNED)
        else:
            self._study.tell(self._asked[number], value)

    def importances(self) -> dict[str, float]:
        """Return how much of the variance each setting explains, by fANOVA (Hutter et al. 2014); sums to 1.

        Trials that ran to their end and have all of the settings count; settings of some trials only are left out.
        Empty if there are too few results, or nothing explains their differences.
        """
        from optuna.importance import FanovaImportanceEvaluator, get_param_importances
        from optuna.trial import TrialState

        complete = [trial for trial in self._study.trials if trial.state is TrialState.COMPLETE]
        # The default may lie outside of ranges, and then lacks their settings.
        proposed = [trial for trial in complete if trial.number > 0]
        shared = [key for key in self._space.dimensions if proposed and all(key in each.params for each in proposed)]
        counted = [trial for trial in complete if all(key in trial.params for key in shared)]
        if not shared or len(counted) < 4 or len({trial.value for trial in counted}) < 2:
            return {}
        evaluator = FanovaImportanceEvaluator(seed=0)
        with _quiet(), contextlib.suppress(RuntimeError):  # no tree finds a difference
            found = get_param_importances(self._study, evaluator=evaluator, params=shared)
            return {key: float(share) for key, share in found.items()}
        return {}


def _suggest(trial: Any, key: str, dimension: Dimension) -> Option:
    if dimension.kind == "choice":
        chosen: Option = trial.suggest_categorical(key, list(dimension.values))
        return chosen
    if dimension.is_whole:
        return int(trial.suggest_int(key, int(dimension.low), int(dimension.high), log=dimension.is_log))
    value = float(trial.suggest_float(key, dimension.low, dimension.high, log=dimension.is_log))
    return min(max(float(f"{value:.{DIGITS}g}"), dimension.low), dimension.high)


def require_optuna() -> None:
    """Raise a ``UsageError`` with the remedy if Optuna is not installed."""
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        raise UsageError("a search for settings needs Optuna: pip install 'zoobench[tune]'") from error


def _new_study(sampler: Sampler, seed: int) -> OptunaStudy:
    require_optuna()
    from optuna import create_study
    from optuna.samplers import BaseSampler, RandomSampler, TPESampler

    chosen: BaseSampler
    if sampler == "random":
        chosen = RandomSampler(seed=seed)
    else:
        chosen = TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS, constant_liar=True)
    with _quiet():
        return create_study(direction="maximize", sampler=chosen)


class _quiet:  # noqa: N801  # a context manager
    """Keeps Optuna from announcing what it does, and leaves the level that a notebook has set."""

    def __enter__(self) -> None:
        from optuna import logging

        self._before = logging.get_verbosity()
        logging.set_verbosity(logging.WARNING)

    def __exit__(self, *error: object) -> None:
        from optuna import logging

        logging.set_verbosity(self._before)
