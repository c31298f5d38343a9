"""The index of a head's classes: which of them a name may mean. Nothing is guessed: a doubtful name means several."""

from __future__ import annotations

import re

from zoo.class_list import ClassList
from zoo.names import near_names, plain_name

WORDNET = re.compile(r"(n\d{8})(?![0-9a-z])", re.IGNORECASE)
"""A WordNet identifier at the start of a name."""


class ClassIndex:
    """The classes of a head by identifier and by each of their names.

    A class is found by its identifier (``n02219486``, also at the start of a name), by its name, or by one of the names
    in it that commas separate. The exact name comes first; else case, spaces, hyphens and underscores do not count.
    """

    def __init__(self, head: ClassList) -> None:
        self._head = head
        self._ids = {each.lower(): column for column, each in enumerate(head.ids)}
        self._exact: dict[str, set[int]] = {}
        self._names: dict[str, set[int]] = {}
        self._synonyms: dict[str, set[int]] = {}
        for column, name in enumerate(head.names):
            self._exact.setdefault(name, set()).add(column)
            self._names.setdefault(plain_name(name), set()).add(column)
            for synonym in name.split(","):
                self._synonyms.setdefault(plain_name(synonym), set()).add(column)

    def find(self, name: str, *, by_index: bool = False) -> set[int]:
        """Return the columns that a name, or a number *by_index*, may mean; none or several if it is doubtful."""
        wordnet = WORDNET.match(name)
        if wordnet and self._ids:
            column = self._ids.get(wordnet[1].lower())
            return set() if column is None else {column}
        if name.isdecimal() and name not in self._names and int(name) < len(self._head) and by_index:
            return {int(name)}
        if name.lower() in self._ids:
            return {self._ids[name.lower()]}
        plain = plain_name(name)
        found = self._exact.get(name) or self._names.get(plain) or self._synonyms.get(plain) or set()
        return set(found)

    def near(self, name: str) -> list[str]:
        """Return names of classes that are spelt alike, the nearest first."""
        return [self._head.names[min(self._synonyms[each])] for each in near_names(plain_name(name), self._synonyms)]
