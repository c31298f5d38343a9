"""Rankings: results of benches as a table of pandas, explanations, pictures, a site, and the best model."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from reports.comparison.explanation import RankExplanation
    from reports.leaderboard.goals import Goal
    from reports.leaderboard.leaderboard import Leaderboard
    from reports.leaderboard.table import Row
    from reports.trials.reading import Trial
    from zoo.api.classifiers import Classifier
    from zoo.api.display.plotting import Plots
    from zoo.api.plugin_choice import PluginFiles
    from zoo.api.tables import MetricDeclarations

MAX_HTML_ROWS = 100
"""Rows that a notebook shows of a table."""


@dataclass(frozen=True, slots=True)
class RankExplanations:
    """Why rows share ranks, for each table; printed, it is what ``--explain`` prints."""

    items: Sequence[RankExplanation]
    """One for each table: its rows, and every pair of them with difference, interval and p-value."""

    def __str__(self) -> str:
        from reports.render.explanation import explanation_text

        return explanation_text(self.items)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


@dataclass(frozen=True, slots=True)
class RankedModel:
    """A row of a ranking, with the trials that trained it."""

    row: Row
    """The numbers of the row."""
    trials: Sequence[Trial]
    """Folder and record of each finished trial, by seed."""
    plugins: PluginFiles = ()
    """Plugin files that the bench loaded."""

    @property
    def title(self) -> str:
        """Model, recipe and runtime."""
        return self.row.title

    @property
    def chosen(self) -> Trial:
        """The trial with the highest validation accuracy, and the lowest seed among equals; test scores choose nothing.

        Raises:
            StoreError: If none of its trials has weights.
        """
        from harness.records.store import CHECKPOINT_FILE
        from zoo.errors import StoreError

        with_weights = [trial for trial in self.trials if (trial[0] / CHECKPOINT_FILE).is_file()]
        if not with_weights:
            raise StoreError(f"{self.title}: none of its {len(self.trials)} trial(s) has weights; they were not copied")
        return max(with_weights, key=lambda trial: (_validation(trial), -trial[1].spec.seed))

    def load(self, *, device: str = "auto") -> Classifier:
        """Return the trained classifier of :attr:`chosen`, on a device.

        Raises:
            StoreError: If its weights are missing or damaged.
            PluginError: If its network comes from a plugin that is not loaded.
        """
        from zoo.api.creating import load_classifier

        return load_classifier(self.chosen[0], device=device, plugins=self.plugins)

    def __repr__(self) -> str:
        return f"<{self.title}: {len(self.trials)} trial(s)>"


@dataclass(frozen=True, slots=True)
class Ranking:
    """Results of benches, ranked."""

    leaderboard: Leaderboard
    """Tables, rows and numbers."""
    trials: Sequence[Trial] = ()
    """Folder and record of every trial."""
    declared: MetricDeclarations | None = None
    """What the catalog says about metrics, if one was loaded."""
    plugins: PluginFiles = ()
    """Plugin files that the bench loaded, which its networks may come from."""

    @property
    def table(self) -> pd.DataFrame:
        """One row for each row of the ranked tables, with the columns of the CSV file and unrounded numbers."""
        from reports.leaderboard.frame import to_frame

        return to_frame(self.leaderboard)

    @property
    def notes(self) -> Sequence[str]:
        """What a reader of all tables should know, such as records that could not be read."""
        return self.leaderboard.notes

    @property
    def models(self) -> list[RankedModel]:
        """All rows that have a result, in the order of the tables."""
        from harness.records.runtime_result import runtime_name

        found = []
        for row in self.leaderboard.rows:
            names = set(row.trials)
            trials = [trial for trial in self.trials if trial[1].trial_id in names and not runtime_name(trial[1])]
            if row.seeds and trials:
                found.append(RankedModel(row, sorted(trials, key=lambda trial: trial[1].spec.seed), self.plugins))
        return found

    @property
    def best(self) -> RankedModel:
        """The first row that has a result and a network.

        Raises:
            StoreError: If there is none.
        """
        from zoo.errors import StoreError

        models = [each for each in self.models if each.row.origin is None or each.row.origin.has_network]
        if not models:
            raise StoreError("no row with a network has a result yet, so none is the best")
        return models[0]

    @property
    def plot(self) -> Plots:
        """Pictures of the results; each is returned, not shown. Needs the extra ``plots``."""
        from zoo.api.display.plotting import Plots

        return Plots(self.leaderboard, [folder for folder, _ in self.trials])

    def explain(self) -> RankExplanations:
        """Return why rows share ranks, as ``zoo rank --explain`` does."""
        from reports.comparison.explanation import explain

        return RankExplanations(explain(self.leaderboard, self.trials))

    def report(
        self,
        folder: str | Path = "site",
        *,
        title: str = "Leaderboard",
        single_file: bool = False,
        images: bool = True,
        features: bool = False,
        model_card: str | None = None,
    ) -> Path:
        """Write a static site into *folder*, as ``zoo report`` does, and return its first page.

        Args:
            folder: Folder of the site.
            title: Title of the pages.
            single_file: Whether the first page contains everything.
            images: Whether to show test images, if the cache of decoded datasets holds them.
            features: Whether to write a page with test images as points too, where their features were saved.
            model_card: Model whose best row also gets a Hugging Face model card.

        Raises:
            UnknownNameError: If no row with a result has the model of the card.
            StoreError: If a file cannot be written.
        """
        from reports.site.options import SiteOptions
        from zoo.api.sites import write_report
        from zoo.files.cache import decoded_root

        options = SiteOptions(
            title=title,
            single_file=single_file,
            cache=decoded_root() if images else None,
            declared=self.declared.columns if self.declared else (),
        )
        write_report(self.leaderboard, self.trials, Path(folder), options, model_card=model_card)
        if features:
            from reports.site.features_page import write_features_page

            write_features_page(Path(folder), self.leaderboard, self.trials, title=title)
        return Path(folder) / "index.html"

    def __str__(self) -> str:
        from reports.render.terminal import terminal_text

        return terminal_text(self.leaderboard)

    def _repr_html_(self) -> str:
        table = self.table
        filled = [name for name in table if any(value == value and value not in (None, "") for value in table[name])]
        # Cells are escaped by pandas. Columns without a value, of which there are dozens, would push the scores aside.
        return str(table[filled].to_html(max_rows=MAX_HTML_ROWS, index=False))


def rank(  # parameters: the options of zoo rank
    *folders: str | Path,
    sort_by: str = "accuracy",
    unseen: bool = False,
    rope: float | None = None,
    to_accuracy: float | None = None,
    price_per_hour: float | None = None,
    plugins: PluginFiles = (),
    strict_plugins: bool = False,
    no_plugins: bool = False,
) -> Ranking:
    """Rank the results of earlier benches, as ``zoo rank`` does. Nothing is trained, and torch is not imported.

    Args:
        folders: Result folders, or single trials in them; ``runs`` where none is given.
        sort_by: Key of the column to rank by.
        unseen: Whether to leave out rows whose weights may have seen the test images or their source.
        rope: Points within which rows count as the same, over several datasets; None: that is not told.
        to_accuracy: Validation accuracy in percent; the table tells time and energy until it was reached.
        price_per_hour: Price of an hour of what a trial trains on; with *to_accuracy*, the table tells the cost.
        plugins: Plugin files to load, for their metrics.
        strict_plugins: Whether a broken plugin is an error.
        no_plugins: Whether to ignore installed plugins.

    Raises:
        StoreError: If a folder does not exist or holds no results.
        UnknownNameError: If no column is called *sort_by*.
        UsageError: If a plugin file does not exist, *unseen* leaves no row, *rope* or the price is negative, or
            *to_accuracy* is no percentage.
        PluginError: If a plugin is broken, with *strict_plugins*.

    Example:
        >>> import zoo
        >>> ranking = zoo.rank("tests/fixtures/store-v1")
        >>> "accuracy" in ranking.table.columns
        True
    """
    from harness.system.collection import without_collection
    from reports.leaderboard.building import build_leaderboard
    from reports.trials.reading import read_trials
    from zoo.api.plugin_choice import PluginChoice
    from zoo.api.tables import MetricDeclarations
    from zoo.errors import UsageError
    from zoo.names import DEFAULT_RUNS

    if rope is not None and not rope >= 0:
        raise UsageError(f"rope = {rope}: expected a number of points, 0 or more")
    goal = _goal(to_accuracy, price_per_hour)
    with without_collection():
        trials, problems = read_trials([Path(folder) for folder in folders] or [Path(DEFAULT_RUNS)], runtimes=True)
        notes = [f"left out: {problem}" for problem in problems]
        if unseen:
            trials, left_out = without_seen(trials, spelled="unseen = True")
            notes += left_out
        # How other metrics are ranked is theirs to say, and they may come from plugins.
        is_usual = sort_by == "accuracy"
        asks = not is_usual or bool(plugins) or strict_plugins
        choice = PluginChoice(files=plugins, strict=strict_plugins, installed=asks and not no_plugins)
        catalog = choice.catalog(hooks=("zoo_metrics",))
        declared = MetricDeclarations.of(catalog)
        leaderboard = build_leaderboard(
            trials,
            sort_by=sort_by,
            declared=() if is_usual else declared.columns,
            versions=declared.versions,
            notes=notes,
            rope=rope,
            goal=goal,
        )
    return Ranking(leaderboard, tuple(trials), declared, plugins)


def _goal(to_accuracy: float | None, price_per_hour: float | None) -> Goal | None:
    from reports.leaderboard.goals import Goal
    from zoo.errors import UsageError

    if price_per_hour is not None and not price_per_hour >= 0:
        raise UsageError(f"price_per_hour = {price_per_hour}: expected a number, 0 or more")
    if to_accuracy is None:
        if price_per_hour is not None:
            raise UsageError("price_per_hour needs to_accuracy, the validation accuracy in percent that is paid for")
        return None
    if not 0 < to_accuracy <= 100:
        raise UsageError(f"to_accuracy = {to_accuracy}: expected a percentage above 0 and up to 100")
    return Goal(accuracy=to_accuracy / 100, price_per_hour=price_per_hour)


def without_seen(trials: Sequence[Trial], *, spelled: str) -> tuple[list[Trial], list[str]]:
    """Return the trials whose weights did not see the test images' source, and a note on the others.

    Args:
        trials: All trials; without any, there is nothing to leave out.
        spelled: How the user asked for it.

    Raises:
        UsageError: If none is left.
    """
    from reports.trials.pretraining import seen_by
    from zoo.errors import UsageError
    from zoo.pretraining import Seen
    from zoo.text import plural

    kept = [trial for trial in trials if seen_by(trial[1]) in (None, Seen.NO)]
    if trials and not kept:
        raise UsageError(
            f"{spelled}: the published weights of all trials saw the source of the test images, or do not say what "
            "they saw; leave it out to see them in the column seen?"
        )
    number = len(trials) - len(kept)
    sentence = (
        f"{spelled}: {plural(number, 'trial')} left out, whose published weights saw the source of the test images"
    )
    return kept, [f"{sentence}, or may have"] if number else []


def _validation(trial: Trial) -> float:
    training = trial[1].training
    return -1.0 if training is None else training.best_val_accuracy
