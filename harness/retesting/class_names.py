"""Class names: how the classes of a further dataset become those of a trial. Nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.errors import DataError
from zoo.names import near_names
from zoo.text import plural


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ClassMapping:
    """The classes of a dataset as those of a trial."""

    indices_K: NDArray[np.int64]
    """Index among the trial's classes, for each class of the dataset."""
    sentence: str
    """What was done; empty if the classes are the same in the same order."""


def map_classes(names: Sequence[str], known: Sequence[str], *, title: str, trained: str) -> ClassMapping:
    """Map classes by name: exactly, or else regardless of case, spaces, hyphens and underscores.

    Args:
        names: Classes of the dataset.
        known: Classes of the trial.
        title: What error sentences call the dataset.
        trained: What they call that of the trial.

    Raises:
        DataError: If a class has no counterpart, or two have the same one. A class without images there is none.
    """
    if tuple(names) == tuple(known):
        return ClassMapping(indices_K=np.arange(len(known)), sentence="")
    exact = {name: index for index, name in enumerate(known)}
    loose: dict[str, list[int]] = {}
    for index, name in enumerate(known):
        loose.setdefault(_plain(name), []).append(index)
    indices, unknown, respelt = [], [], []
    for name in names:
        found = [exact[name]] if name in exact else loose.get(_plain(name), [])
        if len(found) == 1:
            indices.append(found[0])
            respelt += [] if name in exact else [f"{name!r} as {known[found[0]]!r}"]
        else:
            near = near_names(name, known)
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
    return ClassMapping(
        indices_K=np.array(indices, dtype=np.int64), sentence="; ".join(said) or "classes in another order, by name"
    )


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).casefold()
