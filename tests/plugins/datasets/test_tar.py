"""``tar:PATH``: folders or pairs in tar files, read where they lie, and nothing hostile followed."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from zoo import Splits
from zoo.dataset import FilePart, Split
from zoo.errors import DataError
from zoo.files import image_kinds

Load = Callable[..., Splits]


def tar(path: Path, members: Iterable[tuple[str, bytes] | tarfile.TarInfo], **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", **options) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return path


def special(name: str, kind: bytes, **fields: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def files(*names: str) -> list[tuple[str, bytes]]:
    return [(name, f"content of {name}".encode() * 50) for name in names]


def contents(split: Split | None) -> list[bytes]:
    """What is read at the places that the split gives."""
    assert split is not None
    assert split.encoded is not None
    found = []
    for part in split.encoded:
        assert isinstance(part, FilePart)
        with part.path.open("rb") as file:
            file.seek(part.start)
            found.append(file.read(part.size))
    return found


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_class_folders_in_any_form_of_tar_and_with_names_of_any_length(load: Load, tmp_path: Path, form: int) -> None:
    long = "x" * 90 + "/" + "y" * 90 + ".jpg"
    path = tar(
        tmp_path / "a.tar", files("dog/1.png", "cat/2.JPG", f"cat/{long}", "cat/notes.txt", "cat/.x.jpg"), format=form
    )
    splits = load("tar", path)
    assert splits.classes == ("cat", "dog")
    assert splits.train.ids == ["cat/2.JPG", f"cat/{long}", "dog/1.png"]
    assert splits.train.labels.tolist() == [0, 0, 1]
    assert contents(splits.train) == [content for _, content in files(*splits.train.ids)]
    assert (splits.val, splits.test) == (None, None)


@pytest.mark.parametrize("prefix", ["", "./", "photos/", "./deep/photos/"])
def test_a_tar_file_of_a_folder_is_that_folder(load: Load, photo: Any, tmp_path: Path, prefix: str) -> None:
    for number, name in enumerate(
        ("train/a/1.png", "train/a/sub/2.png", "train/b/1.png", "test/a/1.png", "val/b/1.png")
    ):
        photo(tmp_path / "photos" / name, number)
    from_folder = load("folder", tmp_path / "photos")
    members = [
        (f"{prefix}{path.relative_to(tmp_path / 'photos').as_posix()}", path.read_bytes())
        for path in sorted((tmp_path / "photos").rglob("*.png"))
    ]
    from_tar = load("tar", tar(tmp_path / "a.tar", reversed(members)))
    assert from_tar.classes == from_folder.classes
    for name in ("train", "val", "test"):
        one, other = getattr(from_tar, name), getattr(from_folder, name)
        assert (list(one.ids), one.labels.tolist()) == (list(other.ids), other.labels.tolist())
        assert contents(one) == [path.read_bytes() for path in other.encoded]


def test_pairs_in_shards_are_read_in_order_with_their_classes(load: Load, tmp_path: Path) -> None:
    for shard in range(2):
        pairs = [
            (f"{shard}{n}.{ext}", content)
            for n in range(3)
            for ext, content in (
                ("cls", b"%d\n" % (n * 5)),
                ("jpg", b"image %d%d" % (shard, n)),
                ("json", b"{}"),
                ("seg.png", b"?"),
            )
        ]
        tar(tmp_path / "set" / f"train-{shard:04}.tar", pairs)
    tar(tmp_path / "set" / "val-0000.tar", [("v.jpg", b"image v"), ("v.cls", b"10")])
    splits = load("tar", tmp_path / "set")
    assert splits.classes == ("0", "5", "10")
    assert splits.train.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert splits.train.ids == ["00.jpg", "01.jpg", "02.jpg", "10.jpg", "11.jpg", "12.jpg"]
    assert contents(splits.train)[4] == b"image 11"
    assert splits.val is not None
    assert splits.val.labels.tolist() == [2]


def test_classes_may_be_words_or_named_by_a_file_beside_the_shards(load: Load, tmp_path: Path) -> None:
    words = tar(tmp_path / "w" / "a.tar", [("1.jpg", b"x"), ("1.cls", b"owl"), ("2.jpg", b"y"), ("2.cls", b"cat")])
    assert load("tar", words).classes == ("cat", "owl")
    path = tar(tmp_path / "n" / "a.tar", [("1.jpg", b"x"), ("1.cls", b"2"), ("2.jpg", b"y"), ("2.cls", b"0")])
    (path.parent / "classes.txt").write_text("ant\nbee\ncat\n")
    splits = load("tar", path)
    assert (splits.classes, splits.train.labels.tolist()) == (("ant", "bee", "cat"), [2, 0])
    (path.parent / "classes.txt").write_text("ant\nbee\n")
    with pytest.raises(DataError, match="names 2 classes, but there is the class 2"):
        load("tar", path)


def test_the_same_name_in_two_shards_is_distinguished(load: Load, tmp_path: Path) -> None:
    for shard in "ab":
        tar(tmp_path / f"{shard}.tar", files("cat/1.jpg", "dog/1.jpg"))
    assert load("tar", tmp_path).train.ids == [
        "a.tar/cat/1.jpg",
        "b.tar/cat/1.jpg",
        "a.tar/dog/1.jpg",
        "b.tar/dog/1.jpg",
    ]


def test_a_tar_file_is_read_once_and_again_when_it_changes(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tar(tmp_path / "a.tar", files("cat/1.jpg", "dog/1.jpg"))
    first = load("tar", path)
    with monkeypatch.context() as patch:
        patch.setattr(tarfile, "open", lambda *_, **__: pytest.fail("read again"))
        assert load("tar", path).train.ids == first.train.ids
    tar(path, files("cat/1.jpg", "cat/2.jpg", "dog/1.jpg"))
    assert len(load("tar", path).train) == 3
    assert load("tar", path).train.signature != first.train.signature


@pytest.mark.parametrize(
    ("member", "sentence"),
    [
        (special("cat/2.jpg", tarfile.SYMTYPE, linkname="/etc/passwd"), "'cat/2.jpg', which is a link"),
        (special("cat/2.jpg", tarfile.LNKTYPE, linkname="cat/1.jpg"), "'cat/2.jpg', which is a link"),
        (special("cat/2.jpg", tarfile.CHRTYPE), "not a plain file"),
        (special("cat/2.jpg", tarfile.FIFOTYPE), "not a plain file"),
        (special("cat/2.jpg", tarfile.GNUTYPE_SPARSE), "not a plain file"),
        (("../outside.jpg", b"x"), "'../outside.jpg', a path that leads out"),
        (("cat/../../outside.jpg", b"x"), "leads out"),
        (("/etc/1.jpg", b"x"), "leads out"),
        (special("cat/..", tarfile.DIRTYPE), "leads out"),
        (("1.jpg", b"x"), "'1.jpg', which is in no class folder"),
        (("cat/1.cls", b"x" * 201), "has 201 bytes"),
        (("cat/1.cls", b" "), "is empty"),
        (("cat/2.cls", b"3"), r"'cat/1.jpg' without a file 'cat/1.cls'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "member",  # an address differs between test processes
)  # fmt: skip
def test_hostile_and_odd_files_are_rejected_by_name(load: Load, tmp_path: Path, member: Any, sentence: str) -> None:
    path = tar(tmp_path / "a.tar", [*files("cat/1.jpg", "dog/1.jpg"), member])
    with pytest.raises(DataError, match=sentence):
        load("tar", path)
    assert {each.name for each in tmp_path.rglob("*")} == {"a.tar"}


def test_a_pair_without_its_image_is_an_error(load: Load, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'2.cls' without an image"):
        load("tar", tar(tmp_path / "a.tar", [("1.jpg", b"x"), ("1.cls", b"0"), ("2.cls", b"1")]))
    with pytest.raises(DataError, match=r"two images with the same key"):
        load("tar", tar(tmp_path / "b.tar", [("1.jpg", b"x"), ("1.png", b"x"), ("1.cls", b"0")]))


@pytest.mark.parametrize("kept", [600, 2048, 4 * 2048 - 512, 7 * 2048 + 100])
def test_a_tar_file_that_is_cut_short_is_an_error(load: Load, tmp_path: Path, kept: int) -> None:
    """Also between two members, where only the mark of the end is missing."""
    path = tar(tmp_path / "a.tar", files(*(f"{label}/{n}.jpg" for label in "ab" for n in range(10))))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"a\.tar (is truncated|is not a tar file, or is damaged|is damaged at byte)"):
        load("tar", path)


@pytest.mark.parametrize("place", range(0, 6000, 97))
def test_a_flipped_byte_in_a_header_never_hides_images(load: Load, tmp_path: Path, place: int) -> None:
    """Python's reader takes a damaged header for the end, and what follows is lost without a word."""
    whole = files(*(f"{label}/{n}.jpg" for label in "ab" for n in range(3)))
    path = tar(tmp_path / "a.tar", whole)
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    try:
        splits = load("tar", path)
    except DataError:
        return
    assert len(splits.train) == 6  # it was in the images, or in what pads them


