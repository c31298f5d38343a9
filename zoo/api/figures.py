"""Figures: what was published for weights, as records state it and as the catalog declares it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.trials.reading import Trial
    from zoo.catalog import Catalog


def figure_problems(trials: Sequence[Trial], catalog: Catalog) -> list[str]:
    """Return a sentence for each trial of published weights with another figure than its architecture declares.

    Only weights of architectures that *catalog* has, in the version of the record, are compared; figures of files are
    stated by whoever made them.
    """
    from zoo.calling.containment import head_of
    from zoo.errors import ZooError
    from zoo.text import one_line

    problems = []
    for folder, record in trials:
        classifier, architecture = record.spec.classifier, record.spec.architecture
        if classifier is None or classifier.kind != "published":
            continue
        try:
            entry = catalog.architectures.get(architecture.full_name)
            if entry.provider.version != architecture.provider.version:
                continue
            head = head_of(entry.record, entry.display_name, architecture.options)
        except ZooError:  # not installed here, or an option of another version
            continue
        figures = head.figures if head else ()
        declared = next((figure for figure in figures if figure.metric == "accuracy"), None)
        stated = {classifier.published, record.origin.published if record.origin else classifier.published}
        if stated != {declared}:
            name = one_line(folder.name, max_length=120)
            shown = [
                "none" if each is None else f"{100 * each.value:.2f} % on {one_line(each.dataset, max_length=40)}"
                for each in ((stated - {declared}).pop(), declared)
            ]
            problems.append(
                f"{name}: it states a published accuracy of {shown[0]}, but the catalog declares {shown[1]}"
            )
    return problems
