"""Building: a leaderboard and its trials → a folder of pages and files that stays the same byte for byte."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from reports.leaderboard.column import Column
from reports.leaderboard.leaderboard import Leaderboard
from reports.pictures import examples
from reports.pictures.thumbnails import Thumbnails, data_uri, find_thumbnails
from reports.render.csv import render_csv
from reports.render.json import leaderboard_data, render_json
from reports.render.latex import render_latex
from reports.render.markdown import render_markdown
from reports.site import details, pages
from reports.site.badge import badge
from reports.site.board import board_data
from reports.site.changes import changelog, read_previous
from reports.site.commands import rerun_command
from reports.site.comparison import comparison_data
from reports.site.dataset_page import dataset_facts
from reports.site.entries import BoardEntry, entries_of
from reports.site.pages import Page
from reports.site.schema import schema_text
from reports.site.statuses import statuses_of
from reports.trials.evidence import Evidence, read_evidence
from reports.trials.reading import Trial
from zoo._version import __version__
from zoo.errors import StoreError
from zoo.text import one_line

SUMS_FILE = "SHA256SUMS"
_FILES = ("leaderboard.csv", "leaderboard.json", "leaderboard.md", "leaderboard.tex", "CHANGELOG.md", SUMS_FILE)


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteOptions:
    """How a site is made."""

    title: str = "Leaderboard"
    single_file: bool = False
    """Whether everything stands in ``index.html`` alone."""
    cache: Path | None = None
    """Where decoded datasets lie, for pictures of test images; None: no pictures."""
    declared: tuple[Column, ...] = ()
    """Columns of metrics as a catalog declares them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteSummary:
    """What was written."""

    num_pages: int
    num_files: int
    num_removed: int
    """Files of an earlier publication that are there no more."""


@dataclass(kw_only=True)
class _Pictures:
    """Pictures of test images, each written once."""

    cache: Path | None
    inline: bool
    files: dict[str, bytes] = field(default_factory=dict)
    _found: dict[str, Thumbnails | None] = field(default_factory=dict)

    def of(self, fingerprint: str, sample: int) -> str | None:
        """Return where the picture of a test image is, making it if it is not there yet."""
        if fingerprint not in self._found:
            self._found[fingerprint] = find_thumbnails(self.cache, fingerprint)
        thumbnails = self._found[fingerprint]
        path = f"images/{fingerprint[:12]}-{sample:016x}.png"
        if path not in self.files:
            png = thumbnails.png(sample) if thumbnails else None
            if png is None:
                return None
            self.files[path] = png
        return data_uri(self.files[path]) if self.inline else path

    def made(self, fingerprint: str, sample: int) -> str | None:
        """Return where the picture of a test image is, if it was made."""
        path = f"images/{fingerprint[:12]}-{sample:016x}.png"
        return self.of(fingerprint, sample) if path in self.files else None


def site_files(
    leaderboard: Leaderboard,
    trials: Sequence[Trial],
    options: SiteOptions,
    *,
    earlier: Path | None = None,
    card: str | None = None,
) -> dict[str, bytes]:
    """Return the content of every file of the site, by its path.

    Args:
        leaderboard: What was built from *trials*.
        trials: All of them; their predictions and histories are read.
        options: How the site is made.
        earlier: The folder of an earlier publication, for what moved since.
        card: A model card to go with it.
    """
    entries = entries_of(leaderboard, trials)
    statuses = statuses_of(entries)
    pictures = _Pictures(cache=options.cache, inline=options.single_file)
    data = leaderboard_data(leaderboard)
    newest = max((record.started_at for _, record in trials), default="")[:10]
    site = _site(leaderboard, entries, options, num_trials=len(trials), newest=newest)
    made = _pages(leaderboard, entries, options, statuses, pictures)
    if options.single_file:
        files = {"index.html": pages.render_single(made, site=site).encode("utf-8")}
    else:
        files = {page.path: pages.render_page(page, site=site).encode("utf-8") for page in made}
        for name in (*pages.STYLES, *pages.SCRIPTS, "icon.svg"):
            files[f"assets/{name}"] = pages.asset(name).encode("utf-8")
        files |= pictures.files
    texts = {
        "leaderboard.csv": render_csv(leaderboard, None),
        "leaderboard.json": render_json(leaderboard),
        "leaderboard.schema.json": schema_text(),
        "leaderboard.md": render_markdown(leaderboard),
        "leaderboard.tex": render_latex(leaderboard),
        "badge.svg": badge(entries),
        "CHANGELOG.md": _changelog(earlier, data, newest),
    }
    if card is not None:
        texts["MODEL_CARD.md"] = card
    files |= {name: text.encode("utf-8") for name, text in texts.items()}
    sums = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    files[SUMS_FILE] = sums.encode("utf-8")
    return dict(sorted(files.items()))


