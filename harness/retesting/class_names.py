"""Class names: how the classes of a further dataset become those of a trial. Nothing is guessed."""

from __future__ import annotations

from collections.abc import Sequence

from harness.planning.class_index import ClassIndex
from harness.planning.class_mapping import ClassMapping
from zoo.class_list import ClassList
from zoo.errors import DataError
from zoo.text import plural


def map_by_name(names: Sequence[str], known: Sequence[str], *, title: str, trained: str) -> ClassMapping:
    """Map classes by name, as :class:`harness.planning.class_index.ClassIndex` finds them.

    Args:
        names: Classes of the dataset.
        known: Classes of the trial.
        title: What error sentences call the dataset.
        trained: What they call that of the trial.

    Raises:
        DataError: If a class has no counterpart, or two have the same one. A class without images there is none.
    """
    if tuple(names) == tuple(known):
        return ClassMapping(columns=None, sentence="")
    index = ClassIndex(ClassList(names=tuple(known)))
    indices, unknown, respelt = [], [], []
    for name in names:
        found = index.find(name)
        if len(found) == 1:
            (column,) = found
            indices.append(column)
            respelt += [] if name == known[column] else [f"{name!r} as {known[column]!r}"]
        else:
            near = index.near(name)
            unknown.append(f"{name!r}{f' (near: {near[0]!r})' if near else ''}")
    if unknown:
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise DataError(
            f"{title}: {plural(len(unknown), 'class', 'classes')} not among the {len(known)} of {trained}: "
            f"{', '.join(unknown[:5])}{more}; give them the same names"
        )
    if len(set(indices)) < len(indices):
        twice = sorted({known[index] for index in indices if indices.count(index) > 1})
        raise DataError(f"{title}: two of its classes would be {twice[0]!r} of {trained}; give them the same names")
    said = []
    if respelt:
        said.append(f"classes read {', '.join(respelt[:5])}{' …' if len(respelt) > 5 else ''}")
    if len(names) < len(known):
        said.append(f"{len(known) - len(names)} of the {len(known)} classes have no images in it")
    return ClassMapping(columns=tuple(indices), sentence="; ".join(said) or "classes in another order, by name")
