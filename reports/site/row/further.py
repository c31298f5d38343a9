"""Further results of a row: other test sets with the drop there, the features under its head, and its search."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.records.record import Record, TestSetKind
from harness.records.spec import SearchSpec
from reports.leaderboard.further_sets import CORRUPTED, WORST_SLICE
from reports.leaderboard.table import FurtherEstimate
from reports.site.entries import BoardEntry
from reports.site.row.facts import shown
from zoo.text import duration, one_line

_KINDS = {TestSetKind.DATASET: "Datasets", TestSetKind.CORRUPTION: "Corruptions", TestSetKind.SLICE: "Slices"}


@dataclass(frozen=True, kw_only=True, slots=True)
class FurtherLine:
    """A further test set on the page of a row."""

    name: str
    images: str
    accuracy: str
    """Accuracy in percent, with its 95 % interval."""
    drop: str
    """Accuracy on the row's own test set minus that on this one, in percentage points, with its 95 % interval."""
    is_whole: bool = False
    """Whether it sums up those of its group."""


def further_sets(entry: BoardEntry) -> dict[str, list[FurtherLine]]:
    """Return the further test sets of a row by kind, each group with what sums it up last; empty without any."""
    groups: dict[str, list[FurtherLine]] = {}
    wholes = (CORRUPTED, WORST_SLICE)
    for key, estimate in sorted(entry.row.further.items(), key=lambda pair: pair[0] in wholes):
        name = one_line(estimate.source, max_length=120)
        if key == CORRUPTED:
            name = f"mean over {name}"
        elif key == WORST_SLICE:
            name = f"lowest of {estimate.num_sets}: {name}"
        groups.setdefault(_KINDS[estimate.kind], []).append(
            FurtherLine(
                name=name,
                images=f"{estimate.num_images:,}" if estimate.num_images and key not in wholes else "",
                accuracy=_accuracy(estimate),
                drop=_drop(estimate),
                is_whole=key in wholes,
            )
        )
    return {kind: groups[kind] for kind in _KINDS.values() if kind in groups}


def _accuracy(estimate: FurtherEstimate) -> str:
    accuracy = estimate.accuracy
    text = f"{100 * accuracy.mean:.1f}"
    if accuracy.low is None or accuracy.high is None:
        return text
    return f"{text} [{100 * accuracy.low:.1f}, {100 * accuracy.high:.1f}]"


def _drop(estimate: FurtherEstimate) -> str:
    drop = estimate.drop
    if drop is None:
        return ""
    text = _points(drop.mean)
    if not (math.isfinite(drop.low) and math.isfinite(drop.high)):
        return text
    return f"{text} [{_points(drop.low)}, {_points(drop.high)}]"


def _points(share: float) -> str:
    value = round(100 * share, 1)
    return f"−{abs(value):.1f}" if value < 0 else f"{value + 0.0:.1f}"


def feature_facts(record: Record) -> list[tuple[str, str]]:
    """Return where the features under the head of a row come from; none if no head was fitted to features."""
    features = record.features
    if features is None:
        return []
    facts = [
        ("layer", features.layer),
        ("features per image", f"{features.num_features:,}"),
        ("SHA-256 of the backbone", features.weights),
        ("training images of the head", f"{features.num_train:,}"),
        ("views of each", f"{features.views:,}" if features.views > 1 else ""),
        ("head", "the network's own" if features.own_head else "a new one behind the backbone"),
        *((f"chosen on validation images: {name}", f"{value}") for name, value in features.chosen.items()),
    ]
    return [(one_line(name, max_length=100), one_line(text)) for name, text in facts if text]


def search_facts(record: Record) -> list[tuple[str, str]]:
    """Return what the search for the settings of a row was; none if they were not searched."""
    search = record.search
    if search is None:
        return []
    facts = [
        ("budget", search.budget),
        ("trials", f"{search.trials:,}" if search.trials else ""),
        ("time of the trials", duration(search.seconds) if search.seconds else ""),
        ("sampler", search.sampler),
        ("pruner", "" if search.pruner == "none" else search.pruner),
        ("objective", search.objective.replace("_", " ")),
        ("objective of the chosen trial", _value(search.best_value)),
        ("objective of the recipe's own settings", _value(search.default_value)),
        ("learning rate that its range test suggests", _suggestion(search)),
        *((key, _setting(search, key)) for key in search.space),
    ]
    return [(one_line(name, max_length=100), one_line(text)) for name, text in facts if text]


def _value(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _suggestion(search: SearchSpec) -> str:
    if search.lr_test is None:
        return ""
    return f"none: {search.lr_test.problem}" if search.lr_test.suggestion is None else f"{search.lr_test.suggestion:g}"


def _setting(search: SearchSpec, key: str) -> str:
    own = search.default_settings.get(key)
    chosen = search.settings.get(key, own)
    before = "" if own is None else f", the recipe's own {shown(own)}"
    return f"{'unknown' if chosen is None else shown(chosen)} of {search.space[key]}{before}"
