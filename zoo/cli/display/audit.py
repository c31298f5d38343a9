"""Audits of datasets as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from zoo.cli.display.text import TextColumn, table_lines
from zoo.text import clean, plural

if TYPE_CHECKING:
    from harness.data.audits.audit import DatasetAudit, SplitAudit
    from harness.data.audits.duplicates import Duplicates, EqualImages
    from harness.data.audits.native_sizes import NativeSizes
    from harness.data.audits.preparation_effect import PreparationEffect

MAX_CLASSES = 20
"""Number of classes up to which all are shown; with more, only the largest and the smallest are."""
MAX_UNREADABLE = 20
MAX_PAIRS = 5
_MAX_NAMES = 10

_SPLIT_COLUMNS = (
    TextColumn(title="split"),
    TextColumn(title="images", right=True),
    TextColumn(title="unreadable", right=True),
    TextColumn(title="smallest class", right=True),
    TextColumn(title="largest class", right=True),
    TextColumn(title="imbalance", right=True),
    TextColumn(title="comes from", shrink=1, least=12),
)


def audit_lines(audit: DatasetAudit, *, width: int | None) -> list[str]:
    """Return an audit as lines; its tables are no wider than *width* cells."""
    return [
        click.style(clean(f"{audit.name} ({audit.full_name})"), bold=True),
        *_head(audit),
        "",
        *_table(_SPLIT_COLUMNS, [_split_row(each, audit) for each in audit.splits], width),
        "",
        *_balance(audit, width),
        "",
        *_absent(audit.splits),
        *_unreadable(audit.splits),
        *_duplicates(audit.duplicates),
        *(clean(f"note: {each}") for each in audit.notes),
        "",
        *_verdict(audit),
    ]


def _head(audit: DatasetAudit) -> Iterator[str]:
    facts = {
        "source": audit.source or "unknown",
        "provider": audit.provider,
        "fingerprint": audit.fingerprint or "none, because it cannot be prepared",
        "classes": f"{len(audit.classes):,}: {_some(audit.classes)}",
        "stored as": _sizes(audit.native_sizes),
        "prepared as": f"{audit.image_size}×{audit.image_size} pixels, {_channels(audit.channels)}",
        "effect": _effect(audit.effect),
        "mean": _numbers(audit.mean),
        "std": _numbers(audit.std),
    }
    for name, value in facts.items():
        if value:
            yield clean(f"{name:<12} {value}")


def _sizes(sizes: NativeSizes | None) -> str:
    if sizes is None:
        return "no image can be read"
    total_of = {f"{each.width}×{each.height}": each.num_images for each in sizes.common}
    grey = f"; {sizes.num_grey:,} of the images in grey" if sizes.num_grey else ""
    if sizes.distinct == 1:
        return f"{next(iter(total_of))} pixels, all images{grey}"
    width, height = (f"{low}–{median:g}–{high}" for low, median, high in (sizes.width, sizes.height))
    common = ", ".join(f"{size} ({count:,})" for size, count in list(total_of.items())[:3])
    return (
        f"{sizes.distinct:,} sizes; width {width}, height {height} pixels (smallest–median–largest); "
        f"most often {common}{grey}"
    )


def _effect(effect: PreparationEffect | None) -> str:
    if effect is None:
        return ""
    words = []
    if effect.discarded >= 0.005:
        words.append(
            f"{effect.discarded:.0%} of the area is cropped away, up to {effect.most_discarded:.0%} of an image"
        )
    if effect.num_enlarged:
        largest = effect.largest_enlargement
        most = f", at most {largest:.1f} times" if largest > effect.enlargement else ""
        words.append(f"{effect.num_enlarged:,} image(s) are enlarged {effect.enlargement:.1f} times{most}")
    return f"{'; '.join(words) or 'nothing is cropped or enlarged'} ({effect.preparation})"


def _split_row(split: SplitAudit, audit: DatasetAudit) -> tuple[object, ...]:
    carved = [each.name for each in audit.splits if each.carved_from == split.name]
    less = f", less {' and '.join(carved)}" if carved else ""
    present = [count for count in split.counts if count]
    return (
        split.name,
        f"{split.num_images:,}",
        f"{len(split.unreadable):,}",
        f"{min(present):,}" if present else "",
        f"{max(present):,}" if present else "",
        f"{split.imbalance:.2f}" if split.imbalance is not None else "",
        f"taken from {split.carved_from}" if split.carved_from else f"the source{less}",
    )


def _balance(audit: DatasetAudit, width: int | None) -> list[str]:
    columns = [TextColumn(title="class", shrink=1, least=12)]
    for split in audit.splits:
        columns += [TextColumn(title=split.name, right=True), TextColumn(title="%", right=True)]
    rows: list[tuple[object, ...]] = [
        (label, *(cell for split in audit.splits for cell in _share(split, k))) for k, label in enumerate(audit.classes)
    ]
    if len(rows) > MAX_CLASSES:
        totals = [sum(split.counts[k] for split in audit.splits) for k in range(len(rows))]
        order = sorted(range(len(rows)), key=lambda k: (-totals[k], k))
        half = MAX_CLASSES // 2
        between = (f"… {len(rows) - MAX_CLASSES:,} classes between", *[""] * (len(columns) - 1))
        rows = [*(rows[k] for k in order[:half]), between, *(rows[k] for k in order[-half:])]
    return _table(columns, rows, width)


def _share(split: SplitAudit, k: int) -> tuple[str, str]:
    count = split.counts[k]
    return f"{count:,}", f"{100 * count / split.num_images:.1f}" if split.num_images else ""


def _absent(splits: Iterable[SplitAudit]) -> Iterator[str]:
    for split in splits:
        if split.absent:
            yield clean(f"classes without a {split.name} image: {len(split.absent):,}: {_some(split.absent)}")


def _unreadable(splits: Sequence[SplitAudit]) -> Iterator[str]:
    if not any(split.unreadable for split in splits):
        yield "unreadable images: none"
    for split in splits:
        if not split.unreadable:
            continue
        outcome = (
            "left out of training" if split.unreadable_outcome == "left out" else "the dataset cannot be used with them"
        )
        yield f"unreadable {split.name} images: {len(split.unreadable):,}, {outcome}"
        for each in split.unreadable[:MAX_UNREADABLE]:
            yield "  " + clean(f"{_quoted(each.path or each.id)}: {each.reason}")
        yield from _rest(len(split.unreadable) - MAX_UNREADABLE)


def _duplicates(duplicates: Sequence[Duplicates]) -> Iterator[str]:
    if not duplicates:
        yield "exact duplicates, by decoded pixels: none"
    for each in duplicates:
        if len(each.splits) == 1:
            images = plural(each.num_images, "image")
            yield f"exact duplicates within {each.splits[0]}: {images} equal to an earlier one"
        else:
            first, second = each.splits
            images = plural(each.num_images, f"{second} image")
            yield f"exact duplicates across {first} and {second}: {images} also in {first}"
        yield from _pairs(each.twins)
        if each.conflicts:
            yield f"  with different labels: {each.num_conflicting:,}"
            yield from _pairs(each.conflicts)


def _pairs(twins: Sequence[EqualImages]) -> Iterator[str]:
    for each in twins[:MAX_PAIRS]:
        first, second = map(_quoted, each.ids)
        one, other = each.classes
        yield "  " + clean(f"{first} = {second} ({one if one == other else f'{one} and {other}'})")
    yield from _rest(len(twins) - MAX_PAIRS)


def _rest(count: int) -> Iterator[str]:
    if count > 0:
        yield f"  … and {count:,} more (--format json lists all)"


def _verdict(audit: DatasetAudit) -> Iterator[str]:
    for each in audit.problems:
        yield clean(f"wrong: {each}")
    if audit.error:
        yield clean(f"the dataset cannot be used: {audit.error}")
    if not audit.problems:
        total = sum(split.num_images for split in audit.splits)
        groups = "" if audit.num_groups is None else f", none of {plural(audit.num_groups, 'group')} is in two splits"
        yield (
            f"no problem found in {plural(total, 'image')}: all can be read, none is in two splits or has two labels "
            f"(compared by equal pixels){groups}, and no image file was left out; whether labels are right, and near "
            "duplicates, were not checked"
        )


def _table(columns: Sequence[TextColumn], rows: Iterable[Sequence[object]], width: int | None) -> list[str]:
    heading, *lines = table_lines(columns, rows, width=width)
    return [click.style(heading, bold=True), *lines]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_MAX_NAMES]) + (" …" if len(names) > _MAX_NAMES else "")


def _channels(count: int) -> str:
    return "one channel" if count == 1 else f"{count} channels"


def _numbers(values: Sequence[float] | None) -> str:
    return " ".join(f"{value:.4f}" for value in values) if values else "unknown, because no training image can be read"


def _quoted(name: str) -> str:
    """Return a name so that all its characters show: line breaks and blanks at its ends are part of a file name."""
    return name if name.isprintable() and name == name.strip() else repr(name)
