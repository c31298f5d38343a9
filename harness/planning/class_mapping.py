"""Class mappings: which class of a head is which class of a dataset, by identifier, name or index.

A class is found if :mod:`~.class_index` finds a single class of the head. Classes are matched by index only if one side
has nothing but numbers for names and both have as many classes, or if the user says so. Anything else is an error that
lists the doubtful names.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.planning.class_index import WORDNET, ClassIndex
from zoo.class_list import ClassList
from zoo.errors import UsageError
from zoo.files.plain_files import LIST, read_text
from zoo.names import short_hash

ClassMap = Literal["auto", "index"] | dict[str, str]
"""How classes are matched, or the head's class of some of the dataset's."""

_MOST_SHOWN = 5
REMEDY = "--class-map FILE with the columns dataset class and head class"


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassMapping:
    """The classes of a dataset as those of a head."""

    columns: tuple[int, ...] | None
    """Column of the head's logits for each class of the dataset; None: both have the same classes in the same order."""
    sentence: str
    """How they were found; empty if the two are the same."""


def map_classes(
    head: ClassList, classes: Sequence[str], *, over: str = "subset", how: ClassMap = "auto"
) -> ClassMapping:
    """Return the columns of the logits for the classes of a dataset.

    Args:
        head: Classes of the head.
        classes: Classes of the dataset.
        over: ``subset``: only the dataset's classes compete for the highest logit; ``all``: all of the head's.
        how: ``auto``, ``index``, or the head's class (name, identifier or index) of some of the dataset's.

    Raises:
        UsageError: If a class is not in the head, or it is doubtful which one it is.
    """
    if how == "auto" and tuple(classes) == head.names:
        return ClassMapping(columns=None, sentence="")
    by_index = how == "index" or (how == "auto" and len(classes) == len(head) and _is_by_index(head, classes))
    if by_index:
        columns, found_by = _by_index(head, classes), "index"
    else:
        given = {} if isinstance(how, str) else how
        columns, found_by = _by_name(head, classes, given)
    if columns == list(range(len(head))):
        return ClassMapping(columns=None, sentence=f"classes matched by {found_by}")
    return ClassMapping(columns=tuple(columns), sentence=_sentence(head, classes, over, found_by))


def read_class_map(text: str) -> ClassMap:
    """Return what ``--class-map`` asks for: ``auto``, ``index``, or the pairs of a CSV file.

    Raises:
        UsageError: If the file cannot be read, or a line of it is no pair.
    """
    if text == "auto":
        return "auto"
    if text == "index":
        return "index"
    path = Path(text)
    try:
        rows = [row for row in csv.reader(read_text(path, LIST).splitlines()) if any(map(str.strip, row))]
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"--class-map {text}: expected auto, index or a CSV file: {reason}") from error
    found: dict[str, str] = {}
    for row in rows:
        if len(row) != 2 or not all(map(str.strip, row)):
            raise UsageError(f"--class-map {text}: expected two columns, dataset class and head class, got {row}")
        name, meant = map(str.strip, row)
        if found.setdefault(name, meant) != meant:
            raise UsageError(f"--class-map {text}: {name!r} is both {found[name]!r} and {meant!r}; give one head class")
    if not found:
        raise UsageError(f"--class-map {text}: it has no lines")
    return found


def competing(columns: Sequence[int], num_classes: int, over: str) -> list[int]:
    """Return the columns whose logits compete: those of the dataset's classes, followed by the others for ``all``."""
    if over == "subset":
        return list(columns)
    chosen = set(columns)
    return [*columns, *(column for column in range(num_classes) if column not in chosen)]


def _sentence(head: ClassList, classes: Sequence[str], over: str, found_by: str) -> str:
    if len(classes) == len(head):
        return f"classes matched by {found_by}"
    among = f"these {len(classes):,}" if over == "subset" else f"all {len(head):,}"
    return (
        f"{len(classes):,} of the head's {len(head):,} classes, matched by {found_by}; "
        f"the highest logit among {among} counts"
    )


def _is_by_index(head: ClassList, classes: Sequence[str]) -> bool:
    numbers = [str(number) for number in range(len(head))]
    return list(head.names) == numbers or [name.lstrip("0") or "0" for name in classes] == numbers


def _by_index(head: ClassList, classes: Sequence[str]) -> list[int]:
    if len(classes) != len(head):
        raise UsageError(
            f"the head has {len(head):,} classes and the dataset has {len(classes):,}, so index cannot match them"
        )
    return list(range(len(head)))


def _by_name(head: ClassList, classes: Sequence[str], given: Mapping[str, str]) -> tuple[list[int], str]:
    index = ClassIndex(head)
    unknown = [name for name in given if name not in set(classes)]
    if unknown:
        raise UsageError(f"the class map names {_listed(unknown)}, which the dataset does not have")
    found = {name: index.find(given.get(name, name), by_index=name in given) for name in classes}
    missing = [name for name, hits in found.items() if not hits]
    doubtful = {name: hits for name, hits in found.items() if len(hits) > 1}
    if missing or doubtful:
        raise UsageError(_problem(head, classes, index, missing, doubtful))
    columns = [next(iter(found[name])) for name in classes]
    taken: dict[int, str] = {}
    for name, column in zip(classes, columns, strict=True):
        if column in taken:
            raise UsageError(
                f"{taken[column]!r} and {name!r} of the dataset are both the head's class {head.names[column]!r}; "
                f"give {REMEDY}"
            )
        taken[column] = name
    if given:
        return columns, f"a given map ({short_hash(repr(sorted(given.items())), 7)})"
    return columns, "identifier" if all(map(WORDNET.match, classes)) else "name"


def _problem(
    head: ClassList, classes: Sequence[str], index: ClassIndex, missing: Sequence[str], doubtful: Mapping[str, set[int]]
) -> str:
    parts = []
    if missing:
        near = {name: ", ".join(map(repr, index.near(name))) for name in missing[:_MOST_SHOWN]}
        shown = [f"{name!r} (near: {each})" if each else repr(name) for name, each in near.items()]
        parts.append(
            f"{len(missing):,} of {len(classes):,} classes are not among the head's {len(head):,}: {', '.join(shown)}"
            f"{' …' if len(missing) > _MOST_SHOWN else ''}"
        )
    if doubtful:
        shown = [
            f"{name!r} ({' or '.join(repr(head.names[column]) for column in sorted(hits)[:_MOST_SHOWN])})"
            for name, hits in list(doubtful.items())[:_MOST_SHOWN]
        ]
        parts.append(
            f"{len(doubtful):,} of {len(classes):,} classes could be several of the head's: {', '.join(shown)}"
            f"{' …' if len(doubtful) > _MOST_SHOWN else ''}"
        )
    by_index = ", or --class-map index" if len(head) == len(classes) else ""
    return f"{'; '.join(parts)}; give {REMEDY}{by_index}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:_MOST_SHOWN])) + (" …" if len(names) > _MOST_SHOWN else "")
