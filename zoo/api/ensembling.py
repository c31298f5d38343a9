"""Ensembling: ``zoo.ensemble``, which averages the probabilities of trained networks and ranks the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from zoo.api.ranking import Ranking
from zoo.names import DEFAULT_RUNS

if TYPE_CHECKING:
    from harness.ensembles.making import EnsembleRequest
    from harness.records.record import Record
    from reports.trials.grouping import Group
    from reports.trials.reading import Trial
    from zoo.catalog import Catalog
    from zoo.errors import ZooError

AnyPath = str | PathLike[str]


@dataclass(frozen=True, slots=True)
class EnsembleResult(Ranking):
    """The rows of a store after ensembles were made, ranked."""

    store: Path = Path(DEFAULT_RUNS)
    """Folder of the records."""
    made: tuple[tuple[Record, bool], ...] = ()
    """The record of each ensemble, and whether it is new."""
    skipped: tuple[str, ...] = ()
    """A sentence for each row that is in no ensemble, and why."""

    def __repr__(self) -> str:
        return f"<{len(self.made)} ensembles in {self.store}>"


def ensemble(
    runs: AnyPath | Sequence[AnyPath] = DEFAULT_RUNS,
    *,
    over: Literal["seeds", "folds", "models"],
    select: Literal["all", "greedy"] = "all",
    rounds: int | None = None,
    on: str | None = None,
    out: AnyPath | None = None,
    plugins: Sequence[AnyPath] = (),
) -> EnsembleResult:
    """Average the probabilities of trained networks, and rank the result, as ``zoo ensemble`` does. Nothing is run.

    Args:
        runs: Result folders, or single trials in them.
        over: What the members differ in. ``seeds``: an ensemble for each row; ``models``: one for each dataset, of the
            trial of each row that is best on the validation images; ``folds``: one for each seed of a
            cross-validation, on a further test set that no fold was trained on.
        select: ``greedy`` chooses members by their validation predictions (Caruana et al., 2004).
        rounds: Networks that greedy selection adds, with replacement; None: 50.
        on: Name of that further test set; None: the only one.
        out: Folder of the records; None: the first of *runs*.
        plugins: Plugin files to load, for their metrics.

    Raises:
        ZooError: If nothing can be averaged; no ensemble is then written.

    Example:
        >>> import zoo, tempfile
        >>> result = zoo.ensemble("tests/fixtures/store-v1", over="seeds", out=tempfile.mkdtemp())
        >>> set(result.table["origin"])
        {'ensemble'}
    """
    from zoo.api.plugin_choice import PluginChoice

    paths = [Path(runs)] if isinstance(runs, str | PathLike) else [Path(each) for each in runs]
    order = EnsembleOrder(
        runs=tuple(paths), over=over, select=select, rounds=rounds, on=on, out=None if out is None else Path(out)
    )
    return order.carry_out(PluginChoice(files=tuple(plugins)).catalog(), plugins=tuple(plugins))


@dataclass(frozen=True, kw_only=True, slots=True)
class EnsembleOrder:
    """Which ensembles to make."""

    runs: tuple[Path, ...]
    over: str
    select: str = "all"
    rounds: int | None = None
    on: str | None = None
    out: Path | None = None

    def carry_out(self, catalog: Catalog, *, plugins: Sequence[AnyPath] = ()) -> EnsembleResult:
        """Make the ensembles, and return their store ranked.

        Raises:
            ZooError: With every mistake; nothing is then written.
        """
        from harness.ensembles.making import make_ensemble
        from harness.given.row import write_row
        from harness.records.store import Store
        from reports.trials.reading import read_trials
        from zoo.api.choosing import attempt
        from zoo.api.tables import rank_store
        from zoo.errors import ManyErrors, UsageError

        self._check()
        trials, unreadable = read_trials(self.runs)
        errors: list[ZooError] = []
        requests, skipped = self._requests(trials, errors)
        rows = [row for each in requests if (row := attempt(lambda each=each: make_ensemble(each), errors))]  # type: ignore[misc]
        ManyErrors.raise_if(errors)
        if not rows:
            reasons = "".join(f"; {each}" for each in skipped[:5])
            raise UsageError(f"there is nothing to average over {self.over}{reasons}")
        store = Store(self.out or _store_of(self.runs[0]))
        store.create()
        made = tuple(write_row(store, row, list(catalog.metrics)) for row in rows)
        leaderboard, found, declared = rank_store(
            store.root, catalog, notes=[f"left out: {problem}" for problem in unreadable]
        )
        return EnsembleResult(
            leaderboard, found, declared, plugins, store=store.root, made=made, skipped=tuple(skipped)
        )

    def _check(self) -> None:
        from zoo.errors import ManyErrors, UsageError

        errors = []
        if self.over not in ("seeds", "folds", "models"):
            errors.append(UsageError(f"over {self.over!r}: expected seeds, folds or models"))
        if self.select not in ("all", "greedy"):
            errors.append(UsageError(f"select {self.select!r}: expected all or greedy"))
        if self.rounds is not None and (self.rounds < 1 or self.select != "greedy"):
            errors.append(UsageError(f"rounds {self.rounds}: expected at least 1, and --select greedy"))
        if self.on is not None and self.over != "folds":
            errors.append(UsageError(f"on {self.on}: only the folds of a cross-validation need another test set"))
        ManyErrors.raise_if(errors)

    def _requests(self, trials: Sequence[Trial], errors: list[ZooError]) -> tuple[list[EnsembleRequest], list[str]]:
        from reports.trials.grouping import by_table, group_trials, without_folds

        if self.over == "folds":
            return self._over_folds(trials, errors)
        whole = [trial for trial in without_folds(trials) if trial[1].outcome.value == "done" and not trial[1].folds]
        skipped: list[str] = []
        groups = group_trials(whole)
        groups = [group for group in groups if _may_be_member(group, skipped) and not _repeats(group, groups, skipped)]
        if self.over == "seeds":
            return self._over_seeds(groups, skipped), skipped
        return [each for table in by_table(groups) if (each := self._over_models(table, skipped)) is not None], skipped

    def _over_seeds(self, groups: Sequence[Group], skipped: list[str]) -> list[EnsembleRequest]:
        from harness.ensembles.members import own_test

        found = []
        for group in groups:
            if len(group.done) < 2:
                skipped.append(f"{_title(group)} has one seed")
                continue
            spec = group.example.spec
            found.append(
                self._request(
                    [group.done[seed] for seed in sorted(group.done)],
                    tested=own_test(group.example),
                    name=spec.architecture.display_name + (", tuned" if group.example.search is not None else ""),
                    recipe=spec.recipe.display_name + _budget(group),
                )
            )
        return found

    def _over_models(self, table: Sequence[Group], skipped: list[str]) -> EnsembleRequest | None:
        from harness.ensembles.members import own_test

        if len(table) < 2:
            skipped.append(f"{_title(table[0])} is the only row of its images")
            return None
        members = [
            max(group.done.values(), key=lambda trial: (_validation(trial), -trial[1].spec.seed)) for group in table
        ]
        return self._request(members, tested=own_test(table[0].example), name="", recipe="")

    def _over_folds(self, trials: Sequence[Trial], errors: list[ZooError]) -> tuple[list[EnsembleRequest], list[str]]:
        from harness.ensembles.members import untouched_test
        from harness.records.derived.pooled_folds import complete_seeds
        from zoo.api.choosing import attempt

        folders = {record.trial_id: folder for folder, record in trials}
        found, skipped = [], []
        seeds = complete_seeds(record for _, record in trials)
        for folds in seeds:
            tested = attempt(lambda folds=folds: untouched_test(folds, self.on), errors)  # type: ignore[misc]
            if tested is not None:
                spec = folds[0].spec
                seed = f", seed {spec.seed}" if sum(_is_same_row(each[0], folds[0]) for each in seeds) > 1 else ""
                found.append(
                    self._request(
                        [(folders[record.trial_id], record) for record in folds],
                        tested=tested,
                        name=f"{spec.architecture.display_name}{seed}",
                        recipe=spec.recipe.display_name,
                    )
                )
        if not seeds:
            skipped.append("no cross-validation has all its folds in these results (zoo bench --folds 5)")
        return found, skipped

    def _request(self, members: Sequence[Trial], **fields: object) -> EnsembleRequest:
        from harness.ensembles.greedy import ROUNDS
        from harness.ensembles.making import EnsembleRequest, MemberChoice, Over

        return EnsembleRequest(
            over=Over(self.over),
            candidates=tuple(members),
            selection=MemberChoice(self.select),
            rounds=self.rounds or ROUNDS,
            **fields,  # type: ignore[arg-type]
        )


def _may_be_member(group: Group, skipped: list[str]) -> bool:
    """Tell whether the trials of a row may be in an ensemble; if not, *skipped* says why."""
    from harness.records.origin import OriginKind

    origin = group.example.origin
    if not group.done or (origin is not None and origin.kind is OriginKind.ENSEMBLE):
        return False
    if origin is not None and not origin.has_scores:
        skipped.append(f"{_title(group)} has classes only, and no probabilities to average")
        return False
    return True


def _repeats(group: Group, groups: Sequence[Group], skipped: list[str]) -> bool:
    """Tell whether a tuned row is a copy of another one, as its search chose the default settings; if so, say so."""
    from harness.records.predictions import FILE_NAME
    from harness.search.default_winner import chose_default

    def predictions(each: Group) -> set[str]:
        return {record.files.get(FILE_NAME, "") for _, record in each.done.values()}

    if not chose_default(group.example.search):
        return False
    if not any(each.example.search is None and predictions(group) <= predictions(each) for each in groups):
        return False
    skipped.append(f"{_title(group)} repeats the default row, whose settings its search chose")
    return True


def _title(group: Group) -> str:
    spec = group.example.spec
    return f"{spec.architecture.display_name}, {spec.recipe.display_name}{_budget(group)}"


def _budget(group: Group) -> str:
    """Return how much a row was tuned, such as ``, tuned, 16 trials``; empty if it was not."""
    search = group.example.search
    if search is None:
        return ""
    return (
        f", tuned, {search.repeats} searches of {search.budget}" if search.repeats > 1 else f", tuned, {search.budget}"
    )


def _validation(trial: Trial) -> float:
    training = trial[1].training
    return -1.0 if training is None else training.best_val_accuracy


def _is_same_row(one: Record, other: Record) -> bool:
    from reports.trials.grouping import row_key

    return row_key(one.model_copy(update={"spec": one.spec.whole})) == row_key(
        other.model_copy(update={"spec": other.spec.whole})
    )


def _store_of(path: Path) -> Path:
    from harness.records.store import RECORD_FILE

    return path.parent if (path / RECORD_FILE).is_file() else path
