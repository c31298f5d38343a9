"""Labels: how class names are normalised, compared and ordered. The same rules apply to every source.

==============================================  ==================================================================
names                                           outcome
==============================================  ==================================================================
that differ in white space at their ends, or    one class
in the encoding of accents (Unicode NFC)
that differ in case, between words (``a b``,    an error that lists them; ``data.twins=merge`` makes them one
``a_b``) or full-width characters, or are       class, ``data.twins=keep`` keeps them apart
equal numbers (``1``, ``01``, ``1.0``)
``nan``, ``NaN``, ``<NA>``                      an error in tables: a missing label as written by pandas
``['cat']``, ``["cat", "dog"]``                 a note: a list written as text, as pandas does
``cat dog`` beside ``cat`` and ``dog``          a note: several labels in one cell
``None``, ``null``, ``N/A``                     a note: what programs write for a missing label
with NUL, or nothing that can be printed        an error: a binary number, or a damaged file
==============================================  ==================================================================

Names are sorted as numbers if all of them are numbers. Otherwise they are sorted alphabetically, with the numbers in
them compared as numbers: ``class2`` comes before ``class10``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from decimal import Decimal

from zoo.errors import DataError, UsageError
from zoo.text import one_line, plural

MISSING = frozenset({"nan", "NaN", "NAN", "<NA>", "NaT"})
"""Representations of missing values in cells that should have been left empty."""

_UNKNOWN = "-1"
"""What stands for a label that is not public or not known, where classes are counted from 0."""
_INVISIBLE = "\ufeff\u200b\u2060"
"""Zero-width characters that programs leave at the ends of cells, such as byte order marks."""
_LIST = re.compile(r"""\[\s*(['"]).*\1\s*\]""", re.DOTALL)
"""Lists of strings written as text, as pandas writes a column of lists into CSV."""
_BETWEEN_WORDS = re.compile(r"(?<=[^\W_])[\s_-]+(?=[^\W_])")
"""What stands between the words of a name: ``golden retriever``, ``golden_retriever``; not ``-`` alone."""
_NOTHING = frozenset({"none", "null", "n/a", "#n/a", "na"})
"""What programs write for a missing label, in lower case, and what may be the name of a class as well."""
_SEVERAL = re.compile(r"[\s,;|/+&]+")
"""What separates several labels in one cell."""
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")
_DIGITS = re.compile("([0-9]+)")


def tidy(text: str) -> str:
    """Return the name of a class or a group in Unicode NFC and without white space at its ends."""
    before, after = "", unicodedata.normalize("NFC", text)
    while before != after:  # white space may be behind invisible characters, and vice versa
        before, after = after, after.strip().strip(_INVISIBLE)
    return after


def _is_binary(name: str) -> bool:
    """Return whether a name is no text. Other control characters beside text are shown by their numbers."""
    return "\0" in name or all(unicodedata.category(mark) == "Cc" for mark in name)


def folded(name: str) -> str | Decimal:
    """Return a key that is equal for twins: names that differ in case, width or between words, and equal numbers."""
    plain = unicodedata.normalize("NFKC", name)  # full-width letters and digits, as Japanese keyboards type them
    if _NUMBER.fullmatch(plain):
        return Decimal(plain)
    # In Turkish, the capitals of "ı" and "i" are "I" and "İ", which folds to an "i" with a dot above.
    text = plain.casefold().replace("i\u0307", "i").replace("ı", "i")
    return unicodedata.normalize("NFKC", _BETWEEN_WORDS.sub(" ", " ".join(text.split())))


def natural_order(names: Iterable[str]) -> list[str]:
    """Return the distinct names in natural order: numbers are compared as numbers, also within names."""
    distinct = set(names)
    key: Callable[[str], object] = Decimal if all(map(_NUMBER.fullmatch, distinct)) else _natural_key
    return sorted(distinct, key=lambda name: (key(name), name))


def _natural_key(name: str) -> tuple[object, ...]:
    pieces: list[object] = []
    for piece in _DIGITS.split(name):  # text, digits, text, …
        digits = piece.lstrip("0")
        # Compare by length first, so that numbers of any length need no conversion.
        pieces.append((len(digits), digits) if len(pieces) % 2 else piece)
    return tuple(pieces)


def name_classes(
    labels: Iterable[str], *, source: str, twins: object = "error"
) -> tuple[tuple[str, ...], dict[str, int], tuple[str, ...]]:
    """Return class names in order, the class index of each original label, and notes on labels merged or odd.

    Args:
        labels: Original labels in the source.
        source: Description of the source for errors, such as ``folder: photos``.
        twins: How to treat twins: ``error``, ``merge`` or ``keep``.

    Raises:
        DataError: If there are twins, a blank or a binary label, or fewer than two classes.
        UsageError: If *twins* has another value.
    """
    if twins not in ("error", "merge", "keep"):
        raise UsageError(f"data.twins is error, merge or keep, not {twins!r}")
    raw = set(labels)
    name_of = {label: tidy(label) for label in raw}
    if "" in name_of.values():
        raise DataError(f"{source} has a class whose name is blank")
    binary = sorted(label for label in raw if _is_binary(name_of[label]))
    if binary:
        raise DataError(
            f"{source} has the class {one_line(ascii(binary[0]), max_length=80)}, which holds characters that cannot "
            "be printed, such as those of a binary number: write labels as text"
        )
    notes = [_merged_note(spellings, f"the class {name!r}") for name, spellings in _groups_of(raw, tidy) if spellings]
    groups = [spellings for _, spellings in _groups_of(set(name_of.values()), folded) if spellings]
    if groups and twins == "error":
        raise DataError(
            f"{source} has classes whose names differ only in case, white space, hyphens, underscores, the width of "
            f"characters or how a number is written: "
            f"{'; '.join(_listed(each) for each in groups[:5])}{' …' if groups[5:] else ''}; "
            "rename them, or set data.twins=merge to make them one class or data.twins=keep to keep them apart"
        )
    if twins == "merge":
        for spellings in groups:
            notes.append(_merged_note(spellings, f"the class {spellings[0]!r}"))
            name_of = {label: spellings[0] if name in spellings else name for label, name in name_of.items()}
    classes = natural_order(name_of.values())
    lists = [name for name in classes if _LIST.fullmatch(name)]
    if lists:
        notes.append(
            f"{plural(len(lists), 'class', 'classes')} of {source} {'has' if len(lists) == 1 else 'have'} a list as "
            f"the name, such as {one_line(lists[0], max_length=80)}: write the one class of each image without "
            "brackets and quotes"
        )
    several = [name for name in classes if len(parts := _SEVERAL.split(name)) > 1 and set(parts) <= set(classes)]
    if several:
        notes.append(
            f"{plural(len(several), 'class', 'classes')} of {source} seem to be several labels, such as "
            f"{one_line(several[0], max_length=80)!r}: an image has one class here"
        )
    for name in classes:
        if name.lower() in _NOTHING:
            notes.append(
                f"{source} has the class {name!r}, which often stands for a missing label: if so, leave it out"
            )
    if {_UNKNOWN, "0"} <= set(classes) and all(name.isdecimal() for name in classes if name != _UNKNOWN):
        notes.append(
            f"{source} has the class {_UNKNOWN!r} beside '0', '1' and so on, which often stands for unknown labels: if "
            "so, leave out its images"
        )
    if len(classes) < 2:
        found = f"only {classes[0]!r}" if classes else "none"
        if classes == [_UNKNOWN]:
            found += ", which stands for labels that are not public"
        raise DataError(f"{source} must have images of at least two classes; it has {found}")
    index_of = {name: index for index, name in enumerate(classes)}
    return tuple(classes), {label: index_of[name] for label, name in name_of.items()}, tuple(notes)


def name_groups(groups: Iterable[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the normalised name of each original group, and notes on merged groups.

    Groups are merged if their names differ only in white space, case, the encoding of accents or the notation of
    numbers. If a patient counted as two, images of this patient could leak from training into the test.
    """
    raw = set(groups)
    name_of = {group: tidy(group) for group in raw}
    notes = []
    for _, spellings in _groups_of(raw, lambda group: folded(tidy(group))):
        if spellings:
            name = tidy(spellings[0])
            notes.append(_merged_note(spellings, f"the group {name!r}"))
            name_of |= dict.fromkeys(spellings, name)
    return name_of, tuple(notes)


def _groups_of(names: set[str], key: Callable[[str], object]) -> list[tuple[object, list[str]]]:
    """Return the names of each key, in order, or an empty list if there is only one."""
    found: dict[object, list[str]] = {}
    for name in natural_order(names):
        found.setdefault(key(name), []).append(name)
    return [(each, spellings if len(spellings) > 1 else []) for each, spellings in found.items()]


def _merged_note(spellings: list[str], what: str) -> str:
    return f"{_listed(spellings)} are treated as {what}"


def _listed(names: list[str]) -> str:
    """Return names in a distinguishable form: escaped where they look alike."""
    shown = [repr(name) if len(set(map(_looks, names))) == len(names) else ascii(name) for name in names]
    return " and ".join([", ".join(shown[:-1]), shown[-1]])


def _looks(name: str) -> str:
    return unicodedata.normalize("NFC", name)