def test_a_file_that_is_not_a_tar_file_is_reported_as_such(load: Load, tmp_path: Path) -> None:
    (tmp_path / "text.tar").write_text("not a tar file" * 100)
    with pytest.raises(DataError, match="not a tar file"):
        load("tar", tmp_path / "text.tar")
    (tmp_path / "packed.tar").write_bytes(gzip.compress(tar(tmp_path / "x.tar", files("a/1.jpg")).read_bytes()))
    with pytest.raises(DataError, match=r"compressed \(gzip\)"):
        load("tar", tmp_path / "packed.tar")
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="holds no tar file"):
        load("tar", tmp_path / "none")
    with pytest.raises(DataError, match="at least two classes"):
        load("tar", tar(tmp_path / "one.tar", files("a/1.jpg", "a/2.jpg")))
    with pytest.raises(DataError, match="no image"):
        load("tar", tar(tmp_path / "empty.tar", []))
    with pytest.raises(DataError, match="no training images"):
        load("tar", tar(tmp_path / "test.tar", files("a/1.jpg", "b/2.jpg")))


JPEG = b"\xff\xd8\xff\xe0 a picture"
HEIC = b"\0\0\0\x1cftypheic\0\0\0\0mif1heic"


def test_images_are_detected_by_their_content_and_other_files_are_counted(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_kinds, "has_decoder", lambda kind: False)
    members = [
        ("cat/1", JPEG),
        ("cat/2.jfif", JPEG),
        ("dog/3.jpg_large", JPEG),
        ("dog/4.heic", HEIC),
        ("dog/a.md", b"?"),
    ]
    splits = load("tar", tar(tmp_path / "a.tar", [*members, ("__MACOSX/cat/1", JPEG)]))
    assert splits.train.ids == ["cat/1", "cat/2.jfif", "dog/3.jpg_large"]
    assert splits.omissions == (
        "1 image file left out because HEIC cannot be read here: 1 .heic (pip install 'zoobench[photos]' reads HEIC)",
    )
    assert splits.notes == ("1 file left out because it is not an image: 1 .md",)


