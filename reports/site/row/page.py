"""The page of one row: seeds, learning curves, predictions, settings and provenance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from reports.leaderboard.columns.column import Column
from reports.pictures import examples
from reports.site.commands import reproduction
from reports.site.entries import BoardEntry
from reports.site.illustrations import Illustrations
from reports.site.options import SiteOptions
from reports.site.pages import Page
from reports.site.publications import Publications, row_history
from reports.site.row import charts
from reports.site.row import facts as row_facts
from reports.site.row.citation import citation_of
from reports.site.row.further import feature_facts, further_sets, search_facts
from reports.site.row.learning_curves import Curves, row_charts
from reports.site.row.neighbours import neighbours
from reports.site.row.searches import searches_of
from reports.site.statuses import RowVerdict
from reports.trials.evidence import Evidence
from zoo.text import one_line


@dataclass(frozen=True, kw_only=True, slots=True)
class RowSources:
    """What was read about a row beside its records."""

    evidence: Evidence | str
    """Predictions of the row, or why there are none."""
    curves: Curves
    verdict: RowVerdict
    publications: Publications


def row_page(
    entry: BoardEntry,
    members: Sequence[BoardEntry],
    columns: Sequence[Column],
    sources: RowSources,
    pictures: Illustrations,
    options: SiteOptions,
) -> Page:
    """Return the page of one row."""
    evidence, title = sources.evidence, one_line(options.title, max_length=120)
    learning = row_charts(sources.curves)
    seeds = row_facts.seed_rows(entry)
    groups = row_facts.facts(entry, columns)
    around = neighbours(entry, members)
    data: dict[str, Any] = {"loss": learning["loss"], "accuracy": learning["accuracy"], "around": around.get("chart")}
    values: dict[str, Any] = {
        "entry": entry,
        "row": entry.row,
        "full_name": one_line(entry.example.spec.architecture.full_name),
        "verdict": sources.verdict,
        "groups": groups,
        "headline": row_facts.headline(groups),
        "around": around,
        "citation": citation_of(entry, title),
        "seeds": seeds,
        "filled": row_facts.filled_columns(seeds),
        "failures": row_facts.failures(entry),
        "further": further_sets(entry),
        "settings": {
            **row_facts.settings(entry.example),
            **{name: facts for name, facts in _parts(entry).items() if facts},
        },
        "environment": row_facts.environment(entry.example),
        "provenance": row_facts.provenance(entry),
        "again": reproduction([record for _, record in entry.done] or list(entry.unfinished), options.defaults),
        "searches": searches_of(entry),
        "num_seeds": len(entry.done),
        "warnings": row_facts.warnings(seeds),
        # A single epoch is a point, not a curve.
        "has_curves": any(len(each["x"]) > 1 for kind in ("loss", "accuracy") for each in learning[kind]["series"]),
        "history": row_history(sources.publications, entry.id),
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
        classes = charts.per_class(evidence)
        if evidence.has_scores:
            data["reliability"] = charts.reliability(evidence, error.mean if error else None)
        data["classes"] = charts.class_bars(classes)
        matrix = charts.confusion(evidence)
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


def _parts(entry: BoardEntry) -> dict[str, list[tuple[str, str]]]:
    return {"Features": feature_facts(entry.example), "Search": search_facts(entry.example)}
