"""How a CSV is written is found out, or said by options."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from plugins.datasets._csv_table import read_table
from zoo.errors import DataError


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_and_encoding_are_found_out(tmp_path: Path, encoding: str, delimiter: str) -> None:
    """Excel writes semicolons where a comma is the decimal sign, and UTF-16 with tabs as Unicode text."""
    text = delimiter.join(("path", "label")) + "\r\n" + delimiter.join(("ä b.png", "Käse")) + "\r\n\r\n"
    if encoding == "utf-16-le-bom":
        encoding, text = "utf-16-le", "\ufeff" + text
    (row,) = read_table(write(tmp_path / "x.csv", text, encoding), {}).rows
    assert (row.line, row.path, row.label, row.split, row.group) == (2, "ä b.png", "Käse", "", "")


@pytest.mark.parametrize(
    "header", ["image,class", "Filename,Label", "FILE,target", " image_path , category ", "img,class_name"]
)
def test_usual_names_of_columns_are_known_in_any_case(tmp_path: Path, header: str) -> None:
    (row,) = read_table(write(tmp_path / "x.csv", f"{header}\na.png,cat\n"), {}).rows
    assert (row.path, row.label) == ("a.png", "cat")


def test_columns_that_are_called_path_and_label_come_before_others(tmp_path: Path) -> None:
    (row,) = read_table(write(tmp_path / "x.csv", "image,path,class,label\n1,a.png,2,cat\n"), {}).rows
    assert (row.path, row.label) == ("a.png", "cat")


def test_columns_delimiter_and_encoding_can_be_set(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "foto:art\nä.png:Käse\n", "cp1252")
    options = {"path_column": "foto", "label_column": "ART", "delimiter": ":", "encoding": "cp1252"}
    table = read_table(path, options)
    assert (table.rows[0].path, table.rows[0].label) == ("ä.png", "Käse")
    assert table.columns == {"path": "foto", "label": "art"}


def test_excels_line_for_the_delimiter_is_followed(tmp_path: Path) -> None:
    (row,) = read_table(write(tmp_path / "x.csv", "sep=;\npath;label\na,b.png;cat\n"), {}).rows
    assert (row.line, row.path) == (3, "a,b.png")


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("image,filename,label\n", {}, r"several columns .* the path: 'image', 'filename'; set data\.path_column"),
        ("path,label,label\n", {}, "several columns .* the label"),
        ("a.png,cat\nb.png,dog\n", {}, "must name the columns path and label"),
        ("", {}, "is empty"),
        ("path,label\n", {"label_column": "kind"}, "no column 'kind'; its columns are 'path', 'label'"),
        ("path,label\n", {"delimiter": ", "}, "one character or tab"),
        ("path,label\n", {"encoding": "klingon"}, "'klingon' is not an encoding"),
        ('[{"path": "a.png", "label": "cat"}]', {}, "is JSON: save it as a table with the columns path and label"),
        ('\ufeff{"file_name": "a.png", "label": "cat"}\n', {}, "is JSON"),
        ("path,label\na.png,cat,7\n", {}, "line 2 .* has 3 fields, but the first line has 2"),
    ],
)
def test_ambiguity_gives_one_sentence_with_the_remedy(
    tmp_path: Path, text: str, options: dict[str, str], message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_table(write(tmp_path / "x.csv", text), options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_byte_order_mark_is_named_and_can_be_stated(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "x.csv", "path,label\na.png,cat\n", encoding)
    with pytest.raises(DataError, match=r"data\.encoding \(utf-16-le or utf-16-be"):
        read_table(path, {})
    assert read_table(path, {"encoding": encoding}).rows[0].label == "cat"


def test_a_table_that_is_not_utf_8_says_how_to_name_its_encoding(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is not utf-8 text.*data\.encoding \(such as cp1252"):
        read_table(write(tmp_path / "x.csv", "path,label\nä.png,Käse\n", "cp1252"), {})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\x1f\x8b" + bytes(40), "is compressed; unpack it first"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(40), "such as an Excel workbook; save it as CSV"),
        (b"PAR1" + bytes(40), "is a Parquet file; parquet:PATH reads it"),
        (b"<!DOCTYPE html><html>Sign in</html>", "is a web page; download the file itself"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
    ],
)
def test_other_files_are_called_what_they_are(tmp_path: Path, content: bytes, words: str) -> None:
    """Resembles reports of an Excel file with the suffix changed to .csv, which was called text in another encoding."""
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_table(tmp_path / "t.csv", {})


def test_an_excel_workbook_is_told_from_other_archives(tmp_path: Path) -> None:
    for inside, words in (("xl/workbook.xml", "is an Excel workbook; save it as CSV"), ("a.png", "is a zip archive")):
        with ZipFile(tmp_path / "t.csv", "w") as archive:
            archive.writestr(inside, "x")
        with pytest.raises(DataError, match=words):
            read_table(tmp_path / "t.csv", {})