@pytest.mark.parametrize(
    ("suffix", "labels"), [("json", [b'{"label": "owl"}', b'{"label": "cat"}']), ("txt", [b"owl\n", b"cat"])]
)
def test_labels_may_be_in_json_or_text(load: Load, tmp_path: Path, suffix: str, labels: list[bytes]) -> None:
    """WebDataset writes classes so, too."""
    members = [(f"{k}.{each}", content) for k in range(4) for each, content in (("jpg", b"x"), (suffix, labels[k % 2]))]
    assert load("tar", tar(tmp_path / "a.tar", members)).classes == ("cat", "owl")


def test_the_one_image_of_a_sample_may_have_two_suffixes_but_of_several_none_is_chosen(
    load: Load, tmp_path: Path
) -> None:
    """Samples of WebDataset with ``left.jpg`` and ``right.jpg``, as its users ask about."""
    labels = [(f"{k}.cls", b"%d" % (k % 2)) for k in range(4)]
    one = load("tar", tar(tmp_path / "a.tar", [*labels, *((f"{k}.image.jpg", b"x") for k in range(4))]))
    assert one.train.ids == [f"{k}.image.jpg" for k in range(4)]
    two = [(f"{k}.{side}.jpg", b"x") for k in range(4) for side in ("left", "right")]
    with pytest.raises(DataError, match=r"'0\.left\.jpg' and '0\.right\.jpg': call the one to classify '0\.jpg'"):
        load("tar", tar(tmp_path / "b.tar", [*labels, *two]))
    assert load("tar", tar(tmp_path / "c.tar", [*labels, *two, *((f"{k}.jpg", b"x") for k in range(4))])).train.ids == [
        f"{k}.jpg" for k in range(4)
    ]


def test_labels_that_stand_for_unknown_ones_are_told(load: Load, tmp_path: Path) -> None:
    """As the Hub's tasks publish test sets with all labels -1; with 1 alone, -1 may be a class of two."""

    def splits(labels: list[bytes]) -> Any:
        members = [
            (f"{k}.{each}", text) for k, label in enumerate(labels) for each, text in (("jpg", b"x"), ("cls", label))
        ]
        return load("tar", tar(tmp_path / f"{len(list(tmp_path.iterdir()))}.tar", members))

    with pytest.raises(DataError, match="only '-1', which stands for labels that are not public"):
        splits([b"-1", b"-1"])
    assert "often stands for unknown labels" in splits([b"-1", b"0", b"1"]).notes[0]
    assert splits([b"-1", b"1"]).notes == ()


def test_captions_are_no_classes(load: Load, tmp_path: Path) -> None:
    members = [
        (f"{k}.{each}", content) for k in range(6) for each, content in (("jpg", b"x"), ("txt", b"photo %d" % k))
    ]
    with pytest.raises(DataError, match="6 different texts for 6 images, so they are captions"):
        load("tar", tar(tmp_path / "a.tar", members))


def test_splits_below_classes_and_unlabelled_images_are_read_as_in_folders(load: Load, tmp_path: Path) -> None:
    splits = load("tar", tar(tmp_path / "a.tar", files("a/train/1.png", "b/train/1.png", "a/test/1.png")))
    assert (splits.classes, len(splits.train)) == (("a", "b"), 2)
    assert splits.test is not None
    splits = load("tar", tar(tmp_path / "b.tar", files("train/a/1.png", "train/b/1.png", "test/1.png")))
    assert splits.test is None
    assert splits.omissions == ("1 image in 'test' left out because there are no class folders to label them",)


def test_classes_are_in_natural_order_and_twins_are_an_error(load: Load, tmp_path: Path) -> None:
    assert load("tar", tar(tmp_path / "a.tar", files("10/1.png", "9/1.png"))).classes == ("9", "10")
    with pytest.raises(DataError, match="'Cat' and 'cat'"):
        load("tar", tar(tmp_path / "b.tar", files("Cat/1.png", "cat/1.png", "dog/1.png")))
