"""Planning: tells what a bench would run, how long it would take, and what it would skip and why."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.text import clean, plural

if TYPE_CHECKING:
    import pandas as pd

    from harness.planning.forecast import Forecast
    from harness.planning.plan import Skip
    from harness.planning.plan_forecast import ExpectedTrial, PlanForecast
    from harness.planning.request import BenchRequest
    from harness.records.spec import TrialSpec
    from zoo.api.choosing import Chosen
    from zoo.api.ordering import BenchOrder
    from zoo.api.running.search_forecast import SearchForecast


@dataclass(frozen=True, slots=True)
class BenchPlan:
    """What a bench would run. Printed, or shown in a notebook, it is what ``zoo plan`` prints."""

    chosen: Chosen
    """The settings, checked against the catalog, and the plan that they make."""
    forecast: PlanForecast
    """Expected time and memory of each trial."""
    search: SearchForecast | None = None
    """What the searches before the trials are expected to take; None: nothing is searched."""
    detections: Sequence[str] = ()
    """A sentence for each dataset on the difference that the plan would show, if that was asked for."""
    problems: Sequence[str] = ()
    """A sentence for each combination that could not be probed, if that was asked for."""

    @property
    def trials(self) -> tuple[TrialSpec, ...]:
        """Every trial with its resolved settings, in the order in which results are listed."""
        return self.chosen.plan.trials

    @property
    def skips(self) -> tuple[Skip, ...]:
        """Combinations that cannot be run, each with its title and the reason."""
        return self.chosen.plan.skips

    @property
    def seconds(self) -> float | None:
        """Expected time of what is left of the trials, in seconds, without searches; None if that of one is unknown."""
        return None if self.forecast.unknown else self.forecast.seconds

    @property
    def combinations(self) -> list[list[ExpectedTrial]]:
        """The trials of each combination, which differ only in seed and fold."""
        groups: dict[str, list[ExpectedTrial]] = {}
        for trial in self.forecast.trials:
            key = trial.spec.whole.model_dump_json(exclude={"seed": True, "dataset": {"resplit"}})
            groups.setdefault(key, []).append(trial)
        return list(groups.values())

    @property
    def table(self) -> pd.DataFrame:
        """One row for each combination: names, how images are prepared, seeds, epochs, batch size, expected seconds and
        memory (MiB) of a trial, what these are based on, how many of its trials are finished, and overrides.
        """
        import pandas as pd

        return pd.DataFrame([self._row(trials) for trials in self.combinations], columns=list(_COLUMNS))

    def _row(self, trials: Sequence[ExpectedTrial]) -> dict[str, Any]:
        first = trials[0].spec
        due = [trial.expected for trial in trials if not trial.expected.is_finished]
        return {
            "model": first.architecture.display_name,
            "data": first.dataset.display_name,
            "folds": first.dataset.folds,
            "recipe": first.recipe.display_name,
            "images": first.preparation.describe(first.architecture.native_size) if first.preparation else "",
            "seeds": len({trial.spec.seed for trial in trials}),
            "epochs": first.recipe.hyperparameters.get("epochs"),
            "batch_size": first.recipe.hyperparameters.get("batch_size"),
            "seconds": due[0].seconds if due else None,
            "memory_mib": due[0].peak_memory_mib if due else None,
            "based_on": due[0].basis if due else "",
            "finished": len(trials) - len(due),
            "overrides": overrides_of(first, self.chosen.request),
        }

    @property
    def sentences(self) -> list[str]:
        """What ``zoo plan`` says below its table: what is skipped, how long the rest takes, and what comes with it."""
        from zoo.api.running import forecast as forecasting

        request, plan, combinations = self.chosen.request, self.chosen.plan, self.combinations
        told = [clean(sentence) for sentence in plan.skip_sentences]
        told.append(self._total(len(combinations)))
        if plan.trials:
            num_unknown = sum(any(trial.expected.seconds is None for trial in trials) for trials in combinations)
            told.append(forecasting.total(self.forecast, num_unknown))
            if parts := forecasting.shares(self.forecast):
                told.append(f"of that time: {parts}")
        if request.test_also and plan.trials:
            told.append(f"further test sets, after training: {clean(', '.join(request.test_also))}")
        if self.search is not None:
            told.append(self.search.sentence)
            bare = "has no settings to search: its row has the default ones only"
            told += [f"{clean(title)} {bare}" for title in self.search.bare]
        told += [f"detectable with 80 % probability: {clean(sentence)}" for sentence in self.detections]
        if request.seeds == "auto":
            told.append(_seeds_sentence(request))
        return told

    def _total(self, combinations: int) -> str:
        plan = self.chosen.plan
        epochs = sum(int(trial.recipe.hyperparameters.get("epochs", 0)) for trial in plan.trials)
        trials, rows = plural(len(plan.trials), "trial"), plural(combinations, "combination")
        text = f"{trials} of {rows}" + (f", {plural(epochs, 'epoch')} in all" if epochs else "")
        return f"{text}; {plural(len(plan.skips), 'combination')} skipped" if plan.skips else text

    def __len__(self) -> int:
        return len(self.trials)

    def __repr__(self) -> str:
        return f"<plan: {self._total(len(self.combinations))}>"

    def __str__(self) -> str:
        table = self.table.dropna(axis="columns", how="all").fillna("")
        return "\n".join([clean(line) for line in table.to_string(index=False).splitlines()] + ["", *self.sentences])

    def _repr_html_(self) -> str:
        from zoo.api.ranking import MAX_HTML_ROWS

        # Cells are escaped by pandas.
        table = self.table.dropna(axis="columns", how="all").to_html(max_rows=MAX_HTML_ROWS, index=False, na_rep="")
        return table + "".join(f"<p>{html.escape(sentence)}</p>" for sentence in self.sentences)


_COLUMNS = (
    "model", "data", "folds", "recipe", "images", "seeds", "epochs", "batch_size", "seconds", "memory_mib", "based_on",
    "finished", "overrides",
)  # fmt: skip


def plan_of(order: BenchOrder, *, points: float | None = None, show: str | None = None) -> BenchPlan:
    """Return what an order would run.

    Args:
        order: What a bench is asked for.
        points: Difference of accuracy in points, to tell whether the plan would show it; None: that is not asked.
        show: How to show the progress of a probe; None: there is none.

    Raises:
        ZooError: If something cannot be searched or prepared.
        KeyboardInterrupt: If the user stopped a probe.
    """
    from zoo.api.running import forecast as forecasting
    from zoo.api.running.search_forecast import search_forecast_of

    slots = order.settings.slots
    forecast = forecasting.forecast_of(order.store, order.chosen)
    search_forecast_of(order.chosen, forecast, slots, store=order.store)  # a mistake in a space comes before a probe
    problems = [] if show is None else _probed(show, order, forecast)
    return BenchPlan(
        order.chosen,
        forecasting.plan_forecast_of(order.chosen, forecast, slots),
        search_forecast_of(order.chosen, forecast, slots, store=order.store),
        () if points is None else detections(order.chosen, order.store, points=points),
        problems,
    )


def _probed(show: str, order: BenchOrder, forecast: Forecast) -> list[str]:
    """Measure unknown combinations, add them to the forecast, and return a sentence for each that failed."""
    from harness.bench.probing import probe_plan
    from zoo.api.display.notebook import showing

    with showing(show) as progress:
        probes = probe_plan(order.chosen.plan, forecast, sources=order.sources, emit=progress, data=order.settings.data)
    if probes.interrupted:
        raise KeyboardInterrupt("interrupted; run the same call again to measure the rest")
    return [f"no probe: {title}: {problem}" for title, problem in probes.problems.items()]


def detections(chosen: Chosen, folder: Path, *, points: float) -> list[str]:
    """Return a sentence for each dataset on whether the plan would show a difference.

    Args:
        chosen: What would be run.
        folder: Records to estimate variances from; it may not exist.
        points: The difference in points of accuracy.
    """
    from reports.comparison.detection import detection_notes
    from reports.trials.reading import read_trials

    trials = read_trials([folder])[0] if any(folder.glob("*/record.json")) else []
    specs = [trial.whole for trial in chosen.plan.trials]
    rows: dict[str, set[str]] = {}
    for spec in specs:
        rows.setdefault(spec.dataset.full_name + spec.dataset.argument, set()).add(
            spec.model_dump_json(exclude={"seed"})
        )
    return detection_notes(
        trials,
        [spec.dataset for spec in specs],
        difference=points / 100,
        num_rows=max(map(len, rows.values()), default=0),
        num_seeds=chosen.request.most_seeds,
    )


def overrides_of(spec: TrialSpec, request: BenchRequest) -> str:
    """Return the overrides of a combination, with its own value of those that have several."""
    own: dict[str, Any] = {f"recipe.{name}": value for name, value in spec.recipe.hyperparameters.items()}
    own |= {f"model.{name}": value for name, value in spec.architecture.options.items()}
    return ", ".join(f"{key}={own[key] if isinstance(value, tuple) else value}" for key, value in request.set.items())


def _seeds_sentence(request: BenchRequest) -> str:
    from harness.records.seed_schedule import seed_counts

    first, *_ = counts = seed_counts(request.max_seeds)
    looks = f"ranks are compared after {', '.join(map(str, counts))} seeds"
    return f"at most: each row gets {plural(first, 'seed')}, and more while it shares ranks; {looks}"
