"""Names of classes and groups: what makes two of them one, and their order."""

from __future__ import annotations

import pytest

from plugins.datasets._labels import name_classes, name_groups, natural_order, tidy
from zoo.errors import DataError, UsageError

NFC, NFD = "K\u00e4se", "Ka\u0308se"


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["10", "2", "1", "0"], ["0", "1", "2", "10"]),
        (["10.0", "5.0", "-1"], ["-1", "5.0", "10.0"]),
        (["0.10", "0.9"], ["0.10", "0.9"]),
        (["class10", "class2", "class1"], ["class1", "class2", "class10"]),
        (["dog", "Zebra", "cat"], ["Zebra", "cat", "dog"]),
        (["²", "1", "\u0663", "10", "2"], ["1", "2", "10", "²", "\u0663"]),
        (["1", "two", "10"], ["1", "10", "two"]),
        (["9" * 5000, "1"], ["1", "9" * 5000]),
    ],
)
def test_names_are_in_natural_order(names: list[str], order: list[str]) -> None:
    """Folders 0, 1, 10, 2 in alphabetical order are a well-known trap (torchvision#714)."""
    assert natural_order(names) == order


@pytest.mark.parametrize(
    "twins",
    [
        ("Cat", "cat"),
        ("1", "01"),
        ("1", "1.0"),
        ("polar bear", "polar  bear"),
        ("Straße", "STRASSE"),
        ("10", "1e1", "010"),
        ("A", "Ａ"),
        ("01", "０１"),
        ("カ", "ｶ"),
        ("İzmir", "izmir"),
        ("ISPARTA", "ısparta"),
    ],
)
def test_twins_are_an_error_that_names_them_and_the_way_out(twins: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=r"data\.twins=merge") as caught:
        name_classes([*twins, "zebra"], source="csv: x.csv")
    assert repr(twins[0]) in str(caught.value)


def test_twins_can_be_merged_or_kept() -> None:
    classes, index_of, notes = name_classes(["Cat", "cat", "dog"], source="x", twins="merge")
    assert (classes, index_of) == (("Cat", "dog"), {"Cat": 0, "cat": 0, "dog": 1})
    assert notes == ("'Cat' and 'cat' are treated as the class 'Cat'",)
    assert name_classes(["A", "a"], source="x", twins="keep")[0] == ("A", "a")
    with pytest.raises(UsageError, match=r"data\.twins is error, merge or keep"):
        name_classes(["A", "b"], source="x", twins="yes")


def test_white_space_and_the_encoding_of_accents_make_no_classes() -> None:
    classes, index_of, notes = name_classes([NFC, NFD, " cat", "cat\ufeff"], source="x")
    assert classes == (NFC, "cat")
    assert index_of == {NFC: 0, NFD: 0, " cat": 1, "cat\ufeff": 1}
    assert len(notes) == 2
    assert any("a\\u0308" in note for note in notes)


def test_a_blank_name_and_a_single_class_are_errors() -> None:
    with pytest.raises(DataError, match="blank"):
        name_classes(["cat", " "], source="x")
    with pytest.raises(DataError, match="at least two classes; it has only 'cat'"):
        name_classes(["cat"], source="x")


def test_lists_written_as_text_are_named_in_a_note() -> None:
    """pandas writes a column of lists into CSV as ``['cat']``, brackets and quotes included."""
    classes, _, notes = name_classes(["['cat']", '["dog", "owl"]', "[new] fox", "b[1]"], source="t.csv")
    assert len(classes) == 4
    (note,) = notes
    assert note.startswith('2 classes of t.csv have a list as the name, such as ["dog"')
    assert name_classes(["[cat]", "[0]", "it's"], source="x")[2] == ()


def test_groups_are_one_where_only_their_writing_differs() -> None:
    """A patient whose name is written in two ways is in training and in test, and the score is too good."""
    name_of, notes = name_groups(["patient1", " patient1", "Patient1", "7", "07", "7.0", "other"])
    assert len({name_of[each] for each in ("patient1", " patient1", "Patient1")}) == 1
    assert len({name_of[each] for each in ("7", "07", "7.0")}) == 1
    assert name_of["other"] == "other"
    assert len(notes) == 2


def test_tidy_names_are_stripped_of_what_cannot_be_seen() -> None:
    assert tidy(" \ufeff\u200b a b\u00a0") == "a b"


def test_names_that_differ_in_what_is_between_words_are_twins() -> None:
    """Resembles reports of ``golden_retriever`` in train and ``golden retriever`` in test, which no model got right."""
    with pytest.raises(DataError, match=r"'golden retriever', 'golden-retriever' and 'golden_retriever'; rename them"):
        name_classes(["golden_retriever", "golden retriever", "golden-retriever", "pug"], source="x")
    assert name_classes(["-a", "a", "hot dog", "hotdog"], source="x")[0] == ("-a", "a", "hot dog", "hotdog")
    assert set(name_classes(["-", "_", "a-", "a_"], source="x")[0]) == {"-", "_", "a-", "a_"}  # as of characters


def test_binary_labels_are_refused() -> None:
    """Resembles reports of labels written as the bytes of a NumPy integer, which are blank on a screen."""
    with pytest.raises(DataError, match=r"the class '\\x00.*', which holds characters that cannot be printed.*as text"):
        name_classes(["\0" * 8, "\x01" + "\0" * 7], source="x")
    with pytest.raises(DataError, match="as text"):
        name_classes(["\x01", "\x02"], source="x")
    assert name_classes(["a\x1b[2J", "b"], source="x")[0] == ("a\x1b[2J", "b")
