"""The pages of a site: the index, and one for each row, dataset, model and comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from reports.leaderboard.leaderboard import Leaderboard
from reports.site.board import board_data, board_parts, plain_tables
from reports.site.comparison import comparison_data
from reports.site.dataset_page import dataset_facts
from reports.site.entries import BoardEntry
from reports.site.illustrations import Illustrations
from reports.site.options import SiteOptions
from reports.site.overall_section import overall_section
from reports.site.pages import Page
from reports.site.publications import Publications, courses, moved
from reports.site.row.facts import settings
from reports.site.row.learning_curves import curves_of
from reports.site.row.page import RowSources, row_page
from reports.site.statuses import RowVerdict
from reports.trials.evidence import Evidence, read_evidence
from zoo.text import one_line, plural


def site_pages(
    leaderboard: Leaderboard,
    entries: Sequence[BoardEntry],
    options: SiteOptions,
    verdicts: Mapping[str, RowVerdict],
    pictures: Illustrations,
    publications: Publications,
) -> list[Page]:
    """Return all pages of a site; the index comes first."""
    title = one_line(options.title, max_length=120)
    parts = board_parts(leaderboard, options.declared, courses(publications))
    evidence: dict[str, Evidence | str] = {}
    by_table: dict[str, list[BoardEntry]] = {}
    by_model: dict[str, list[BoardEntry]] = {}
    row_pages = []
    for entry in entries:
        by_table.setdefault(entry.table_id, []).append(entry)
        by_model.setdefault(entry.model_id, []).append(entry)
    data_pages = []
    for table, members in by_table.items():
        # Predictions are read one table at a time: those of all tables might not fit in memory.
        evidence = {entry.id: read_evidence(entry.done) for entry in members}
        curves = {entry.id: curves_of(entry) for entry in members}
        row_pages += [
            row_page(
                entry,
                members,
                parts.columns,
                RowSources(
                    evidence=evidence[entry.id],
                    curves=curves[entry.id],
                    verdict=verdicts[entry.id],
                    publications=publications,
                ),
                pictures,
                options,
            )
            for entry in members
        ]
        fingerprint = members[0].table.fingerprint
        compared = comparison_data(
            members,
            evidence,
            partial(pictures.made, fingerprint),
            curves=curves,
            ranks_are_of_accuracy=leaderboard.sort_by == "accuracy",
        )
        name = one_line(members[0].table.data)
        data_pages.append(
            Page(
                path=f"data/{table}.html",
                template="data.html",
                title=f"{name} · {title}",
                data={"board": board_data(members, parts, verdicts=verdicts)},
                values={
                    "name": name,
                    "plain": plain_tables(members, parts),
                    "table": members[0].table,
                    "table_id": table,
                    "facts": dataset_facts(members, [evidence[entry.id] for entry in members]),
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
            data={"board": board_data(members, parts, verdicts=verdicts)},
            values={
                "name": one_line(members[0].example.spec.architecture.display_name),
                "facts": _model_facts(members),
                "family": members[0].family,
                "plain": plain_tables(members, parts),
            },
        )
        for model, members in by_model.items()
    ]
    overall = overall_section(leaderboard, parts.columns)
    index = Page(
        path="index.html",
        template="index.html",
        title=title,
        data={"board": board_data(entries, parts, verdicts=verdicts), "overall": overall.get("chart")},
        values={
            "summary": _summary(entries),
            "plain": plain_tables(entries, parts),
            "overall": overall,
            "moved": moved(publications, entries),
            "data_pages": [
                {"path": f"data/{table}.html", "label": one_line(members[0].table.data)}
                for table, members in by_table.items()
            ],
            "models": [{"path": page.path, "label": page.values["name"]} for page in model_pages],
        },
    )
    return [index, *data_pages, *model_pages, *row_pages]


def _model_facts(members: Sequence[BoardEntry]) -> list[tuple[str, str]]:
    """Return the facts of a model on all its rows; one that depends on the row, such as its mean, lists up to three."""
    found: dict[str, dict[str, None]] = {}
    for entry in members:
        for label, value in settings(entry.example)["Model"]:
            found.setdefault(label, {})[value] = None
    return [(label, " or ".join(each) if len(each) < 4 else "depends on the row") for label, each in found.items()]


def _summary(entries: Sequence[BoardEntry]) -> str:
    seeds = sum(len(entry.row.seeds) for entry in entries)
    lost = sum(each.outcome != "missing" for entry in entries for each in entry.row.unfinished)
    models = len({entry.model_id for entry in entries})
    tables = len({entry.table_id for entry in entries})
    text = (
        f"{plural(models, 'model')} on {plural(tables, 'dataset')}: "
        f"{plural(len(entries), 'row')} from {plural(seeds, 'finished trial')}"
    )
    return f"{text}; {plural(lost, 'trial')} without a result." if lost else f"{text}."
