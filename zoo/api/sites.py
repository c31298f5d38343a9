"""Sites: results written as static web pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reports.leaderboard.leaderboard import Leaderboard
    from reports.publishing.rerendering import WrittenAgain, WrittenWith
    from reports.site.commands import Defaults
    from reports.site.entries import BoardEntry
    from reports.site.folder import SiteSummary
    from reports.site.options import SiteOptions
    from reports.trials.reading import Trial
    from zoo.catalog import Catalog


def defaults_of(catalog: Catalog, trials: Sequence[Trial]) -> Defaults:
    """Return the default settings of the recipes, models and datasets of *trials* that *catalog* has."""
    from zoo.errors import ZooError

    found: dict[tuple[str, str], tuple[str, Mapping[str, Any]]] = {}
    for _, record in trials:
        spec = record.spec
        for kind, entries, name in (
            ("recipe", catalog.recipes, spec.recipe.full_name),
            ("model", catalog.architectures, spec.architecture.full_name),
            ("data", catalog.datasets, spec.dataset.full_name),
        ):
            if (kind, name) in found:
                continue
            found[kind, name] = ("", {})
            try:
                entry: Any = entries.get(name)
                settings = (
                    entry.record.hyperparameters().model_dump(mode="json") if kind == "recipe" else entry.record.options
                )
            except ZooError:
                continue
            found[kind, name] = (entry.provider.version, dict(settings))
    return found


WAYS = ((True, True), (True, False), (False, False))
"""Ways to write a site: whether metrics are declared, and whether default settings are known. ``zoo report`` writes it
with both, and ``Ranking.report`` of Python with the declarations that it has."""


def render_again(
    folder: Path,
    how: WrittenWith,
    trials: Sequence[Trial],
    catalog: Catalog,
    *,
    is_declared: bool = True,
    has_defaults: bool = True,
) -> WrittenAgain:
    """Return a site as ``zoo report`` would write them now.

    Args:
        folder: The folder of the site, whose table says what it is sorted by.
        how: What it was written with.
        trials: The trials that it should follow from, with their results under other runtimes.
        catalog: What declares the metrics and the default settings.
        is_declared: Whether the site was written with the declarations of metrics.
        has_defaults: Whether it was written with the default settings.
    """
    from reports.leaderboard.building import build_leaderboard
    from reports.publishing.rerendering import WrittenAgain
    from reports.site.build import site_files
    from reports.site.changes import read_previous
    from reports.site.entries import entries_of
    from reports.site.options import SiteOptions
    from reports.site.paths import DATA_FILE
    from reports.site.statuses import verdicts_of
    from zoo.api.tables import MetricDeclarations
    from zoo.files.cache import decoded_root

    declared = MetricDeclarations.of(catalog) if is_declared else MetricDeclarations()
    sort_by = (read_previous(folder / DATA_FILE) or {}).get("sort_by")
    leaderboard = build_leaderboard(
        trials,
        sort_by=sort_by if isinstance(sort_by, str) else "accuracy",
        declared=declared.columns,
        versions=declared.versions,
    )
    options = SiteOptions(
        title=how.title,
        single_file=how.single_file,
        cache=decoded_root() if how.has_pictures else None,
        declared=declared.columns,
        defaults=defaults_of(catalog, trials) if has_defaults else {},
    )
    entries = entries_of(leaderboard, trials)
    known = verdicts_of(entries)
    options = replace(options, verdicts={row: how.verdicts.get(row, verdict) for row, verdict in known.items()})
    # What earlier publications held is not in the records: only the newest one is compared with them.
    files = site_files(leaderboard, trials, options, earlier=folder, card=_published_card(folder, entries))
    return WrittenAgain(files=files, verdicts=known)


def _published_card(folder: Path, entries: Sequence[BoardEntry]) -> str | None:
    """Return the model card of the row that the card in *folder* is of, of any row if it is of none; None without one.

    Raises:
        StoreError: If it lies behind a link.
    """
    from harness.system.inner_files import read_inner
    from reports.site.folder import published_files
    from reports.site.model_card import model_card
    from reports.site.paths import CARD_FILE
    from zoo.files.plain_files import SITE_FILE

    if CARD_FILE not in published_files(folder):
        return None
    published = read_inner(folder, CARD_FILE, SITE_FILE)
    cards = [model_card(each) for each in entries if each.row.seeds]
    return next((card for card in cards if card.encode("utf-8", "replace") == published), cards[0] if cards else None)


def write_report(
    leaderboard: Leaderboard,
    trials: Sequence[Trial],
    folder: Path,
    options: SiteOptions,
    *,
    model_card: str | None = None,
) -> SiteSummary:
    """Write a leaderboard as a site into *folder*, and return what was written.

    Args:
        leaderboard: The leaderboard of *trials*.
        trials: Folders and records.
        folder: The folder of the site; files in it that have been changed since are kept.
        options: How the site looks.
        model_card: Model whose best row also gets a Hugging Face model card.

    Raises:
        UnknownNameError: If no row with a result has that model.
        StoreError: If a file cannot be written.
    """
    from reports.site.build import site_files
    from reports.site.entries import entries_of
    from reports.site.folder import write_site
    from zoo.errors import UnknownNameError
    from zoo.names import near_names

    card = None
    if model_card is not None:
        from reports.site.model_card import model_card as make_card

        entries = entries_of(leaderboard, trials)
        found = next((each for each in entries if each.row.seeds and model_card in (each.row.model, each.id)), None)
        if found is None:
            names = dict.fromkeys(each.row.model for each in entries if each.row.seeds)
            raise UnknownNameError("row with a result", model_card, near=near_names(model_card, names))
        card = make_card(found)
    return write_site(site_files(leaderboard, trials, options, earlier=folder, card=card), folder)
