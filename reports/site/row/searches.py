"""The search of a tuned row on its page: what was tried, what it gave, and which settings mattered."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from markupsafe import Markup

from harness.records.study_file import FOLDER, StudyFile, read_study, study_path
from reports.pictures.parallel import parallel_svg
from reports.site.entries import BoardEntry
from reports.statistics.expected_best import expected_best
from zoo.errors import StoreError
from zoo.options import Option
from zoo.space import values_text
from zoo.text import duration, one_line


def searches_of(entry: BoardEntry) -> list[dict[str, Any]]:
    """Return what the page shows of each search of a row; nothing of one whose file is missing or damaged."""
    found = {}
    for folder, record in entry.done:
        if record.search is None or record.search.repeat in found:
            continue
        try:
            study = read_study(study_path(folder.parent / FOLDER, record.search.study, record.search.repeat))
        except StoreError:
            continue
        if study is not None:
            search = record.search
            own = study.until(search.trials, budget=search.budget, best=search.best)
            found[search.repeat] = _section(own, search.default_settings)
    return [found[repeat] for repeat in sorted(found)]


def _section(study: StudyFile, default: Mapping[str, Option]) -> dict[str, Any]:
    done = [each for each in study.trials if each.outcome == "done" and each.value is not None]
    values = [each.value for each in done if each.value is not None]
    numbers = [each.number for each in done]
    # Trial 0 states no settings: it keeps those that the search began with.
    settings = [each.values or default for each in done]
    draws = list(range(1, len(values) + 1))
    series = [
        {"label": "each trial", "colour": 0, "dashed": True, "x": numbers, "y": values},
        {"label": "best so far", "colour": 1, "dashed": False, "x": numbers, "y": list(accumulate(values, max))},
    ]
    expected = {"label": "expected best", "colour": 2, "dashed": False, "x": draws, "y": expected_best(values)}
    return {
        "sampler": one_line(study.sampler if study.pruner == "none" else f"{study.sampler}, {study.pruner}"),
        "budget": one_line(study.budget),
        "history": {"series": series, "xTitle": "trial", "yTitle": "validation accuracy, %", "isShare": True},
        "expected": {
            "series": [expected],
            "xTitle": "number of trials",
            "yTitle": "validation accuracy, %",
            "isShare": True,
        },
        "picture": Markup(parallel_svg(study.space, settings, values)),
        "importances": [
            (one_line(key.removeprefix("recipe.")), f"{100 * share:.0f} %")
            for key, share in sorted(study.importances.items(), key=lambda pair: -pair[1])
        ],
        "trials": [
            {
                "number": each.number,
                "settings": one_line(values_text(each.values) or "the recipe's own settings"),
                "outcome": one_line(each.outcome if each.same_as is None else f"same as trial {each.same_as}"),
                "value": "–" if each.value is None else f"{100 * each.value:.1f}",
                "time": duration(each.seconds),
                "is_best": each.number == study.best,
            }
            for each in study.trials
        ],
    }
