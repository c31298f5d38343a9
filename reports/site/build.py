"""Building: a leaderboard and its trials → the files of a site, the same byte for byte each time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reports.leaderboard.leaderboard import Leaderboard
from reports.render.csv import render_csv
from reports.render.json import leaderboard_data, render_json
from reports.render.latex import render_latex
from reports.render.markdown import render_markdown
from reports.site import pages
from reports.site.badge import badge
from reports.site.changes import changelog, read_previous
from reports.site.entries import BoardEntry, entries_of
from reports.site.illustrations import Illustrations
from reports.site.options import SiteOptions
from reports.site.paths import (
    ASSET_FILES,
    CARD_FILE,
    CHANGELOG_FILE,
    DATA_FILE,
    PUBLICATIONS_FILE,
    SUMS_FILE,
    TEXT_FILES,
)
from reports.site.publications import read_publications, with_current
from reports.site.schema import schema_text
from reports.site.site_pages import site_pages
from reports.site.statuses import verdicts_of
from reports.trials.reading import Trial
from zoo._version import __version__
from zoo.files.plain_files import SITE_FILE, read_text
from zoo.text import one_line

_FILES = (
    "leaderboard.csv",
    DATA_FILE,
    "leaderboard.md",
    "leaderboard.tex",
    CHANGELOG_FILE,
    PUBLICATIONS_FILE,
    SUMS_FILE,
)
"""Files that the pages link to."""


def site_files(
    leaderboard: Leaderboard,
    trials: Sequence[Trial],
    options: SiteOptions,
    *,
    earlier: Path | None = None,
    card: str | None = None,
) -> dict[str, bytes]:
    """Return the content of every file of the site, by path.

    Args:
        leaderboard: The leaderboard that was built from *trials*.
        trials: All trials; their predictions and histories are read.
        options: Options of the site.
        earlier: The folder of an earlier publication, for the changelog and the history of the board.
        card: A model card to include.
    """
    entries = entries_of(leaderboard, trials)
    verdicts = verdicts_of(entries) if options.verdicts is None else options.verdicts
    pictures = Illustrations(cache=options.cache, inline=options.single_file)
    data = leaderboard_data(leaderboard)
    newest = max((record.started_at for _, record in trials), default="")[:10]
    site = _site(entries, options, num_trials=len(trials), newest=newest)
    published = read_publications(None if earlier is None else earlier / PUBLICATIONS_FILE)
    published = with_current(published, entries, newest)
    made = site_pages(leaderboard, entries, options, verdicts, pictures, published)
    if options.single_file:
        files = {"index.html": pages.render_single(made, site=site).encode("utf-8", "replace")}
    else:
        files = {page.path: pages.render_page(page, site=site).encode("utf-8", "replace") for page in made}
        files |= {path: pages.asset(path.removeprefix("assets/")).encode("utf-8") for path in ASSET_FILES}
        files |= pictures.files
    texts = {
        "leaderboard.csv": render_csv(leaderboard, None),
        DATA_FILE: render_json(leaderboard),
        "leaderboard.schema.json": schema_text(),
        "leaderboard.md": render_markdown(leaderboard),
        "leaderboard.tex": render_latex(leaderboard),
        "badge.svg": badge(entries),
        CHANGELOG_FILE: _changelog(earlier, data, newest),
        PUBLICATIONS_FILE: published.text(),
    }
    if card is not None:
        texts[CARD_FILE] = card
    files |= {name: texts[name].encode("utf-8", "replace") for name in TEXT_FILES if name in texts}
    sums = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    files[SUMS_FILE] = sums.encode("utf-8")
    return dict(sorted(files.items()))


def _changelog(earlier: Path | None, data: dict[str, Any], newest: str) -> str:
    if earlier is None:
        return changelog("", None, data, newest)
    try:
        text = read_text(earlier / CHANGELOG_FILE, SITE_FILE, follow=False)
    except (OSError, UnicodeDecodeError):
        text = ""
    return changelog(text, read_previous(earlier / DATA_FILE), json.loads(json.dumps(data)), newest)


def _site(entries: Sequence[BoardEntry], options: SiteOptions, *, num_trials: int, newest: str) -> dict[str, Any]:
    links = {entry.table_id: one_line(entry.table.data, max_length=40) for entry in entries}
    return {
        "title": one_line(options.title, max_length=120),
        "links": [{"path": f"data/{each}.html", "label": label} for each, label in list(links.items())[:6]],
        "single": options.single_file,
        "files": _FILES,
        "newest": one_line(newest),
        "num_trials": num_trials,
        "version": __version__,
    }