def write_site(files: Mapping[str, bytes], folder: Path) -> SiteSummary:
    """Write *files* into *folder*, and remove what an earlier publication wrote there and this one does not.

    Other files stay. Where nothing was published before, nothing that is there is written over.

    Raises:
        StoreError: If a file cannot be written, or one that nobody published stands in the way.
    """
    earlier = published_files(folder)
    foreign = [name for name in files if name not in earlier and (folder / name).exists() and name != SUMS_FILE]
    # A publication that was cut short has no sums of its files; equal content does no harm.
    foreign = [name for name in foreign if not _holds(folder / name, files[name])]
    if foreign and not (folder / SUMS_FILE).is_file():
        raise StoreError(
            f"{folder / foreign[0]} is there and no site's file: choose another folder with -o, or move it away"
        )
    path = folder
    try:
        for name, content in files.items():
            path = folder / name
            if name == SUMS_FILE or _holds(path, content):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        stale = [name for name in earlier if name not in files and (folder / name).is_file()]
        for name in stale:
            path = folder / name
            path.unlink()
        # Last, so that sums that are there are those of files that are there.
        path = folder / SUMS_FILE
        path.write_bytes(files[SUMS_FILE])
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
    return SiteSummary(
        num_pages=sum(name.endswith(".html") for name in files), num_files=len(files), num_removed=len(stale)
    )


def published_files(folder: Path) -> dict[str, str]:
    """Return the sums of the files that were published in *folder*, by their paths; nothing where none were.

    Paths that lead out of the folder are left out.
    """
    try:
        lines = (folder / SUMS_FILE).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    found = {}
    for line in lines:
        digest, _, name = line.partition("  ")
        parts = Path(name).parts
        if len(digest) == 64 and parts and ".." not in parts and not Path(name).is_absolute():
            found[name] = digest
    return found


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False


def _changelog(earlier: Path | None, data: dict[str, Any], newest: str) -> str:
    if earlier is None:
        return changelog("", None, data, newest)
    try:
        text = (earlier / "CHANGELOG.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    return changelog(text, read_previous(earlier / "leaderboard.json"), json.loads(json.dumps(data)), newest)


def _site(
    leaderboard: Leaderboard, entries: Sequence[BoardEntry], options: SiteOptions, *, num_trials: int, newest: str
) -> dict[str, Any]:
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


def _pages(
    leaderboard: Leaderboard,
    entries: Sequence[BoardEntry],
    options: SiteOptions,
    statuses: Mapping[str, str],
    pictures: _Pictures,
) -> list[Page]:
    title = one_line(options.title, max_length=120)
    evidence: dict[str, Evidence | str] = {}
    by_table: dict[str, list[BoardEntry]] = {}
    by_model: dict[str, list[BoardEntry]] = {}
    row_pages = []
    for entry in entries:
        by_table.setdefault(entry.table_id, []).append(entry)
        by_model.setdefault(entry.model_id, []).append(entry)
    data_pages = []
    for table, members in by_table.items():
        # One table's predictions at a time: those of all might not fit in memory.
        evidence = {entry.id: read_evidence(entry.done) for entry in members}
        row_pages += [
            _row_page(entry, leaderboard, evidence[entry.id], statuses[entry.id], pictures, title) for entry in members
        ]
        fingerprint = members[0].table.fingerprint
        compared = comparison_data(members, evidence, partial(pictures.made, fingerprint))
        name = one_line(members[0].table.data)
        data_pages.append(
            Page(
                path=f"data/{table}.html",
                template="data.html",
                title=f"{name} · {title}",
                data={"board": board_data(leaderboard, members, declared=options.declared, statuses=statuses)},
                values={
                    "name": name,
                    "table": members[0].table,
                    "table_id": table,
                    "facts": dataset_facts(members, [evidence[entry.id] for entry in members], options.cache),
                    "can_compare": len(compared["rows"]) > 1,
                },
            )
        )
        if len(compared["rows"]) > 1:
            data_pages.append(
                Page(
                    path=f"compare/{table}.html",
                    template="compare.html",
                    title=f"Compare on {name} · {title}",
                    data={"comparison": compared},
                    values={"name": name, "table_id": table},
                )
            )
    model_pages = [
        Page(
            path=f"models/{model}.html",
            template="model.html",
            title=f"{one_line(members[0].example.spec.architecture.display_name)} · {title}",
            data={"board": board_data(leaderboard, members, declared=options.declared, statuses=statuses)},
            values={
                "name": one_line(members[0].example.spec.architecture.display_name),
                "facts": details.settings(members[0].example)["Network"],
                "family": members[0].family,
            },
        )
        for model, members in by_model.items()
    ]
    index = Page(
        path="index.html",
        template="index.html",
        title=title,
        data={"board": board_data(leaderboard, entries, declared=options.declared, statuses=statuses)},
        values={
            "summary": _summary(entries),
            "data_pages": [
                {"path": f"data/{table}.html", "label": one_line(members[0].table.data)}
                for table, members in by_table.items()
            ],
            "models": [{"path": page.path, "label": page.values["name"]} for page in model_pages],
        },
    )
    return [index, *data_pages, *model_pages, *row_pages]


def _summary(entries: Sequence[BoardEntry]) -> str:
    seeds = sum(len(entry.row.seeds) for entry in entries)
    lost = sum(each.outcome != "missing" for entry in entries for each in entry.row.unfinished)
    models = len({entry.model_id for entry in entries})
    tables = len({entry.table_id for entry in entries})
    text = (
        f"{models:,} model{'' if models == 1 else 's'} on {tables:,} dataset{'' if tables == 1 else 's'}: "
        f"{len(entries):,} rows from {seeds:,} finished trials"
    )
    return f"{text}, and {lost:,} that gave no result." if lost else f"{text}."


def _row_page(
    entry: BoardEntry,
    leaderboard: Leaderboard,
    evidence: Evidence | str,
    status: str,
    pictures: _Pictures,
    title: str,
) -> Page:
    curves = details.curves(entry)
    data: dict[str, Any] = {"loss": curves["loss"], "accuracy": curves["accuracy"]}
    values: dict[str, Any] = {
        "entry": entry,
        "row": entry.row,
        "full_name": one_line(entry.example.spec.architecture.full_name),
        "status": status,
        "facts": details.facts(entry, leaderboard),
        "seeds": details.seed_rows(entry),
        "failures": details.failures(entry),
        "settings": details.settings(entry.example),
        "environment": details.environment(entry.example),
        "provenance": details.provenance(entry),
        "commands": [
            one_line(command, max_length=20_000)
            for command in rerun_command([record for _, record in entry.done] or list(entry.unfinished))
        ],
        "has_curves": bool(curves["loss"]["series"]),
        "problem": evidence if isinstance(evidence, str) else "",
        "classes": [],
        "pairs": [],
        "galleries": [],
        "num_classes": 0,
    }
    if not isinstance(evidence, str):
        fingerprint = entry.table.fingerprint
        show = partial(pictures.of, fingerprint)
        error = entry.row.metrics.get("calibration_error")
        classes = details.per_class(evidence)
        data["reliability"] = details.reliability(evidence, error.mean if error else None)
        data["classes"] = details.class_bars(classes)
        matrix = details.confusion(evidence)
        if matrix is not None:
            data["confusion"] = matrix
        values |= {
            "classes": classes,
            "pairs": examples.worst_pairs(evidence, show),
            "galleries": examples.galleries(evidence, show),
            "num_classes": len(evidence.classes),
        }
    return Page(
        path=f"rows/{entry.id}.html",
        template="row.html",
        title=f"{entry.title} · {title}",
        data=data,
        values=values,
    )
